#!/usr/bin/env node
import { generatorCommand } from "./command.ts";
import { stopWithLauncher } from "./launcher.ts";

stopWithLauncher();
await generatorCommand("taskpact-gen").parseAsync();
