import { describe } from "vitest";
import type { Broker } from "taskpact";
import { dependencyRules } from "./dependency-rules.ts";
import { gateRules } from "./gate-rules.ts";
import { handleRules } from "./handle-rules.ts";
import { hookRules } from "./hook-rules.ts";
import { CallLab } from "./lab.ts";
import { lockRules } from "./lock-rules.ts";
import { nestedRules } from "./nested-rules.ts";
import { optionRules } from "./option-rules.ts";
import { parkedRules } from "./parked-rules.ts";
import { policyRules } from "./policy-rules.ts";
import { nodeRules } from "./node-rules.ts";
import { operateRules } from "./operate-rules.ts";
import { progressRules } from "./progress-rules.ts";
import { workerRules } from "./worker-rules.ts";

/**
 * What callers and handlers see, on any broker.
 *
 * @param open - makes, for each test, a way to connect to a store of its own.
 */
export function callRules(name: string, open: () => () => string | Broker): void {
  const lab = () => new CallLab(open());
  describe(`calls on ${name}`, () => {
    describe("policies", () => policyRules(lab));
    describe("gates", () => gateRules(lab));
    describe("options", () => optionRules(lab));
    describe("handles", () => handleRules(lab));
    describe("progress", () => progressRules(lab));
    describe("locks", () => lockRules(lab));
    describe("parked calls", () => parkedRules(lab));
    describe("looking after tasks", () => operateRules(lab));
    describe("nested calls", () => nestedRules(lab));
    describe("dependencies", () => dependencyRules(lab));
    describe("hooks", () => hookRules(lab));
    describe("node queues", () => nodeRules(lab));
    describe("workers", () => workerRules(lab));
  });
}
