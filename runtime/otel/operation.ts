import {
  type Attributes,
  type Context,
  type Exception,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { AnyTaskError } from "../errors.ts";
import type { HookEnd } from "../hook.ts";

/** What is done with a call, as the semantic conventions for messaging name it. */
export interface OperationKind {
  readonly name: "call" | "submit" | "result" | "process";
  readonly type: "send" | "process" | undefined;
  readonly span: SpanKind;
}

/** An awaited call waits for its answer, as a CLIENT does; a PRODUCER is done when the broker has what it sent. */
export const kinds = {
  call: { name: "call", type: "send", span: SpanKind.CLIENT },
  submit: { name: "submit", type: "send", span: SpanKind.PRODUCER },
  result: { name: "result", type: undefined, span: SpanKind.CLIENT },
  process: { name: "process", type: "process", span: SpanKind.CONSUMER },
  /** An attempt that came by no message. */
  processHere: { name: "process", type: "process", span: SpanKind.INTERNAL },
} as const satisfies Record<string, OperationKind>;

/** What an operation is about. */
interface Subject {
  readonly task: string;
  readonly queue: string;
  readonly callId: string;
}

/** An operation on a call: its span, from its begin to its end, and what metrics tell of it. */
export class Operation {
  readonly span: Span;
  /** What runs within it has its span. */
  readonly context: Context;
  /** Of few values, as they are also those of metrics. */
  readonly attributes: Attributes;
  readonly #began = performance.now();

  /**
   * @param given - the user's own attributes, on spans and metrics.
   * @param more - what its span alone is told of it.
   */
  constructor(
    tracer: Tracer,
    kind: OperationKind,
    { task, queue, callId }: Subject,
    parent: Context,
    given: Attributes | undefined,
    more?: Attributes,
  ) {
    this.attributes = {
      ...given,
      "messaging.system": "taskpact",
      "messaging.operation.name": kind.name,
      ...(kind.type !== undefined && { "messaging.operation.type": kind.type }),
      "messaging.destination.name": queue,
      "taskpact.task": task,
    };
    const attributes = { ...this.attributes, "messaging.message.id": callId, ...more };
    this.span = tracer.startSpan(`${kind.name} ${task}`, { kind: kind.span, attributes }, parent);
    this.context = trace.setSpan(parent, this.span);
  }

  /** What metrics are told of its end. */
  attributesAt(end: HookEnd): Attributes {
    return end.ok ? this.attributes : { ...this.attributes, "error.type": errorType(end.error) };
  }

  /**
   * Ends its span.
   *
   * @param more - what is known of it by now, for its span and for metrics.
   * @returns how long it took, seconds, and what metrics are told of that.
   */
  end(end: HookEnd, more?: Attributes): readonly [seconds: number, attributes: Attributes] {
    const seconds = (performance.now() - this.#began) / 1_000;
    const attributes = { ...this.attributesAt(end), ...more };
    if (more !== undefined) this.span.setAttributes(more);
    if (!end.ok) {
      this.span.setAttribute("error.type", errorType(end.error));
      this.span.setStatus({ code: SpanStatusCode.ERROR, message: end.error.message });
    }
    this.span.end();
    return [seconds, attributes];
  }
}

/** One word for an error: its code, or a declared one's name. */
function errorType({ code, name }: AnyTaskError): string {
  return code === "declared" ? name : code;
}

/** What the handler threw, as it is described, or else the error that its attempt ended with. */
export function exceptionOf(error: AnyTaskError): Exception {
  const { code, cause, reason, message, remoteStack, stack } = error;
  const isFailure = code === "failed";
  const name = (isFailure ? nameOf(cause) : undefined) ?? error.name;
  const traceback = remoteStack ?? stack;
  return { name, message: isFailure ? reason : message, ...(traceback !== undefined && { stack: traceback }) };
}

/** The name of a thrown error; undefined for what has none, or can't be read. */
function nameOf(thrown: unknown): string | undefined {
  try {
    const { name } = thrown as Error;
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    return undefined;
  }
}
