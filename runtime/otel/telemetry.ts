import {
  type Attributes,
  context as scope,
  type Context,
  type MeterProvider,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";
import type { TaskErrorCode } from "../errors.ts";
import type { AttemptEvent, Hook, HookEnd, Place, SubmitEvent } from "../hook.ts";
import { version } from "../version.ts";
import { contextWithin, spanIn, traceIn } from "./carrier.ts";
import { instrumentsOf } from "./instruments.ts";
import { exceptionOf, kinds, Operation } from "./operation.ts";

/** Where telemetry goes, and what is said of all of it. */
export interface TelemetryOptions {
  /** @default the global one of `@opentelemetry/api` */
  readonly tracerProvider?: TracerProvider | undefined;
  /** @default the global one of `@opentelemetry/api` */
  readonly meterProvider?: MeterProvider | undefined;
  /** Writes a call's trace context and reads it: W3C's, whichever it is. @default the global one of `@opentelemetry/api` */
  readonly propagator?: TextMapPropagator | undefined;
  /** Of each span and each metric: of few values. */
  readonly attributes?: Attributes | undefined;
}

/** An awaited call, whose `submit` begins within its `reply`, in the same turn. */
interface Call {
  readonly id: string;
  readonly operation: Operation;
  /** How its `submit` ends. */
  taken?: Promise<HookEnd<Place>>;
}

/**
 * Makes spans and metrics of calls and attempts, by OpenTelemetry's semantic conventions for messaging: the hook of a client or
 * a worker, or of both.
 *
 * ```ts
 * const tasks = createTasks({ broker, hooks: [telemetry()] });
 * const worker = createWorker({ broker, implementations: [math], hooks: [telemetry()] });
 * ```
 *
 * The trace goes with each call, so that its attempts, and what their handlers call, are within that of the caller.
 */
export function telemetry(options: TelemetryOptions = {}): Hook {
  const { attributes, propagator = propagation } = options;
  const tracer = (options.tracerProvider ?? trace).getTracer("taskpact", version);
  const instruments = instrumentsOf(options.meterProvider);
  let replying: Call | undefined;

  const countSent = (event: SubmitEvent, end: HookEnd<Place>, operation: Operation): void => {
    if (wasSent(event, end)) instruments().sent.add(1, operation.attributesAt(end));
  };

  /** A handler runs within the span of its call: where that is another process's, within what came of it. */
  const around = ({ trace: carried }: AttemptEvent, place: Place): Context => {
    if (place === "remote") return contextWithin(carried, ROOT_CONTEXT, propagator);
    const here = scope.active();
    return spanIn(here) === undefined ? contextWithin(carried, here, propagator) : here;
  };

  return {
    name: "telemetry",

    async reply(event, next) {
      const kind = event.awaited ? kinds.call : kinds.result;
      const operation = new Operation(tracer, kind, event, scope.active(), attributes);
      const call: Call | undefined = event.awaited ? { id: event.callId, operation } : undefined;
      const outer = replying;
      replying = call;
      let ending: Promise<HookEnd>;
      try {
        ending = scope.with(operation.context, next);
      } finally {
        replying = outer;
      }
      const end = await ending;
      const taken = await call?.taken;
      const measured = operation.end(end, taken?.ok === true ? at(taken.value) : undefined);
      if (event.awaited) instruments().operationDuration.record(...measured);
    },

    async submit(event, next) {
      const { callId, rootId, policy, awaited } = event;
      const more = { "messaging.message.conversation_id": rootId, "taskpact.policy": policy };
      if (!awaited) {
        const operation = new Operation(tracer, kinds.submit, event, scope.active(), attributes, more);
        const end = await scope.with(operation.context, next, undefined, {
          trace: traceIn(operation.context, propagator),
        });
        countSent(event, end, operation);
        instruments().operationDuration.record(...operation.end(end, end.ok ? at(end.value) : undefined));
        return;
      }
      if (replying?.id !== callId) return void next();
      const { operation } = replying;
      operation.span.setAttributes(more);
      replying.taken = next({ trace: traceIn(operation.context, propagator) });
      countSent(event, await replying.taken, operation);
    },

    async attempt(event, next) {
      const { attempt, context } = event;
      // The fence of what runs here is 0: nobody else could have it.
      const place: Place = context.fence === 0 ? "local" : "remote";
      const kind = place === "local" ? kinds.processHere : kinds.process;
      const operation = new Operation(tracer, kind, event, around(event, place), attributes, {
        "messaging.message.conversation_id": context.rootId,
        "taskpact.attempt": attempt,
        ...at(place),
      });
      if (place === "remote") instruments().consumed.add(1, operation.attributes);
      const end = await scope.with(operation.context, next);
      if (!end.ok) operation.span.recordException(exceptionOf(end.error));
      instruments().processDuration.record(...operation.end(end, at(place)));
    },
  };
}

/** Where a call was taken, or ran. */
function at(place: Place): Attributes {
  return { "taskpact.place": place };
}

/** Errors of calls that a broker did not take; others came before they were sent. */
const notTaken: ReadonlySet<TaskErrorCode> = new Set(["unavailable", "outcome_unknown", "resource_exhausted"]);

/** Whether a call went to a broker, or was to. */
function wasSent({ policy }: SubmitEvent, end: HookEnd<Place>): boolean {
  return end.ok ? end.value === "remote" : policy !== "local-only" && notTaken.has(end.error.code);
}
