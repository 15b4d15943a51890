import { createInterface } from "node:readline/promises";
import type { PurgedState, QueueInfo } from "../runtime/overview.ts";
import type { OwnerConflict } from "../runtime/owners.ts";
import { TaskError } from "../runtime/errors.ts";
import { UsageError } from "./exit-code.ts";
import { print } from "./output.ts";
import { type CommonOptions, withSession } from "./session.ts";
import { tableText } from "./table.ts";
import { rateText, spanText } from "./workers.ts";

interface PurgeFlags extends CommonOptions {
  readonly state?: readonly PurgedState[] | undefined;
  readonly olderThan?: number | undefined;
  readonly yes?: boolean | undefined;
}

/** Lists the queues of the project's tasks, and how they stand. */
export async function list(options: CommonOptions): Promise<void> {
  await withSession(options, async ({ client }) => {
    const queues = await client.queues();
    const columns = [
      "queue",
      "waiting",
      "held",
      "delayed",
      "retrying",
      "running",
      "parked",
      "oldest",
      "workers",
      "per s",
      "state",
    ] as const;
    const conflicts = queues.flatMap((queue) => queue.conflicts.map((conflict) => conflictText(queue.name, conflict)));
    print(options, queues, () =>
      [
        tableText(
          columns,
          queues.map(
            ({ name, held, delayed, retrying, running, parked, oldestMs, workers, perSecond, paused, ...info }) => ({
              queue: name,
              waiting: waitingIn(info.waiting),
              held: held.limited + held.aside + held.suspect,
              delayed,
              retrying,
              running,
              parked,
              oldest: oldestMs === undefined ? undefined : spanText(oldestMs),
              workers,
              "per s": rateText(perSecond.succeeded + perSecond.failed),
              state: paused ? "paused" : undefined,
            }),
          ),
        ),
        ...conflicts,
      ].join("\n"),
    );
  });
}

function conflictText(queue: string, { task, owners }: OwnerConflict): string {
  return `conflict in ${queue}: ${task} is served for ${owners.join(" and ")}; each refuses the others' calls`;
}

/** Ends the calls that wait in a queue, once somebody has said yes. */
export async function purge(options: PurgeFlags, queue: string): Promise<void> {
  await withSession(options, async ({ client }) => {
    const control = client.queue(queue);
    if (options.yes !== true) await confirm(await control.info(), options);
    const purged = await control.purge({ states: options.state, olderThanMs: options.olderThan });
    print(
      options,
      { queue, ...purged },
      () => `canceled ${purged.canceled}, forgot ${purged.forgotten} that were parked`,
    );
  });
}

/** @throws TaskError `canceled` for anything but a yes, and UsageError where nobody can be asked. */
async function confirm(info: QueueInfo, options: PurgeFlags): Promise<void> {
  const { name } = info;
  if (!process.stdin.isTTY)
    throw new UsageError(`nobody can be asked whether ${name} is to be purged`, "--yes says so");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Purge ${name} of ${callsText(info, options)}? (yes/no) `).catch(() => {
      process.stderr.write("\n"); // Ctrl-C and Ctrl-D leave the cursor behind the question.
      return "no";
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw new TaskError("canceled", "nothing was purged");
  } finally {
    terminal.close();
  }
}

/** `its calls that are queued (3), delayed (1) or retrying (0), if they are older than 2h`. */
function callsText(info: QueueInfo, { state = ["queued", "delayed", "retrying"], olderThan }: PurgeFlags): string {
  const counts = { ...info, queued: waitingIn(info.waiting) + info.held.limited + info.held.aside + info.held.suspect };
  const parts = [...new Set(state)].map((one) => `${one} (${counts[one]})`);
  const last = parts.pop();
  const states = parts.length === 0 ? last : `${parts.join(", ")} or ${last}`;
  return `its calls that are ${states}${olderThan === undefined ? "" : `, if they are older than ${spanText(olderThan)}`}`;
}

function waitingIn(waiting: QueueInfo["waiting"]): number {
  return Object.values(waiting).reduce((sum, count) => sum + count, 0);
}
