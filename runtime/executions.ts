import { firstEarly } from "./batch.ts";
import type { ClaimedBatch, ClaimedCall } from "./broker.ts";
import { EarlyCancels } from "./early-cancels.ts";
import { parkedTtlMs } from "./brokers/retention.ts";
import { encode } from "./codec.ts";
import { toWire, writeReply } from "./envelope.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { attemptsIn, mostAttempts, newHeader } from "./header.ts";
import { Execution, type ExecutionSettings } from "./execution.ts";
import { readHeader } from "./header.ts";
import type { RunningHandlers } from "./health.ts";
import { HeldSlots } from "./held-slots.ts";
import type { Nest } from "./invoke.ts";
import type { FreeSlots } from "./claims.ts";
import type { Lease } from "./leases.ts";
import { performance, setImmediate } from "./real-time.ts";
import { type SuspectRoom, SuspectWindow } from "./suspect-window.ts";

/** For how long a handler may go on after its call was answered before it counts as stuck, ms. */
const stuckAfterMs = 1_000;
/** After how long without a suspect the next ones are tried one at a time again, ms: as long as a lease. */
const fewSuspectsAfterMs = 15_000;

/** How often a call may fail before its handler begins, and how long it waits after the first time, ms. */
const mostFailedBegins = 3;
const firstBackoffMs = 1_000;

/** What executions need of their worker. */
export interface ExecutionsSettings extends Omit<ExecutionSettings, "nest" | "suspectEnded"> {
  readonly tasksFor: Nest["tasksFor"];
  /** How many calls may run at a time. */
  readonly slots: number;
  /** Queues of nothing but tasks with `cpu`. */
  readonly poolQueues?: ReadonlySet<string> | undefined;
  /** A slot has become free, or is lent. */
  readonly freed: () => void;
}

/** What a worker runs. */
export class Executions {
  readonly #settings: ExecutionSettings;
  readonly #freed: () => void;
  readonly #poolQueues: ReadonlySet<string>;
  readonly #slots: HeldSlots<Execution>;
  readonly #earlyCancels = new EarlyCancels();
  readonly #suspects = new SuspectWindow(fewSuspectsAfterMs);
  /** Calls that were claimed, to be begun in one of the next turns. */
  #due: { readonly lease: Lease; readonly call: ClaimedCall }[] = [];

  constructor({ tasksFor, slots, poolQueues, freed, ...settings }: ExecutionsSettings) {
    this.#slots = new HeldSlots(slots);
    this.#freed = freed;
    this.#poolQueues = poolQueues ?? new Set();
    const lend: Nest["lend"] = (holder, waits) => {
      this.#slots.lend(holder, waits);
      if (waits !== "nothing") freed();
    };
    this.#settings = { ...settings, nest: { tasksFor, lend }, suspectEnded: () => this.#suspects.ended() };
  }

