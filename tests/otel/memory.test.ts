import { telemetryRules } from "./suite.ts";

let count = 0;

telemetryRules("memory:", () => {
  const url = `memory:otel-${count++}`;
  return () => url;
});
