import type { Broker, ClaimedBatch, ClaimedCall, Report, Submission } from "../broker.ts";
import { readRequest, type Reply, writeReply } from "../envelope.ts";
import { emptyHeader, readHeader } from "../header.ts";
import type { CallState } from "../state.ts";

/** How a stubbed call ends. */
export interface Stub {
  readonly state: CallState;
  readonly reply: Reply;
}

/** For how long a stub's answer can be read, ms. */
const ttlMs = 3_600_000;
/** Longer than any test. */
const foreverMs = Number.MAX_SAFE_INTEGER;

/**
 * Answers calls in place of workers. A stubbed call waits in a queue that no worker knows, beside its own: there it is
 * delayed, expires, is canceled and read as any other.
 */
export class Stubs {
  readonly #broker: Broker;
  readonly #closed: AbortSignal;
  /** Those that wait for their call, by task. */
  readonly #next = new Map<string, Stub[]>();
  /** Those that have one, by queue and id. */
  readonly #given = new Map<string, Map<string, Stub>>();

  constructor(broker: Broker, closed: AbortSignal) {
    this.#broker = broker;
    this.#closed = closed;
  }

  /** Answers the next call of a task that has none. */
  add(task: string, stub: Stub): void {
    const stubs = this.#next.get(task);
    if (stubs === undefined) this.#next.set(task, [stub]);
    else stubs.push(stub);
  }

  /** Whether a submission is to be stubbed, now or since an earlier sending of it. */
  takes(queue: string, { id, record }: Submission): boolean {
    if (this.has(queue, id)) return true;
    const stub = this.#next.size === 0 ? undefined : this.#next.get(readRequest(record).task)?.shift();
    if (stub === undefined) return false;
    let given = this.#given.get(queue);
    if (given === undefined) {
      this.#given.set(queue, (given = new Map()));
      void this.#serve(queue, given);
    }
    given.set(id, stub);
    return true;
  }

  has(queue: string, id: string): boolean {
    return this.#given.get(queue)?.has(id) === true;
  }

  /** The queue in which a call waits. */
  queueOf(queue: string, id: string): string {
    return this.has(queue, id) ? stubbed(queue) : queue;
  }

  async #serve(queue: string, given: ReadonlyMap<string, Stub>): Promise<void> {
    const name = stubbed(queue);
    const request = { worker: "stubs", queues: [{ name, tasks: [] }], limit: 1_000, leaseMs: foreverMs, suspect: true };
    while (!this.#closed.aborted) {
      const batches = await this.#broker.claim({ ...request, waitMs: foreverMs, signal: this.#closed });
      if (this.#closed.aborted) return;
      for (const batch of batches)
        await this.#broker.finish(
          name,
          batch.calls.map((call) => answer(given, batch, call)),
        );
    }
  }
}

function answer(given: ReadonlyMap<string, Stub>, { fence }: ClaimedBatch, { id, record }: ClaimedCall): Report {
  const { state, reply } = given.get(id)!;
  const header = { ...(readHeader(record) ?? emptyHeader), state, attempt: state === "expired" ? 0 : 1, fence };
  return { kind: "finish", id, fence, record: writeReply(header, reply), ttlMs };
}

/** No queue of a task has a blank in its name. */
export function stubbed(queue: string): string {
  return `stubs of ${queue}`;
}
