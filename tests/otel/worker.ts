/** A worker with an SDK of its own, set up as `NodeSDK` does. Told to stop, it says the spans that it has made. */
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createWorker, type Logger } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import { telemetry } from "taskpact/otel";
import { registry } from "../calls/lab.ts";
import * as declared from "../calls/lab-contract.ts";
import { say, sayLast } from "../processes/say.ts";

interface Tasks {
  addition(a: number, b: number): Promise<number>;
}

const [url = "", namespace = ""] = process.argv.slice(2);
const hooks = [telemetry()];
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

const contract = contractOf("lab", declared, ["acting", "addition"]);
const lab = implement(
  contract,
  {
    acting: (_: unknown, { tasks }: { tasks: unknown }) => (tasks as Tasks).addition(1, 2),
    addition: ({ a, b }: { a: number; b: number }) => a + b,
  },
  registry,
);
const log: Logger = {
  debug() {},
  info: (_, message) => void (message === "listening" && say("listening")),
  warn: (_, message) => void process.stderr.write(`${message}\n`),
  error: (_, message) => void process.stderr.write(`${message}\n`),
};
const worker = createWorker({ broker: url, namespace, implementations: [lab], hooks, log });
process.once("disconnect", () => process.exit(1));
process.once("message", () => void worker.stop());
await worker.run();
sayLast(
  exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    id: span.spanContext().spanId,
    trace: span.spanContext().traceId,
    parent: span.parentSpanContext?.spanId,
    remote: span.parentSpanContext?.isRemote,
  })),
);
