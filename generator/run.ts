import { check, counted } from "./check.ts";
import type { Settings } from "./config.ts";
import { type Diagnostic, diagnosticText, hasErrors } from "./diagnostic.ts";
import { generate, type GenerateOptions, type Generation } from "./generate.ts";
import { scaffold } from "./scaffold.ts";
import { taskChanges, taskChangesText } from "./task-change.ts";
import { writeChanges } from "./write.ts";

/** What people ask for on the command line. */
export interface RunOptions extends GenerateOptions {
  readonly check?: boolean | undefined;
  /** The folder of the handlers, as it was given. */
  readonly scaffold?: string | undefined;
}

/** Where the generator speaks to: what it did, and what went wrong. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Generates, or checks, once. @returns whether all is well */
export async function run(settings: Settings, options: RunOptions, terminal: Terminal): Promise<boolean> {
  const generation = await generate(settings, options);
  report(generation.diagnostics, terminal);
  if (hasErrors(generation.diagnostics)) return false;
  if (options.check === true) {
    const { isInStep, text } = check(generation);
    if (isInStep) terminal.out(text);
    else terminal.error(text);
    return isInStep;
  }
  await writeChanges(settings.root, generation.changes);
  terminal.out(resultText(generation));
  for (const path of generation.strangers) {
    terminal.error(`${path} is not generated: move or delete it, that folder is the generator's own`);
  }
  if (options.scaffold === undefined) return true;
  const { changes, lines, diagnostics } = await scaffold(settings, generation.assembly.model, options.scaffold);
  await writeChanges(settings.root, changes);
  for (const line of lines) terminal.out(line);
  report(diagnostics, terminal);
  return !hasErrors(diagnostics);
}

/** What a run has done, in a line or two. */
function resultText(generation: Generation): string {
  const { changes, assembly } = generation;
  const { contracts } = assembly.model;
  const tasks = contracts.reduce((count, contract) => count + contract.tasks.length, 0);
  const total = `${counted(tasks, "task")} of ${counted(contracts.length, "contract")}`;
  if (changes.length === 0) return `nothing to do: ${total}, all in step`;
  const what = taskChangesText(taskChanges(generation));
  const done = (["wrote", "deleted"] as const).flatMap((verb) => {
    const paths = changes.filter(({ text }) => (text === undefined) === (verb === "deleted")).map(({ path }) => path);
    return paths.length === 0 ? [] : [`${verb} ${paths.length > 4 ? counted(paths.length, "file") : paths.join(", ")}`];
  });
  return [`${done.join("; ")} (${total})`, ...(what === "" ? [] : [what])].join("\n");
}

/** Says what is wrong, and how much. */
export function report(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  for (const diagnostic of diagnostics) terminal.error(diagnosticText(diagnostic));
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error").length;
  if (errors > 0) terminal.error(counted(errors, "error"));
}
