#!/usr/bin/env node
import { generatorCommand } from "./command.ts";

await generatorCommand("taskpact-gen").parseAsync();
