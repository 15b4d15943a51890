import { shown } from "./checks.ts";
import type { Context, LockOptions } from "./context.ts";
import { TaskError } from "./errors.ts";
import { newId } from "./id.ts";
import type { LockGiver } from "./lock-room.ts";
import { isWellFormed } from "./well-formed.ts";

/** An attempt, as far as its locks are concerned. */
export interface LockingAttempt {
  readonly queue: string;
  readonly callId: string;
  readonly fence: number;
  /** Its own view of itself. */
  readonly context: Pick<Context, "remainingMs" | "signal">;
  /** Whether it still has its lease and time left. Undefined: always. */
  readonly isCurrent: (() => boolean) | undefined;
}

/** The locks of one attempt. */
export class AttemptLocks {
  readonly #giver: LockGiver;
  readonly #attempt: LockingAttempt;
  /** Two local runs may have one call's id; their locks are each their own. */
  readonly #id: string;
  /** Names of those that it holds or waits for. */
  readonly #names = new Set<string>();
  #count = 0;

  constructor(giver: LockGiver, attempt: LockingAttempt) {
    this.#giver = giver;
    this.#attempt = attempt;
    this.#id = attempt.fence === 0 ? newId() : attempt.callId;
  }

  readonly lock: Context["lock"] = async (name, fn, options = {}) => {
    check(name, fn, options);
    const { queue, fence, context } = this.#attempt;
    const { signal } = context;
    if (signal.aborted) throw signal.reason;
    if (this.#names.has(name)) refuse(`this attempt holds the lock "${name}", or waits for it, already`);
    this.#names.add(name);
    try {
      const held = await this.#giver.take({
        name,
        queue,
        owner: { id: this.#id, fence, nth: ++this.#count },
        waitMs: options.waitMs ?? Number.POSITIVE_INFINITY,
        leftMs: context.remainingMs,
        signal,
      });
      try {
        // The process may have been stopped before it read the answer. Without the lease, the lock belongs to someone else.
        if (this.#attempt.isCurrent?.() === false)
          refuse(`the lock "${name}" came too late: this attempt's lease or deadline has passed`);
        return await fn(held.fence);
      } finally {
        held.leave();
      }
    } finally {
      this.#names.delete(name);
    }
  };
}

const longestName = 256;

function check(name: unknown, fn: unknown, options: LockOptions): void {
  if (typeof name !== "string" || name.length === 0 || name.length > longestName)
    return refuse(`a lock's name must be 1 to ${longestName} characters; got ${shown(name)}`);
  if (!isWellFormed(name))
    refuse(`a lock's name holds a lone surrogate, which others' names share; got ${shown(name)}`);
  if (typeof fn !== "function") refuse(`takes a function that runs while the lock is held; got ${shown(fn)}`);
  const { waitMs = 0 } = options;
  if (typeof waitMs !== "number" || Number.isNaN(waitMs) || waitMs < 0)
    refuse(`waitMs must be a number of milliseconds, 0 or more; got ${shown(waitMs)}`);
}

/** A handler's mistake is not its caller's, so that it is no `invalid_argument`. */
function refuse(reason: string): never {
  throw new TaskError("failed", `context.lock(): ${reason}`);
}
