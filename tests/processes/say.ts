/** Says something to the parent process. */
export function say(what: unknown): void {
  process.send?.(what);
}

/** Says the last thing; then nothing but its own work keeps this process alive. */
export function sayLast(what: unknown): void {
  process.send?.(what, () => {
    process.removeAllListeners("disconnect");
    process.disconnect();
  });
}
