import type { Submission } from "../broker.ts";
import type { Store } from "../brokers/memory/store.ts";
import { readRequest, toWire, writeReply } from "../envelope.ts";
import { TaskError } from "../errors.ts";
import { readHeader } from "../header.ts";
import { outside } from "../own-context.ts";
import { clearTimeout, setTimeout } from "../real-time.ts";

/** How long an awaited call may wait for somebody to answer it, ms of real time: no test waits longer for what never comes. */
const patienceMs = 1_000;

/** Ends awaited calls of a test broker that nothing will answer: no stub is given for them, and no worker runs on it. */
export class UnansweredCalls {
  readonly #store: Store;
  /** Whether a worker runs, or is about to. */
  readonly #hasWorker: () => boolean;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(store: Store, hasWorker: () => boolean) {
    this.#store = store;
    this.#hasWorker = hasWorker;
  }

  /** A call that has no stub waits in its queue. */
  watch(queue: string, { id, record }: Submission): void {
    if (readHeader(record)?.awaited !== true) return;
    const { task } = readRequest(record);
    const timer = outside(() =>
      setTimeout(() => {
        this.#timers.delete(timer);
        this.#end(queue, id, task);
      }, patienceMs),
    );
    this.#timers.add(timer);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #end(name: string, id: string, task: string): void {
    const now = this.#store.clock.now();
    const queue = this.#store.queue(name);
    const call = queue.find(id, now);
    if (call?.state !== "queued" || this.#hasWorker()) return;
    const short = task.slice(task.indexOf(".") + 1);
    const reason =
      `nothing on this test broker answers it after ${patienceMs} ms: say how it ends, with ` +
      `broker.next(tasks, "${short}").answers(…), or run a worker on this broker`;
    const error = new TaskError<string, unknown>("unavailable", reason);
    const header = { ...call.header, state: "failed" as const };
    queue.end(call, "failed", now, { reply: { header, record: writeReply(header, { error: toWire(error) }) } });
  }
}
