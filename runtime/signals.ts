const stopSignals = ["SIGTERM", "SIGINT"] as const;

/**
 * Calls back when the process is asked to stop, instead of letting it die.
 *
 * @param stop - `again` is true from the second time on.
 * @returns what undoes it.
 */
export function onStopSignals(stop: (again: boolean) => void): () => void {
  let asked = false;
  const listener = (): void => {
    stop(asked);
    asked = true;
  };
  for (const signal of stopSignals) process.on(signal, listener);
  return () => {
    for (const signal of stopSignals) process.off(signal, listener);
  };
}
