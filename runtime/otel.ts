/** The door for OpenTelemetry: `taskpact/otel`. It alone needs `@opentelemetry/api`. */
export { telemetry } from "./otel/telemetry.ts";
export type { TelemetryOptions } from "./otel/telemetry.ts";
