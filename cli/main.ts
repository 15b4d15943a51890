#!/usr/bin/env node
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { program } from "./program.ts";

const asJson = process.argv.includes("--json");
try {
  await program().parseAsync();
} catch (thrown) {
  process.exitCode = exitCodeOf(thrown);
  // Help ends so, too, and is done.
  if (process.exitCode !== exitCodes.done) (await import("./failure.ts")).tellFailure(thrown, asJson);
}
// A user's module may have left something open. What was printed goes out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
