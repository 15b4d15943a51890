const stopSignals = ["SIGTERM", "SIGINT"] as const;

/** Those who want to know, each told once a signal: a process of many workers has one listener. */
const stops = new Set<() => void>();

const listener = (): void => {
  for (const stop of stops) stop();
};

/**
 * Calls back when the process is asked to stop, instead of letting it die.
 *
 * @param stop - `again` is true from the second time on.
 * @returns what undoes it.
 */
export function onStopSignals(stop: (again: boolean) => void): () => void {
  let asked = false;
  const one = (): void => {
    const again = asked;
    asked = true;
    stop(again);
  };
  if (stops.size === 0) for (const signal of stopSignals) process.on(signal, listener);
  stops.add(one);
  return () => {
    if (stops.delete(one) && stops.size === 0) for (const signal of stopSignals) process.off(signal, listener);
  };
}
