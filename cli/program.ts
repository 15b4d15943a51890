import { Argument, Command, Option } from "commander";
import { generatorCommand } from "../generator/command.ts";
import { calling, examplesText, flag, inProject, onBroker, runs, runsTask } from "./command-parts.ts";
import { eventKinds } from "../runtime/events.ts";
import { version } from "../runtime/version.ts";
import { countOf, durationOf, momentOf } from "./flag-value.ts";

/** As docs/cli.md has them, for whoever has only the package. */
const exitCodesText = `
Exit codes:
  0 done                          4 nothing was begun: no broker, or it is full
  1 the call failed               5 time was up, or the outcome is unknown
  2 it can't be asked so          6 canceled
  3 an error of the contract      7 no such call

"taskpact <command> --help" has examples.`;

/**
 * The `taskpact` command. What its parts do is loaded when they run: `--help` needs none of it, and comes at once.
 *
 * @param options - `asJson`: it tells nothing of what is wrong with a command line, but throws; another tells it in JSON.
 */
export function program({ asJson = false }: { readonly asJson?: boolean | undefined } = {}): Command {
  const root = new Command("taskpact")
    .description("Runs workers, makes calls, and looks after the queues of a Taskpact project.")
    .version(version, "-V, --version", "prints the version")
    .exitOverride()
    .showHelpAfterError("(--help tells how it is used)")
    .configureOutput(asJson ? { outputError: () => {}, writeErr: () => {} } : {})
    .addHelpText("after", exitCodesText);
  const add = (parent: Command, usage: string, description: string, examples: readonly string[]): Command =>
    parent.command(usage).description(description).addHelpText("after", examplesText(examples));

  runs(
    onBroker(
      add(
        root,
        "worker",
        "Runs the handlers that a module exports, in processes that are started again when they die.",
        [
          "taskpact worker handlers/index.ts --broker redis://127.0.0.1:6379",
          "taskpact worker dist/handlers/index.js --workers 4 --concurrency 100 --max-calls 10000",
        ],
      ),
    )
      .argument("[module]", "exports what implement…() made (default: worker.module of the configuration)")
      .addOption(flag("--workers <count>", "how many processes (default: 1)", "WORKERS").argParser(countOf))
      .addOption(
        flag("--concurrency <count>", "calls that each runs at a time (default: 100)", "CONCURRENCY").argParser(
          countOf,
        ),
      )
      .addOption(
        flag("--max-calls <count>", "gives way to a fresh process after so many calls", "MAX_CALLS").argParser(countOf),
      )
      .addOption(
        flag("--grace <time>", "for running calls when it is stopped (default: 10s)", "GRACE").argParser(durationOf),
      )
      .addOption(
        flag("--node-queue <name>", "a queue of its own besides: node:<name>; auto makes a new name", "NODE_QUEUE"),
      )
      .option("--no-schedule", "leaves schedules to other workers (env: TASKPACT_NO_SCHEDULE)"),
    async () => (await import("./worker.ts")).work,
  );

  runs(
    inProject(
      add(root, "ls", "Lists the tasks; of one that is named, tells all.", [
        "taskpact ls",
        "taskpact ls addition --json",
      ]),
    ).argument("[task]"),
    async () => (await import("./ls.ts")).list,
  );

  runsTask(
    calling(
      add(root, "call", "Calls a task, waits, and prints its result.", [
        "taskpact call addition --a 4 --b 6",
        "taskpact call addition 4 6",
        `taskpact call place --order '{"customer":…}' --timeout 2m`,
        `echo '{"a":4,"b":6}' | taskpact call addition -`,
        "taskpact call snapshot --queue node:camera-7",
      ]),
    )
      .option("--timeout <time>", "how long it may take, waiting included (default: as its contract says)", durationOf)
      .addOption(
        new Option("--policy <policy>", "where it runs")
          .choices(["remote-only", "auto", "local-first"])
          .default("remote-only"),
      ),
    async () => (await import("./call.ts")).call,
  );
  runsTask(
    calling(
      add(root, "submit", "Hands a call to its queue, and prints its id.", [
        "taskpact submit division --dividend 1 --divisor 4 --delay 5m",
        "taskpact submit cancelOrder --id night-7 -- --id 4711     # behind --, every flag is a parameter",
      ]),
    )
      .option("--delay <time>", "holds it back", durationOf)
      .addOption(
        new Option("--at <date>", "the earliest time at which it may start").argParser(momentOf).conflicts("delay"),
      )
      .option("--expires <time>", "how long it may wait in its queue", durationOf)
      .option(
        "--accept-timeout <time>",
        "how long it may take until the broker has it (default: as its contract says of --timeout)",
        durationOf,
      ),
    async () => (await import("./call.ts")).submit,
  );

  const onCall = (parent: Command, name: string, description: string): Command =>
    onBroker(
      add(parent, name, description, [`taskpact ${parent === root ? "" : `${parent.name()} `}${name} division 0Qx3…`]),
    )
      .argument("<task>")
      .argument("<id>")
      .option("--queue <queue>", "that it was sent to (default: that of its contract)");
  runs(onCall(root, "status", "Tells where a call stands."), async () => (await import("./handle.ts")).status);
  runs(
    onCall(root, "show", "Tells all that is kept of a call, its answer included."),
    async () => (await import("./handle.ts")).show,
  );
  runs(
    onCall(root, "cancel", "Cancels a call, and tells its state."),
    async () => (await import("./handle.ts")).cancel,
  );

  const parked = root.command("parked").description("Calls that nobody could run, or whose workers died.");
  runs(
    onBroker(
      add(parked, "ls", "Lists parked calls, those parked last first.", [
        "taskpact parked ls",
        "taskpact parked ls math --limit 20",
        "taskpact parked ls --task division",
      ]),
    )
      .argument("[queue]", "(default: all queues)")
      .option("--task <task>", "only this task's")
      .option("--limit <count>", "how many at the most", countOf, 100),
    async () => (await import("./parked.ts")).list,
  );
  runs(onCall(parked, "show", "Tells all that is kept of a call."), async () => (await import("./handle.ts")).show);
  runs(
    onCall(parked, "replay", "Runs a call again, under the same id."),
    async () => (await import("./parked.ts")).replay,
  );
  runs(onCall(parked, "discard", "Forgets a parked call."), async () => (await import("./parked.ts")).discard);

  const schedule = root.command("schedule").description("Tasks that are called by themselves.");
  runs(
    onBroker(add(schedule, "ls", "Lists scheduled tasks, and when they are due.", ["taskpact schedule ls --json"])),
    async () => (await import("./schedule.ts")).list,
  );
  const scheduled = (name: string, description: string): Command =>
    onBroker(add(schedule, name, description, [`taskpact schedule ${name} forget`])).argument("<task>");
  runs(scheduled("pause", "Lets its slots pass without a call."), async () => (await import("./schedule.ts")).pause);
  runs(scheduled("resume", "Goes on with a schedule, from now."), async () => (await import("./schedule.ts")).resume);
  runs(
    scheduled("run", "Calls it now, as its schedule would, and prints the call's id."),
    async () => (await import("./schedule.ts")).run,
  );

  const pausing = (name: string, description: string): Command =>
    onBroker(add(root, name, description, [`taskpact ${name} addition`, `taskpact ${name} --queue math`]))
      .argument("[task]")
      .option("--queue <queue>", "all tasks of a queue; those of math with cpu are in another, math.cpu");
  runs(
    pausing("pause", "Lets no more calls be started on workers; without a task or queue, tells what is paused."),
    async () => (await import("./pause.ts")).pause,
  );
  runs(pausing("resume", "Goes on with what was paused."), async () => (await import("./pause.ts")).resume);

  runs(
    onBroker(
      add(root, "workers", "Lists the workers that listen.", [
        "taskpact workers --json",
        "taskpact workers --queue node:camera-7",
      ]),
    ).option("--queue <queue>", "only those that listen to this one"),
    async () => (await import("./workers.ts")).list,
  );
  runs(
    onBroker(
      add(root, "queues", "Lists the queues, and how they stand.", ["taskpact queues", "taskpact queues --json"]),
    ),
    async () => (await import("./queues.ts")).list,
  );
  runs(
    onBroker(
      add(root, "purge", "Cancels the calls that wait in a queue, once you have said yes.", [
        "taskpact purge math",
        "taskpact purge math --state parked --older-than 7d --yes",
      ]),
    )
      .argument("<queue>")
      .addOption(
        new Option("--state <states...>", "which calls (default: queued, delayed and retrying)").choices([
          "queued",
          "delayed",
          "retrying",
          "parked",
        ]),
      )
      .option("--older-than <time>", "only calls made, or parked, so long ago", durationOf)
      .option("--yes", "does not ask"),
    async () => (await import("./queues.ts")).purge,
  );
  runs(
    onBroker(
      add(root, "events", "Prints what happens to calls and workers, as it happens.", [
        "taskpact events --follow",
        "taskpact events addition --follow --kind failed parked --json",
      ]),
    )
      .argument("[task]", "(default: all tasks)")
      .option("--follow", "until it is interrupted, as is always done: nothing of the past is kept")
      .option("--queue <queue>", "that of a node queue (default: the queues of the tasks)")
      .addOption(new Option("--kind <kinds...>", "only such").choices(eventKinds)),
    async () => (await import("./events.ts")).follow,
  );

  root.addCommand(generatorCommand("gen").copyInheritedSettings(root));
  runs(
    add(root, "completion", "Prints what a shell needs to complete this command.", [
      "taskpact completion bash >> ~/.bashrc",
      "taskpact completion zsh > ~/.zfunc/_taskpact",
      "taskpact completion fish > ~/.config/fish/completions/taskpact.fish",
    ]).addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"])),
    async () => (await import("./completion.ts")).completion,
  );
  runs(
    inProject(root.command("complete", { hidden: true }))
      .argument("[words...]")
      .allowUnknownOption()
      .helpOption(false),
    async () => (await import("./completion.ts")).complete,
  );
  return root;
}
