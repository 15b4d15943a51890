import { onAbort } from "./abort-listeners.ts";
import { outside } from "./own-context.ts";
import { clearTimeout, epochMs, performance, setTimeout } from "./real-time.ts";

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
  now: epochMs,
  setTimer(delayMs, callback, background = false) {
    const timer = outside(() => setTimeout(callback, Math.min(Math.max(delayMs, 0), longestTimer)));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** `setTimeout` runs at once for more than this. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Calls back after a duration of any length, Infinity included: that is never.
 *
 * @returns what undoes it.
 */
export function after(ms: number, callback: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => undefined;
  const until = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    timer = setTimeout(
      () => {
        const left = until - performance.now();
        if (leftMs > longestTimerMs && left > 0) arm(left);
        else callback();
      },
      Math.min(leftMs, longestTimerMs),
    );
  };
  arm(ms);
  return () => clearTimeout(timer);
}

/** Resolves after a duration of any length, or as soon as the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      undo();
      unlisten?.();
      resolve();
    };
    const undo = after(ms, done);
    const unlisten = signal && onAbort(signal, done);
  });
}

/** Waits for a promise for a time, ms. @returns whether it was kept in that. @throws what it rejects with in that time. */
export async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const over = new AbortController();
  const late = pause(ms, over.signal).then(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    over.abort();
  }
}
