import { type Attributes, diag, type MeterProvider, metrics, type Observable } from "@opentelemetry/api";
import type { QueueInfo } from "../overview.ts";
import { version } from "../version.ts";

/** Where the metrics of queues go. */
export interface QueueTelemetryOptions {
  /** @default the global one of `@opentelemetry/api`, which must be set by then */
  readonly meterProvider?: MeterProvider | undefined;
  /** Of each point: of few values. */
  readonly attributes?: Attributes | undefined;
}

/**
 * Has each export of metrics tell how a client's queues stand: `observeQueues(tasks.client)`.
 *
 * It asks the broker once a queue for each export, so that one process is enough for all. What the broker does not answer is not
 * told, and OpenTelemetry's own log is.
 *
 * @returns what ends it; call it before the client is closed.
 */
export function observeQueues(
  client: { queues(): Promise<readonly QueueInfo[]> },
  options: QueueTelemetryOptions = {},
): () => void {
  const meter = (options.meterProvider ?? metrics.getMeterProvider()).getMeter("taskpact", version);
  const calls = meter.createObservableUpDownCounter("taskpact.queue.calls", {
    description: "Calls in a queue, by their state.",
    unit: "{call}",
  });
  const oldest = meter.createObservableGauge("taskpact.queue.oldest", {
    description: "How long ago the call was made that has waited longest.",
    unit: "s",
  });
  const workers = meter.createObservableUpDownCounter("taskpact.queue.workers", {
    description: "Workers that listen to a queue.",
    unit: "{worker}",
  });
  const all: Observable[] = [calls, oldest, workers];
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = async (result) => {
    try {
      for (const queue of await client.queues()) {
        const attributes = {
          ...options.attributes,
          "messaging.system": "taskpact",
          "messaging.destination.name": queue.name,
        };
        for (const [state, count] of Object.entries(countsOf(queue)))
          result.observe(calls, count, { ...attributes, "taskpact.state": state });
        if (queue.oldestMs !== undefined) result.observe(oldest, queue.oldestMs / 1_000, attributes);
        result.observe(workers, queue.workers, attributes);
      }
    } catch (thrown) {
      diag.warn("taskpact: how the queues stand is not known", thrown);
    }
  };
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}

function countsOf({ waiting, held, delayed, retrying, running, parked }: QueueInfo): Readonly<Record<string, number>> {
  return { waiting: sumOf(waiting), held: sumOf(held), delayed, retrying, running, parked };
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
