import { type Counter, type Histogram, type MeterProvider, metrics } from "@opentelemetry/api";
import { version } from "../version.ts";

/** What is measured, by the names that the semantic conventions for messaging have for it. */
export interface Instruments {
  readonly sent: Counter;
  readonly consumed: Counter;
  /** Seconds. */
  readonly operationDuration: Histogram;
  /** Seconds. */
  readonly processDuration: Histogram;
}

/** Buckets for durations, seconds, as the conventions advise. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * The instruments of a provider. The global one may be set later than they are first asked for, and the API has no stand-in
 * for it: so they are made again when it is another.
 */
export function instrumentsOf(provider: MeterProvider | undefined): () => Instruments {
  let known: MeterProvider | undefined;
  let instruments: Instruments | undefined;
  return () => {
    const current = provider ?? metrics.getMeterProvider();
    if (instruments === undefined || current !== known) instruments = made((known = current));
    return instruments;
  };
}

function made(provider: MeterProvider): Instruments {
  const meter = provider.getMeter("taskpact", version);
  const duration = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries: seconds } });
  const count = (name: string, description: string): Counter =>
    meter.createCounter(name, { description, unit: "{message}" });
  return {
    sent: count("messaging.client.sent.messages", "Calls that were sent to a broker."),
    consumed: count("messaging.client.consumed.messages", "Attempts that workers were given by a broker."),
    operationDuration: duration(
      "messaging.client.operation.duration",
      "How long calls and submits took their callers.",
    ),
    processDuration: duration("messaging.process.duration", "How long attempts took."),
  };
}
