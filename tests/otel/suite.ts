import { describe } from "vitest";
import type { Broker } from "taskpact";
import { CallLab } from "../calls/lab.ts";
import { metricRules } from "./metric-rules.ts";
import { queueRules } from "./queue-rules.ts";
import { withContextManager } from "./sight.ts";
import { spanRules } from "./span-rules.ts";

/**
 * What telemetry tells of calls, on any broker.
 *
 * @param open - makes, for each test, a way to connect to a store of its own.
 */
export function telemetryRules(name: string, open: () => () => string | Broker): void {
  const lab = () => new CallLab(open());
  describe(`telemetry on ${name}`, { timeout: 20_000 }, () => {
    withContextManager();
    describe("spans", () => spanRules(lab));
    describe("metrics", () => metricRules(lab));
    describe("metrics of queues", () => queueRules(lab));
  });
}
