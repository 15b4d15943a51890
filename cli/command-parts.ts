import { type Command, Option } from "commander";
import type { CommonOptions } from "./session.ts";

/** What a command does, of its flags and then its arguments. */
type Action = (options: never, ...args: readonly string[]) => Promise<void>;

/** Loads what a command does when it runs: `--help` needs none of it. */
export function runs(command: Command, load: () => Promise<Action>): void {
  command.action(async () => {
    const action = await load();
    await action(command.opts<never>(), ...command.args);
  });
}

/** The same for what calls a task, whose help is of the task's parameters, too: those are in its contract. */
export function runsTask(command: Command, load: () => Promise<Action>): void {
  command.action(async () => {
    const { help, ...options } = command.opts<CommonOptions & { readonly help?: boolean }>();
    const [task] = command.args;
    if (help === true) {
      if (task === undefined) command.outputHelp();
      else await (await import("./call-help.ts")).tellCall(command, options, task);
      return;
    }
    if (task === undefined)
      command.error("error: missing required argument 'task'", { code: "commander.missingArgument" });
    const action = await load();
    await action(options as never, ...command.args);
  });
}

/** What reads the project. */
export function inProject(command: Command): Command {
  return command
    .addOption(flag("--project <folder>", "the folder of taskpact.config.ts", "PROJECT").default("."))
    .option("--json", "prints JSON");
}

/** What goes to the broker. */
export function onBroker(command: Command): Command {
  return inProject(
    command
      .addOption(flag("--broker <url>", "the broker (default: that of the configuration)", "BROKER"))
      .addOption(flag("--namespace <name>", "keeps applications on one server apart", "NAMESPACE")),
  );
}

/** What takes the parameters of a task: flags that are the contract's, and known when it is loaded. */
export function calling(command: Command): Command {
  return onBroker(command)
    .usage("[options] <task> [params...]")
    .argument("[task]", "its --help tells its parameters")
    .argument("[params...]", "--name value, a value for each in their order, {…} or - (standard input) for all as JSON")
    .allowUnknownOption()
    .option("--queue <queue>", "sends it there: to a worker's node queue (default: that of its contract)")
    .helpOption(false)
    .option("-h, --help", "display help for command, and for a task that is named")
    .option("--id <id>", "the call's id: the same id is the same call")
    .addOption(new Option("--priority <priority>").choices(["high", "normal", "low"]));
}

/** A flag that a variable may stand for. */
export function flag(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`TASKPACT_${variable}`);
}

export function examplesText(examples: readonly string[]): string {
  return `\n${examples.length > 1 ? "Examples" : "Example"}:\n${examples.map((example) => `  ${example}`).join("\n")}`;
}
