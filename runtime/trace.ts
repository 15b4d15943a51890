import { isWellFormed } from "./well-formed.ts";

/** The trace that a call belongs to, as in W3C Trace Context. */
export interface Trace {
  /** `00-<trace id>-<span id>-<flags>`. */
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** How long a tracestate may be, characters: as much as everyone on a trace's way should pass on. */
export const longestState = 512;

/** A trace that can go with a call. */
export function checkedTrace({ traceparent, tracestate }: Trace, fail: (reason: string) => never): Trace {
  if (typeof traceparent !== "string" || !/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(traceparent))
    fail("trace.traceparent must be <2>-<32>-<16>-<2> hex digits, in lower case");
  if (tracestate === undefined) return { traceparent };
  if (typeof tracestate !== "string" || tracestate.length > longestState)
    fail(`trace.tracestate must be a string of at most ${longestState} characters`);
  if (!isWellFormed(tracestate)) fail("trace.tracestate holds a lone surrogate, which can't be carried");
  return { traceparent, tracestate };
}

/** The trace that came with a call; whoever wrote it may have left a part out. */
export function traceOf(carried: Partial<Trace> | undefined): Trace | undefined {
  return carried?.traceparent === undefined ? undefined : (carried as Trace);
}
