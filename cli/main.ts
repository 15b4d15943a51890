#!/usr/bin/env node
import { stopWithLauncher } from "../generator/launcher.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { program } from "./program.ts";

// Who reads along may have had enough, as `head` has; what goes on then is nobody's.
process.stdout.on("error", () => process.exit(exitCodes.done));
process.stderr.on("error", () => {});
stopWithLauncher();

// What stands behind `--` is of the task.
const [, ...words] = process.argv;
const asJson = words.slice(0, [...words, "--"].indexOf("--")).includes("--json");
try {
  await program({ asJson }).parseAsync();
} catch (thrown) {
  process.exitCode = exitCodeOf(thrown);
  // Help ends so, too, and is done.
  if (process.exitCode !== exitCodes.done) (await import("./failure.ts")).tellFailure(thrown, asJson);
}
// A user's module may have left something open. What was printed goes out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
