import { context, type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  type DataPoint,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import type { Hook } from "taskpact";
import { telemetry, type TelemetryOptions } from "taskpact/otel";

/** Knows which spans have begun, in their order, and which of them have not ended. */
class BegunSpans implements SpanProcessor {
  readonly begun: string[] = [];
  readonly open = new Set<string>();
  onStart(span: { spanContext(): { spanId: string } }): void {
    const { spanId } = span.spanContext();
    this.begun.push(spanId);
    this.open.add(spanId);
  }
  onEnd(span: ReadableSpan): void {
    this.open.delete(span.spanContext().spanId);
  }
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

/** A span in short. */
export interface SeenSpan {
  readonly name: string;
  readonly kind: string;
  readonly id: string;
  readonly trace: string;
  readonly parent: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Its status, if it is an error. */
  readonly error: string | undefined;
  readonly exceptions: readonly (Readonly<Record<string, unknown>> | undefined)[];
}

/** What one process would tell its backend: an SDK of its own, with the hook that feeds it. */
export class Sight {
  readonly hook: Hook;
  readonly tracer: Tracer;
  readonly tracerProvider: BasicTracerProvider;
  readonly meterProvider: MeterProvider;
  readonly #exporter = new InMemorySpanExporter();
  readonly #spans = new BegunSpans();
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);

  constructor(options: TelemetryOptions = {}) {
    this.tracerProvider = new BasicTracerProvider({
      spanProcessors: [this.#spans, new SimpleSpanProcessor(this.#exporter)],
    });
    const reader = new PeriodicExportingMetricReader({ exporter: this.#metrics, exportIntervalMillis: 600_000 });
    this.meterProvider = new MeterProvider({ readers: [reader] });
    this.tracer = this.tracerProvider.getTracer("test");
    const { tracerProvider, meterProvider } = this;
    this.hook = telemetry({ tracerProvider, meterProvider, ...options });
    onTestFinished(async () => {
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
    });
  }

  /** All spans so far, in the order in which they began: once all of them have ended. */
  async spans(): Promise<readonly SeenSpan[]> {
    await expect.poll(() => this.#spans.open.size, { message: "spans that are open" }).toBe(0);
    const spans = this.#exporter.getFinishedSpans().map(seen);
    const { begun } = this.#spans;
    return spans.toSorted((one, other) => begun.indexOf(one.id) - begun.indexOf(other.id));
  }

  /** All metrics so far, by name. */
  async metrics(): Promise<ReadonlyMap<string, MetricData>> {
    await this.spans();
    this.#metrics.reset();
    await this.meterProvider.forceFlush();
    const scopes = this.#metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    return new Map(scopes.flatMap(({ metrics }) => metrics).map((metric) => [metric.descriptor.name, metric]));
  }

  /** The points of a metric: how often something was counted or measured, with which attributes. */
  async points(name: string): Promise<readonly { readonly times: number; readonly attributes: object }[]> {
    const points = ((await this.metrics()).get(name)?.dataPoints ?? []) as DataPoint<number | { count: number }>[];
    return points.map(({ value, attributes }) => ({
      times: typeof value === "number" ? value : value.count,
      attributes: { ...attributes },
    }));
  }

  /** Does something within a span of the test's own. */
  async within<T>(act: (span: Span) => Promise<T>): Promise<T> {
    return this.tracer.startActiveSpan("test", async (span) => {
      try {
        return await act(span);
      } finally {
        span.end();
      }
    });
  }
}

/** The context manager of the tests of a file, as `NodeSDK` has it. */
export function withContextManager(): void {
  beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterAll(() => context.disable());
}

const kindNames: readonly (string | undefined)[] = Object.values(SpanKind).filter((name) => typeof name === "string");

function seen(span: ReadableSpan): SeenSpan {
  const { spanId, traceId } = span.spanContext();
  return {
    name: span.name,
    kind: kindNames[span.kind] ?? "",
    id: spanId,
    trace: traceId,
    parent: span.parentSpanContext?.spanId,
    attributes: { ...span.attributes },
    error: span.status.code === SpanStatusCode.ERROR ? span.status.message : undefined,
    exceptions: span.events.filter(({ name }) => name === "exception").map(({ attributes }) => attributes),
  };
}
