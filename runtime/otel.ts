/** The door for OpenTelemetry: `taskpact/otel`. It alone needs `@opentelemetry/api`. */
export { observeQueues } from "./otel/queues.ts";
export type { QueueTelemetryOptions } from "./otel/queues.ts";
export { telemetry } from "./otel/telemetry.ts";
export type { TelemetryOptions } from "./otel/telemetry.ts";