  /** Slots for any call, and those for calls that a handler waits for. Calls of the pool's queues take none of them. */
  get free(): FreeSlots {
    const pooled = this.#poolQueues.size === 0 ? 0 : this.#pooled();
    const due = this.#due.length - this.duePooled - pooled;
    return { any: this.#slots.free - due, nested: this.#slots.freeForNested - due };
  }

  /** How many calls of the pool's queues have not begun. */
  get duePooled(): number {
    if (this.#poolQueues.size === 0) return 0;
    return this.#due.reduce((sum, { lease }) => sum + (this.#poolQueues.has(lease.queue) ? 1 : 0), 0);
  }

  #pooled(): number {
    let pooled = 0;
    for (const { queue } of this.#slots.holders) if (this.#poolQueues.has(queue)) pooled += 1;
    return pooled;
  }

  /** How many suspects may be claimed now. */
  get suspects(): SuspectRoom {
    let count = 0;
    let alone = false;
    const look = ({ suspect, record }: Omit<ClaimedCall, "id">): void => {
      if (!suspect) return;
      count += 1;
      alone ||= !mayRunBesideOthers(record);
    };
    for (const execution of this.#slots.holders) look(execution);
    for (const { call } of this.#due) look(call);
    return this.#suspects.room({ count, alone });
  }

  /**
   * Begins what was claimed. Of many, some at a time, for their answers are on their way while the others run; and not before the
   * next claim is on its way, too.
   */
  begin(batches: readonly ClaimedBatch[]): void {
    const idle = this.#due.length === 0;
    for (const batch of batches) {
      const lease = this.#settings.leases.claimed(batch);
      for (const call of batch.calls) {
        if (this.#earlyCancels.take(lease.queue, call.id, lease.fence))
          this.#settings.leases.dropped(lease.queue, lease.fence);
        else this.#due.push({ lease, call });
      }
    }
    // All are held before a handler of the first may block.
    if (idle && this.#due.length < firstEarly) this.#beginSome();
    else if (idle) setImmediate(this.#beginSome);
  }

  readonly #beginSome = (): void => {
    const some = this.#due.splice(0, firstEarly);
    if (this.#due.length > 0) setImmediate(this.#beginSome);
    for (const { lease, call } of some) this.#begin(lease, call);
  };

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
    if (this.#drop((lease, call) => call.id === id && lease.fence === fence && lease.queue === queue)) return;
    let isOurs = false;
    for (const execution of this.#slots.holders) {
      if (execution.id !== id || execution.fence !== fence || execution.queue !== queue) continue;
      isOurs = true;
      execution.abort(error);
    }
    if (!isOurs) this.#earlyCancels.heard(queue, id, fence);
  }

  /** A claim's calls are others' now. */
  lost(queue: string, fence: number): void {
    const error = new TaskError<string, unknown>("worker_lost", "its lease has lapsed: the call is another's now");
    this.#drop((lease) => lease.fence === fence && lease.queue === queue);
    this.#settings.leases.lost(queue, fence);
    for (const execution of this.#slots.holders) {
      if (execution.fence === fence && execution.queue === queue) execution.abort(error);
    }
  }

  /** Gives back what has not begun, and resolves when all that run are done. */
  async done(): Promise<void> {
    for (const { lease, call } of this.#due.splice(0)) this.#release(lease, call.id);
    await Promise.all([...this.#slots.holders].map(async ({ busy }) => busy));
  }

  /** Gives back what has not ended. */
  release(): void {
    for (const execution of this.#slots.holders) execution.release();
  }

  /** What runs now, and what is stuck. */
  handlers(): RunningHandlers {
    const now = performance.now();
    const stuck: string[] = [];
    for (const execution of this.#slots.holders) {
      const since = execution.seenOver(now);
      if (since !== undefined && now - since >= stuckAfterMs) stuck.push(execution.task);
    }
    return { running: this.#slots.holders.size, waiting: this.#slots.waiting, stuck };
  }

  /** Never begins some of what is due, as others have ended it. @returns whether there was any. */
  #drop(theirs: (lease: Lease, call: ClaimedCall) => boolean): boolean {
    if (this.#due.length === 0) return false;
    const before = this.#due.length;
    this.#due = this.#due.filter(({ lease, call }) => {
      if (!theirs(lease, call)) return true;
      this.#settings.leases.dropped(lease.queue, lease.fence);
      return false;
    });
    this.#freed();
    return this.#due.length < before;
  }

  #begin(lease: Lease, call: ClaimedCall): void {
    let execution: Execution;
    try {
      execution = new Execution(lease, call, this.#settings);
    } catch (thrown) {
      // A fault of ours in one call must not cost its neighbours theirs.
      this.#couldNotBegin(lease, call, TaskError.from(thrown, "internal"));
      return;
    }
    if (execution.busy === undefined) return;
    this.#slots.take(execution);
    void execution.busy.then(() => {
      this.#slots.give(execution);
      this.#freed();
    });
  }

  /** Given back, it would come again at once, and for ever: it counts as an attempt that has failed, and in the end it is parked. */
  #couldNotBegin({ queue, fence }: Lease, { id, record }: ClaimedCall, error: AnyTaskError): void {
    const { log, worker } = this.#settings;
    log.error({ queue, callId: id, error: error.message }, "a call could not be begun");
    const ended = attemptsIn(record);
    const about = error.with({ attempt: Math.min(ended + 1, mostAttempts) });
    if (ended + 1 < mostFailedBegins) {
      const failure = encode({ ...toWire(about), worker });
      return this.#settings.report(queue, { kind: "retry", id, fence, delayMs: firstBackoffMs * 2 ** ended, failure });
    }
    const header = newHeader({ state: "parked", attempt: Math.min(ended, mostAttempts), fence });
    const parked = writeReply(header, { error: toWire(about) }, record);
    this.#settings.report(queue, { kind: "park", id, fence, record: parked, ttlMs: parkedTtlMs });
  }

  #release({ queue, fence }: Lease, id: string): void {
    this.#settings.report(queue, { kind: "release", id, fence });
  }
}

/** Whether a suspect's record says that it may run beside others. Whoever wrote it may have written anything. */
function mayRunBesideOthers(record: Uint8Array): boolean {
  try {
    return readHeader(record)?.besideOthers ?? false;
  } catch {
    return false;
  }
}
