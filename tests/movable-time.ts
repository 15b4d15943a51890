/*
 * In place of runtime/real-time.ts, for tests of modules whose timers `vi.useFakeTimers()` is to move:
 * `vi.mock("./real-time.ts", () => import("../tests/movable-time.ts"))`.
 */

export const setTimeout = (callback: () => void, ms: number) => globalThis.setTimeout(callback, ms);
export const clearTimeout = (timer: NodeJS.Timeout | undefined) => globalThis.clearTimeout(timer);
export const setInterval = (callback: () => void, ms: number) => globalThis.setInterval(callback, ms);
export const clearInterval = (timer: NodeJS.Timeout | undefined) => globalThis.clearInterval(timer);
export const setImmediate = (callback: () => void) => globalThis.setImmediate(callback);
export const queueMicrotask = (callback: () => void) => globalThis.queueMicrotask(callback);
export const performance = { now: () => globalThis.performance.now() };
export const epochMs = () => Date.now();
export const hrtime = () => process.hrtime();
export const nextTurn = () => new Promise<void>((resolve) => void globalThis.setImmediate(resolve));
