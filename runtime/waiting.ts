import type { Handle } from "./handle.ts";
import type { Lineage } from "./lineage.ts";
import type { WaitOptions } from "./options.ts";

/** Lends a handler's slot while it waits: for a call that is nested, or for any. */
export async function lending<T>(parent: Lineage, waits: "nested" | "any", wait: () => T | Promise<T>): Promise<T> {
  const back = parent.lend(waits);
  try {
    return await wait();
  } finally {
    back();
  }
}

/** A handle that a handler has: waiting for it lends the handler's slot, and ends with the handler's own time. */
export function lendingHandle(handle: Handle, parent: Lineage, signal: AbortSignal): Handle {
  const within = <Options extends Pick<WaitOptions, "signal">>(options: Options): Options => ({
    ...options,
    signal: options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]),
  });
  return {
    ...handle,
    result: (options = {}) => lending(parent, "any", () => handle.result(within(options))),
    safeResult: (options = {}) => lending(parent, "any", () => handle.safeResult(within(options))),
    progress(reading = {}) {
      const values = handle.progress(within(reading))[Symbol.asyncIterator]();
      const lent: AsyncIterableIterator<unknown> = {
        next: () => lending(parent, "any", () => values.next()),
        return: () => values.return!(),
        throw: (thrown: unknown) => values.throw!(thrown),
        [Symbol.asyncIterator]() {
          return lent;
        },
      };
      return lent;
    },
  };
}
