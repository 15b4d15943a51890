import { describe, test } from "vitest";
import { brokerConformance } from "../../runtime/testing/conformance/suite.ts";
import type { Harness } from "./harness.ts";
import { limitedRules } from "./limited-rules.ts";
import { modelRules } from "./model-rules.ts";

/**
 * Judges a broker of ours by all rules, and by histories of random steps besides. Its own test calls it with a way to open an
 * empty store; it says nothing of how the broker does it.
 */
export function conformanceTests(name: string, open: () => Promise<Harness>): void {
  describe(`${name} conforms to the port`, () => {
    const rules = brokerConformance({ open, offers: ["clock", "operator", "timetable", "locks"] });
    for (const { group, name, run } of rules) test(`${group}: ${name}`, run);

    describe("histories", () => {
      modelRules(open);
    });
    describe("histories of limits", () => {
      limitedRules(open);
    });
  });
}
