import type { ParkedCall } from "../runtime/parked.ts";
import { isNodeQueue } from "../runtime/node-queue.ts";
import { UsageError } from "./exit-code.ts";
import { whereOf } from "./handle.ts";
import { momentText, print } from "./output.ts";
import { type CommonOptions, type Session, withSession } from "./session.ts";
import { tableText } from "./table.ts";

interface ListFlags extends CommonOptions {
  readonly task?: string | undefined;
  readonly limit: number;
}

interface CallFlags extends CommonOptions {
  readonly queue?: string | undefined;
}

/** Lists parked calls: of a queue, of a task, or of all queues that the contracts name. */
export async function list(options: ListFlags, queue?: string): Promise<void> {
  await withSession(options, async (session) => {
    const calls = await parkedCalls(session, options, queue);
    print(options, calls.map(parkedData), () =>
      calls.length === 0
        ? "nothing is parked"
        : tableText(
            ["id", "task", "parked", "deaths", "reason"],
            calls.map(({ id, task, parkedAt, deaths, reason }) => ({
              id,
              task,
              parked: momentText(parkedAt),
              deaths,
              reason: reason.message,
            })),
          ),
    );
  });
}

/** Runs a parked call again. */
export async function replay(options: CallFlags, task: string, id: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    await client.parked.replay(name, id, whereOf(options));
    print(options, { id, task: name, state: "queued" }, () => "queued");
  });
}

/** Forgets a parked call. */
export async function discard(options: CallFlags, task: string, id: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    await client.parked.discard(name, id, whereOf(options));
    print(options, { id, task: name, discarded: true }, () => "discarded");
  });
}

function parkedData({ id, task, parkedAt, attempt, deaths, generation, reason }: ParkedCall): object {
  const { code, reason: message } = reason;
  return { id, task, parkedAt: momentText(parkedAt), attempt, deaths, generation, reason: { code, message } };
}

async function parkedCalls(
  { client, declarations, find }: Session,
  { task, limit }: ListFlags,
  queue: string | undefined,
): Promise<readonly ParkedCall[]> {
  const all = [...new Set(declarations.map((declared) => declared.queue))].toSorted();
  const only = task === undefined ? undefined : find(task);
  if (queue !== undefined && !all.includes(queue) && !isNodeQueue(queue))
    throw new UsageError(`there is no queue "${queue}"`, `there are ${all.join(", ")}`);
  const queues = queue !== undefined ? [queue] : only !== undefined ? [only.queue] : all;
  const calls: ParkedCall[] = [];
  for (const name of queues) {
    let after: string | undefined;
    do {
      const page = await client.parked.list({
        queue: name,
        task: only?.name,
        limit: Math.min(1_000, limit - calls.length),
        after,
      });
      calls.push(...page.calls);
      after = page.next;
    } while (after !== undefined && calls.length < limit);
    if (calls.length >= limit) break;
  }
  return calls;
}
