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
  const within = (options: WaitOptions = {}): WaitOptions => ({
    ...options,
    signal: options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]),
  });
  return {
    ...handle,
    result: (options) => lending(parent, "any", () => handle.result(within(options))),
    safeResult: (options) => lending(parent, "any", () => handle.safeResult(within(options))),
    async *progress() {
      const values = handle.progress()[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await lending(parent, "any", () => values.next());
          if (next.done === true) return;
          yield next.value;
        }
      } finally {
        await values.return?.();
      }
    },
  };
}
