import {
  type Context,
  createTraceState,
  defaultTextMapGetter,
  defaultTextMapSetter,
  diag,
  isSpanContextValid,
  type SpanContext,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import { longestState, type Trace } from "../trace.ts";

/** What writes trace contexts and reads them: a propagator, or the API's `propagation`. */
export type Carrier = Pick<TextMapPropagator<Record<string, string>>, "inject" | "extract">;

/**
 * The trace that goes with a call that is made in a context; undefined where there is none.
 *
 * An envelope has W3C Trace Context, whatever else the process speaks: where a propagator does not write that, or nothing, or
 * throws, it is written from the span itself.
 */
export function traceIn(context: Context, carrier: Carrier): Trace | undefined {
  const span = spanIn(context);
  if (span === undefined) return undefined;
  const injected = attempted("inject", () => {
    const written: Record<string, string> = {};
    carrier.inject(context, written, defaultTextMapSetter);
    return traceOf(written["traceparent"], written["tracestate"]);
  });
  return injected ?? traceOf(traceparentOf(span), span.traceState?.serialize());
}

/** A context within the trace that came with a call: `base` where none came, or nothing that can be read. */
export function contextWithin(carried: Trace | undefined, base: Context, carrier: Carrier): Context {
  if (carried === undefined) return base;
  const extracted = attempted("extract", () => {
    const { traceparent, tracestate } = carried;
    const headers = { traceparent, ...(tracestate !== undefined && { tracestate }) };
    const context = carrier.extract(trace.deleteSpan(base), headers, defaultTextMapGetter);
    return spanIn(context) === undefined ? undefined : context;
  });
  if (extracted !== undefined) return extracted;
  const span = spanOfTrace(carried);
  return span === undefined ? base : trace.setSpanContext(base, span);
}

/** The span that a context is in, if it is one that others can be linked with. */
export function spanIn(context: Context): SpanContext | undefined {
  const span = trace.getSpanContext(context);
  return span !== undefined && isSpanContextValid(span) ? span : undefined;
}

/** A trace that an envelope carries; undefined if it is none. */
function traceOf(traceparent: string | undefined, state: string | undefined): Trace | undefined {
  if (traceparent === undefined || spanOfTrace({ traceparent }) === undefined) return undefined;
  const tracestate = state === undefined ? undefined : fitting(state);
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

function spanOfTrace({ traceparent, tracestate }: Trace): SpanContext | undefined {
  const [, traceId = "", spanId = "", flags = ""] =
    /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(traceparent) ?? [];
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(span) ? span : undefined;
}

/** As much of a tracestate as an envelope carries: whole entries, from the left. */
function fitting(state: string): string | undefined {
  const end = state.length <= longestState ? state.length : state.lastIndexOf(",", longestState);
  return end > 0 ? state.slice(0, end) : undefined;
}

/** What a propagator gives; undefined where it throws, which OpenTelemetry's own log is told. */
function attempted<T>(what: "inject" | "extract", act: () => T): T | undefined {
  try {
    return act();
  } catch (thrown) {
    diag.error(`taskpact: the propagator's ${what}() failed`, thrown);
    return undefined;
  }
}
