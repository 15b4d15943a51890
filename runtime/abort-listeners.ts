/** Those who listen to each signal. */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back, once, when a signal aborts. However many listen through this, the signal has one listener: Node warns of a leak at
 * the eleventh of an `AbortSignal`, and a signal may be that of a hundred calls. An abort that was before is not told.
 *
 * @returns what undoes it.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const all = listeners.get(signal) ?? listenTo(signal);
  const one = (): void => callback(); // The same function may be given twice.
  all.add(one);
  return () => {
    if (!all.delete(one) || all.size > 0 || listeners.get(signal) !== all) return;
    listeners.delete(signal);
    signal.removeEventListener("abort", abortedEvent);
  };
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>();
  listeners.set(signal, all);
  signal.addEventListener("abort", abortedEvent, { once: true });
  return all;
}

function abortedEvent(this: AbortSignal): void {
  const all = listeners.get(this);
  listeners.delete(this);
  for (const listener of all ?? []) listener();
}
