import type { ClaimedBatch, ClaimedCall } from "./broker.ts";
import { TaskError } from "./errors.ts";
import { Execution, type ExecutionSettings } from "./execution.ts";
import type { RunningHandlers } from "./health.ts";
import type { Lease } from "./leases.ts";

/** For how long a handler may go on after its call was answered before it counts as stuck, ms. */
const stuckAfterMs = 1_000;

/** What a worker runs. */
export class Executions {
  readonly #settings: ExecutionSettings;
  readonly #freed: () => void;
  readonly #running = new Set<Execution>();

  /** @param freed - called when a slot has become free. */
  constructor(settings: ExecutionSettings, freed: () => void) {
    this.#settings = settings;
    this.#freed = freed;
  }

  /** How many slots are taken. */
  get size(): number {
    return this.#running.size;
  }

  get runsSuspect(): boolean {
    for (const execution of this.#running) if (execution.suspect) return true;
    return false;
  }

  /** Begins what was claimed. */
  begin(batches: readonly ClaimedBatch[]): void {
    const { leases } = this.#settings;
    // All are held before a handler of the first may block.
    const held = batches.map((batch) => leases.claimed(batch));
    for (const [index, lease] of held.entries()) {
      for (const call of batches[index]!.calls) this.#begin(lease, call);
    }
  }

  /** Gives back what was claimed when no more was wanted. */
  giveBack(batches: readonly ClaimedBatch[]): void {
    for (const batch of batches) {
      const lease = this.#settings.leases.claimed(batch);
      for (const { id } of batch.calls) this.#release(lease, id);
    }
  }

  /** Others have ended a call. */
  canceled(queue: string, id: string, fence: number): void {
    const error = new TaskError<string, unknown>("canceled", "the call was canceled");
    for (const execution of this.#running) {
      if (execution.id === id && execution.fence === fence && execution.queue === queue) execution.abort(error);
    }
  }

  /** A claim's calls are others' now. */
  lost(queue: string, fence: number): void {
    const error = new TaskError<string, unknown>("worker_lost", "its lease has lapsed: the call is another's now");
    this.#settings.leases.lost(queue, fence);
    for (const execution of this.#running) {
      if (execution.fence === fence && execution.queue === queue) execution.abort(error);
    }
  }

  /** Resolves when all that run now are done. */
  async done(): Promise<void> {
    await Promise.all([...this.#running].map(async ({ busy }) => busy));
  }

  /** Gives back what has not ended. */
  release(): void {
    for (const execution of this.#running) execution.release();
  }

  /** What runs now, and what is stuck. */
  handlers(): RunningHandlers {
    const now = performance.now();
    const stuck: string[] = [];
    for (const execution of this.#running) {
      const since = execution.seenOver(now);
      if (since !== undefined && now - since >= stuckAfterMs) stuck.push(execution.task);
    }
    return { running: this.#running.size, stuck };
  }

  #begin(lease: Lease, call: ClaimedCall): void {
    let execution: Execution;
    try {
      execution = new Execution(lease, call, this.#settings);
    } catch (thrown) {
      // A fault of ours in one call must not cost its neighbours theirs.
      const { message } = TaskError.from(thrown, "internal");
      const { queue } = lease;
      this.#settings.log.error({ queue, callId: call.id, error: message }, "a call could not be begun; given back");
      this.#release(lease, call.id);
      return;
    }
    if (execution.busy === undefined) return;
    this.#running.add(execution);
    void execution.busy.then(() => {
      this.#running.delete(execution);
      this.#freed();
    });
  }

  #release({ queue, fence }: Lease, id: string): void {
    this.#settings.report(queue, { kind: "release", id, fence });
  }
}
