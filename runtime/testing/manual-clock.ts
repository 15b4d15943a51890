import type { Clock } from "../clock.ts";
import { nextTurn } from "../real-time.ts";

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { due: this.#now + Math.max(delayMs, 0), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /**
   * Goes on by `ms`: each timer on the way runs at its time, and what it set off has run before the next.
   *
   * @param rest - resolves when that has run. @default after a turn of the event loop
   */
  async advance(ms: number, rest: () => Promise<unknown> = nextTurn): Promise<void> {
    const end = this.#now + ms;
    await rest();
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers)
        if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.callback();
      await rest();
    }
    this.#now = end;
    await rest();
  }
}
