import { onAbort } from "./abort-listeners.ts";
import type { Broker, Notice, Unsubscribe } from "./broker.ts";
import { pause } from "./clock.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import { workerChannel } from "./keys.ts";
import { type LockAnswer, type LockOwner, type Locks, localLifeMs } from "./locks.ts";
import type { Logger } from "./log.ts";
import { outside } from "./own-context.ts";
import { clearInterval, performance, setInterval } from "./real-time.ts";

/** A lock that an attempt wants. */
export interface LockRequest {
  readonly name: string;
  readonly queue: string;
  readonly owner: LockOwner;
  /** How long to wait for it, ms; 0 to try once. */
  readonly waitMs: number;
  /** How long the attempt may still run, ms. */
  readonly leftMs: number;
  /** Ends the wait, and takes the lock back. */
  readonly signal: AbortSignal;
}

/** A lock that is held. */
export interface HeldLock {
  readonly fence: number;
  /** Gives it back; nothing is to be waited for. */
  leave(): void;
}

/** Who gives locks to attempts. */
export interface LockGiver {
  /** @throws TaskError `resource_exhausted` if it was not free in time, what the signal says, or `failed`. */
  take(request: LockRequest): Promise<HeldLock>;
}

/** A free lock is heard of; a holder's death, or where a message was lost, is seen by asking again. */
const firstLookMs = 1_000;
const longestLookMs = 5_000;
/** For how long a lock is kept after its attempt must be over: until its worker's lease is gone for certain. */
const keptMs = 60_000;
/** Faults of a broker that is away or full. */
const passing: ReadonlySet<TaskErrorCode> = new Set(["unavailable", "outcome_unknown", "resource_exhausted"]);

/** Where the attempts of a worker, or of a client's own runs, wait for locks. */
export class LockRoom implements LockGiver {
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #waiting = new Set<Waiting>();
  /** The workers' channels of queues for whose locks somebody has waited. */
  readonly #channels = new Map<string, Promise<Unsubscribe>>();
  /** Those that are heard for certain. */
  readonly #heard = new Set<string>();
  readonly #closed = new AbortController();

  constructor(broker: Broker, log: Logger) {
    this.#broker = broker;
    this.#log = log;
  }

