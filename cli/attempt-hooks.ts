import type { Hook } from "../runtime/hook.ts";
import type { Logger } from "../runtime/log.ts";

/** How many calls are told of in a second, each in a line: more nobody reads. */
const mostLines = 20;

/** Tells once when so many attempts have begun. */
export function countsAttempts(most: number, reached: () => void): Hook {
  let begun = 0;
  return {
    name: "max-calls",
    attempt(_, next) {
      void next();
      begun += 1;
      if (begun === most) reached();
    },
  };
}

/** Writes a line for each call that is done; of those that failed, the worker tells itself. */
export function tellsAttempts(log: Logger["info"], now: () => number = () => performance.now()): Hook {
  let since = 0;
  let lines = 0;
  let untold = 0;
  return {
    name: "live log",
    async attempt({ task, callId, attempt }, next) {
      const began = now();
      const { ok } = await next();
      if (!ok) return;
      const ended = now();
      if (ended - since >= 1_000) {
        if (untold > 0) log({ calls: untold }, "more calls are done");
        since = ended;
        lines = untold = 0;
      }
      lines += 1;
      if (lines <= mostLines) log({ task, callId, attempt, ms: Math.round(ended - began) }, "done");
      else untold += 1;
    },
  };
}
