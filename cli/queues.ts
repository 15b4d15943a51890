import { createInterface } from "node:readline/promises";
import type { PurgedState, QueueInfo } from "../runtime/overview.ts";
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
    print(options, queues, () =>
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
    );
  });
}

/** Ends the calls that wait in a queue, once somebody has said yes. */
export async function purge(options: PurgeFlags, queue: string): Promise<void> {
  await withSession(options, async ({ client }) => {
    const control = client.queue(queue);
    if (options.yes !== true) await confirm(await control.info());
    const purged = await control.purge({ states: options.state, olderThanMs: options.olderThan });
    print(
      options,
      { queue, ...purged },
      () => `canceled ${purged.canceled}, forgot ${purged.forgotten} that were parked`,
    );
  });
}

/** @throws UsageError for anything but a yes, and where nobody can be asked. */
async function confirm(info: QueueInfo): Promise<void> {
  const { name, delayed, retrying, parked } = info;
  if (!process.stdin.isTTY)
    throw new UsageError(`nobody can be asked whether ${name} is to be purged`, "--yes says so");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const waiting = `${waitingIn(info.waiting)} wait, ${delayed} are delayed, ${retrying} are to be repeated, ${parked} are parked`;
    const answer = await terminal.question(`Of the calls in ${name}, ${waiting}. Purge it? (yes/no) `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError("nothing was purged");
  } finally {
    terminal.close();
  }
}

function waitingIn(waiting: QueueInfo["waiting"]): number {
  return Object.values(waiting).reduce((sum, count) => sum + count, 0);
}
