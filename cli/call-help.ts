import type { Command } from "commander";
import { paramFlags, paramNote } from "./params.ts";
import { type CommonOptions, openCatalog } from "./session.ts";

/**
 * Tells how a task is called: the help of the command, and of the contract's parameters.
 *
 * @throws UsageError where there is no such task, after the help.
 */
export async function tellCall(command: Command, options: CommonOptions, task: string): Promise<void> {
  try {
    const declaration = (await openCatalog(options)).find(task);
    const params = paramFlags(declaration).map(({ name, flag }) => [flag, paramNote(declaration.task.params[name]!)]);
    const width = Math.max(...params.map(([flag = ""]) => flag.length));
    const lines = params.map(([flag = "", note = ""]) => `  ${flag.padEnd(width)}  ${note}`.trimEnd());
    const text = lines.length === 0 ? "  none" : lines.join("\n");
    command.addHelpText("after", `\nParameters of ${declaration.name}:\n${text}`);
  } finally {
    command.outputHelp();
  }
}
