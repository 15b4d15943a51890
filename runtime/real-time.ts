/*
 * Timers and clocks as they were when this package was loaded. Tests replace the global ones (`vi.useFakeTimers()`, `mock.timers` of
 * node:test), some those of node:timers, too, and then a call would wait for a turn of the event loop that never comes. What people
 * see as dates still follows the global `Date`.
 */

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, queueMicrotask } = globalThis;

/** Milliseconds since the process began, that no test moves. */
export const performance = { now: globalThis.performance.now.bind(globalThis.performance) };

/** Epoch ms, that no test moves. */
export const epochMs: () => number = Date.now.bind(Date);

/** The clock that all threads of a process have in common. */
export const hrtime = process.hrtime.bind(process);

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
