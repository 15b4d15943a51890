/**
 * Makes the check whether a message between threads or processes is ours. Others use the same channels: handlers that
 * post messages of their own, and Node with `--watch`, which reports the files that were loaded.
 *
 * @param kinds - each kind of message, so that a new one can't be forgotten.
 */
export function ownMessages<M extends { readonly kind: string }>(
  kinds: Readonly<Record<M["kind"], true>>,
): (message: unknown) => message is M {
  return (message): message is M => {
    if (typeof message !== "object" || message === null) return false;
    const { kind } = message as { readonly kind?: unknown };
    return typeof kind === "string" && Object.hasOwn(kinds, kind);
  };
}
