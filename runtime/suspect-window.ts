import { performance } from "./real-time.ts";

/** What runs of the calls whose worker has died before. */
export interface RunningSuspects {
  readonly count: number;
  /** Whether one of them is to run alone. */
  readonly alone: boolean;
}

/** How many more suspects may be claimed, and whether they would run beside others. */
export interface SuspectRoom {
  readonly most: number;
  readonly beside: boolean;
}

/**
 * How many suspects a worker runs at a time: one at first, and one more for each that it has lived through. So those of a
 * death run 1, 2, 4, 8 at a time as they end, and one that kills its worker takes few with it. After a while without
 * any it is one again.
 */
export class SuspectWindow {
  readonly #idleMs: number;
  readonly #now: () => number;
  #size = 1;
  #endedAt = Number.NEGATIVE_INFINITY;

  /** @param idleMs - after how long without an end it is one again, ms. @param now - the time, ms */
  constructor(idleMs: number, now: () => number = () => performance.now()) {
    this.#idleMs = idleMs;
    this.#now = now;
  }

  /** How many more there may be beside those that run. */
  room({ count, alone }: RunningSuspects): SuspectRoom {
    if (count === 0 && this.#now() - this.#endedAt > this.#idleMs) this.#size = 1;
    return { most: alone ? 0 : Math.max(0, this.#size - count), beside: count > 0 };
  }

  /** One has ended, and the worker has lived through it. */
  ended(): void {
    this.#size += 1;
    this.#endedAt = this.#now();
  }
}
