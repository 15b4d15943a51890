import { print } from "./output.ts";
import { type CommonOptions, withSession } from "./session.ts";
import { tableText } from "./table.ts";

interface ListFlags extends CommonOptions {
  readonly queue?: string | undefined;
}

/** Lists the workers that listen to queues of the project's tasks, or to one that is named. */
export async function list(options: ListFlags): Promise<void> {
  await withSession(options, async ({ client }) => {
    const { queue } = options;
    const workers = await (queue === undefined ? client.workers() : client.presence(queue));
    print(options, workers, () =>
      workers.length === 0
        ? "no worker listens"
        : tableText(
            ["id", "host", "pid", "version", "up", "running", "queues", "owners", "per s"],
            workers.map(({ id, host, pid, version, uptimeMs, concurrency, running, queues, owners, perSecond }) => ({
              id,
              host,
              pid,
              version,
              up: uptimeMs === undefined ? undefined : spanText(uptimeMs),
              running: running === undefined ? undefined : `${running}/${concurrency ?? "?"}`,
              queues: queues.join(", "),
              owners: owners.join(", "),
              "per s": rateText(perSecond.succeeded + perSecond.failed),
            })),
          ),
    );
  });
}

/** `42s`, `17m`, `5h`, `12d`. */
export function spanText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** A rate with a digit behind its point while it is small. */
export function rateText(perSecond: number): string {
  return perSecond < 10 ? String(Math.round(perSecond * 10) / 10) : String(Math.round(perSecond));
}
