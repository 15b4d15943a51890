import { clearTimeout, setTimeout } from "node:timers";

/** Where a broker takes its time from; tests move it by hand, Redis has its own. */
export interface Clock {
  /** Epoch ms. */
  now(): number;
  /**
   * Calls back once after `delayMs`, possibly a little early or, for more than 24 days, a lot: look at `now` then.
   * A `background` timer does not keep the process alive.
   *
   * @returns how it is called off.
   */
  setTimer(delayMs: number, callback: () => void, background?: boolean): () => void;
}

/** What a Node timer can hold. */
const longestTimer = 2_147_483_647;

/** This machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback, background = false) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), longestTimer));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};
