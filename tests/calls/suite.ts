import { describe } from "vitest";
import type { Broker } from "taskpact";
import { carryRules } from "./carry-rules.ts";
import { contextRules } from "./context-rules.ts";
import { dependencyRules } from "./dependency-rules.ts";
import { gateRules } from "./gate-rules.ts";
import { handleRules } from "./handle-rules.ts";
import { hookRules } from "./hook-rules.ts";
import { iteratorRules } from "./iterator-rules.ts";
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

const sections: Readonly<Record<string, (lab: () => CallLab) => void>> = {
  policies: policyRules,
  gates: gateRules,
  "what is carried": carryRules,
  "contexts and signals": contextRules,
  "async iterators": iteratorRules,
  options: optionRules,
  handles: handleRules,
  progress: progressRules,
  locks: lockRules,
  "parked calls": parkedRules,
  "looking after tasks": operateRules,
  "nested calls": nestedRules,
  dependencies: dependencyRules,
  hooks: hookRules,
  "node queues": nodeRules,
  workers: workerRules,
};

/**
 * What callers and handlers see, on any broker.
 *
 * @param open - makes, for each test, a way to connect to a store of its own.
 * @param lacks - sections that need what the broker does not offer.
 */
export function callRules(name: string, open: () => () => string | Broker, lacks: readonly string[] = []): void {
  const lab = () => new CallLab(open());
  describe(`calls on ${name}`, () => {
    for (const [section, rules] of Object.entries(sections)) {
      const judge = lacks.includes(section) ? describe.skip : describe;
      judge(section, () => rules(lab));
    }
  });
}
