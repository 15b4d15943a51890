import type { Broker, ClaimedBatch, ClaimedCall, Report } from "./broker.ts";
import { batchLimit } from "./batch.ts";
import { awaitedTtlMs, parkedTtlMs } from "./brokers/retention.ts";
import { toWire, writeReply } from "./envelope.ts";
import { TaskError } from "./errors.ts";
import { emptyHeader, type Header, mayHaveBegun, protocolVersion, readHeader } from "./header.ts";
import { newAddress } from "./id.ts";
import { forsaken, takeBack } from "./node-queue.ts";

const leaseMs = 15_000;

/**
 * Ends what is left in a queue that nobody will serve any more: awaited calls as `unavailable`, or `worker_lost` if they had
 * begun, and others parked, with their requests. What is delayed is left until it is due, what runs until its lease has lapsed.
 *
 * @returns whether nothing is left.
 */
export async function bury(broker: Broker, queue: string): Promise<boolean> {
  const { operator } = broker;
  // What is paused would be kept from us, too.
  await operator?.pause(queue, undefined, false);
  while ((await takeBack(broker, queue)) > 0);
  const worker = newAddress();
  const { signal } = new AbortController();
  const queues = [{ name: queue, tasks: [] }];
  for (;;) {
    const claim = { worker, queues, limit: batchLimit, waitMs: 0, leaseMs, suspect: true, signal };
    const batches = await broker.claim(claim);
    if (batches.length === 0) break;
    for (const batch of batches) {
      await broker.finish(
        queue,
        batch.calls.map((call) => lastWord(batch, call)),
      );
    }
  }
  if (operator === undefined) return true;
  const { aside, waiting, limited, suspects, delayed, retrying, running } = await operator.census(queue);
  const others = Object.values(waiting).reduce(
    (sum, count) => sum + count,
    limited + suspects + delayed + retrying + running,
  );
  // Of tasks that the process never had: no claim gives them to anybody who has not, either.
  if (aside > 0 && others === 0) await operator.purge(queue, { states: ["queued"] });
  return operator.drop(queue);
}

function lastWord({ queue, fence, now }: ClaimedBatch, { id, record, suspect }: ClaimedCall): Report {
  const header = headerOf(record);
  const hasBegun = mayHaveBegun(header, suspect);
  const error = new TaskError<string, unknown>(hasBegun ? "worker_lost" : "unavailable", forsaken(queue));
  const reply = { error: toWire(error) };
  if (!header.awaited) {
    const parked: Header = { ...header, version: protocolVersion, state: "parked", fence };
    return { kind: "park", id, fence, record: writeReply(parked, reply, record), ttlMs: parkedTtlMs };
  }
  const failed: Header = { ...header, state: "failed", fence };
  const kept = header.keepRequest ? record : undefined;
  const ttlMs = Math.max(awaitedTtlMs, header.deadline - now);
  return { kind: "finish", id, fence, record: writeReply(failed, reply, kept), ttlMs };
}

/** Whoever wrote it may have written anything. */
function headerOf(record: Uint8Array): Header {
  try {
    return readHeader(record) ?? emptyHeader;
  } catch {
    return emptyHeader;
  }
}