  async take(request: LockRequest): Promise<HeldLock> {
    const { locks } = this.#broker;
    if (locks === undefined) throw failed(`the lock "${request.name}": this broker has none`);
    const waiting = new Waiting(request);
    this.#waiting.add(waiting);
    try {
      const fence = await this.#wait(locks, request, waiting);
      if (request.signal.aborted) throw request.signal.reason;
      return this.#hold(locks, request, fence);
    } catch (error) {
      this.#leave(locks, request);
      throw error;
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** Hears of nothing any more, and tells no more. */
  async close(): Promise<void> {
    this.#closed.abort();
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    await Promise.allSettled(channels.map(async (unsubscribe) => (await unsubscribe)()));
  }

  async #wait(locks: Locks, request: LockRequest, waiting: Waiting): Promise<number> {
    const { name, queue, owner, waitMs, leftMs, signal } = request;
    const boundMs = Math.min(waitMs, leftMs);
    const until = performance.now() + boundMs;
    for (let looks = 0; ; looks++) {
      const askedAt = performance.now();
      const answer = await this.#ask(locks, request);
      // An owner without a lease loses the lock after this time. If the answer took that long, ask again.
      const isStale = owner.fence === 0 && performance.now() - askedAt >= localLifeMs;
      if (answer.outcome === "taken" && !isStale) return answer.fence;
      if (answer.outcome === "lost") throw failed(`the lock "${name}": the attempt that wants it is over`);
      if (signal.aborted) throw signal.reason;
      if (answer.outcome === "taken") continue;
      const patienceMs = until - performance.now();
      if (patienceMs <= 0) {
        if (waitMs < leftMs) throw busy(name, waitMs);
        throw new TaskError("deadline_exceeded", `the attempt's time was up before the lock "${name}" was free`);
      }
      // What was told before the channel was heard is seen by asking once more.
      if (await this.#hears(queue)) continue;
      const spread = owner.fence === 0 ? 1 : 0.75 + 0.5 * Math.random();
      await waiting.turn(Math.min(patienceMs, Math.min(firstLookMs * 2 ** looks, longestLookMs) * spread));
    }
  }

  /** A broker that is away is waited for, as whoever holds the lock is. */
  async #ask(locks: Locks, { name, queue, owner, waitMs, leftMs }: LockRequest): Promise<LockAnswer> {
    try {
      return await locks.take(queue, name, { owner, inLine: waitMs > 0, keptMs: leftMs + keptMs });
    } catch (thrown) {
      const error = TaskError.from(thrown, "internal");
      if (waitMs > 0 && passing.has(error.code)) return { outcome: "busy" };
      throw failed(`the lock "${name}": ${error.message}`, error);
    }
  }

  /** Begins to hear when locks of a queue become free. @returns whether it did not yet and does now. */
  async #hears(queue: string): Promise<boolean> {
    if (this.#heard.has(queue)) return false;
    let channel = this.#channels.get(queue);
    if (channel === undefined) {
      channel = outside(() => this.#broker.subscribe(workerChannel(queue), (notice) => this.#hear(queue, notice)));
      this.#channels.set(queue, channel);
    }
    try {
      await channel;
      this.#heard.add(queue);
      return true;
    } catch {
      if (this.#channels.get(queue) === channel) this.#channels.delete(queue);
      return false; // It looks at intervals.
    }
  }

  #hear(queue: string, notice: Notice): void {
    if (notice.kind !== "turn" && notice.kind !== "resumed") return;
    for (const waiting of this.#waiting) {
      const { owner, queue: its } = waiting.request;
      const isMeant = notice.kind === "resumed" || (owner.id === notice.id && owner.fence === notice.fence);
      if (its === queue && isMeant) waiting.ring();
    }
  }

  #hold(locks: Locks, request: LockRequest, fence: number): HeldLock {
    const { name, queue, owner, leftMs, signal } = request;
    let isHeld = true;
    // Without a lease, asking is what keeps it.
    const keep = async (): Promise<void> => {
      const answer = await locks.take(queue, name, { owner, inLine: false, keptMs: leftMs + keptMs });
      const isOurs = answer.outcome === "taken" && answer.fence === fence;
      if (!isOurs && isHeld) this.#log.warn({ queue, lock: name, fence }, "a lock has lapsed: it is another's by now");
      if (!isHeld) this.#leave(locks, request); // It was given back meanwhile.
    };
    const beats =
      owner.fence === 0 ? setInterval(() => void keep().catch(() => undefined), localLifeMs / 5) : undefined;
    const leave = (): void => {
      if (!isHeld) return;
      isHeld = false;
      clearInterval(beats);
      unlisten();
      this.#leave(locks, request);
    };
    // After its attempt is over it is others', whatever the handler still does.
    const unlisten = onAbort(signal, leave);
    return { fence, leave };
  }

  #leave(locks: Locks, { name, queue, owner, leftMs }: LockRequest): void {
    const until = performance.now() + leftMs;
    const { signal: closed } = this.#closed;
    const tell = async (): Promise<void> => {
      for (let pauseMs = 100; ; pauseMs *= 2) {
        try {
          return await locks.leave(queue, name, owner);
        } catch (thrown) {
          const error = TaskError.from(thrown, "internal");
          // When the attempt is over it is free anyway.
          if (!passing.has(error.code) || performance.now() + pauseMs > until) return;
        }
        await pause(pauseMs, closed);
        if (closed.aborted) return;
      }
    };
    void tell();
  }
}

/** One who waits for a lock. */
class Waiting {
  readonly request: LockRequest;
  #hasRung = false;
  #wake: (() => void) | undefined;

  constructor(request: LockRequest) {
    this.request = request;
  }

  /** It may be its turn. */
  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  /** Resolves when it may be its turn, its attempt is aborted, or after a time, ms. */
  async turn(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (!this.#hasRung) await pause(ms, AbortSignal.any([this.request.signal, woken.signal]));
    this.#hasRung = false;
  }
}

function busy(name: string, waitMs: number): AnyTaskError {
  const when = waitMs === 0 ? "is not free" : `was not free within ${waitMs} ms`;
  return new TaskError<string, unknown>("resource_exhausted", `the lock "${name}" ${when}`);
}

function failed(reason: string, cause?: unknown): AnyTaskError {
  return new TaskError<string, unknown>("failed", reason, { cause });
}
