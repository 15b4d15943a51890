import { clockRules } from "./clock-rules.ts";
import { runRules } from "./run-rules.ts";
import { stubRules } from "./stub-rules.ts";
import type { TestFunction } from "./test-function.ts";

/** What `taskpact/testing` promises, in any test runner: nothing here knows one. */
export function testingRules(test: TestFunction): void {
  runRules(test);
  clockRules(test);
  stubRules(test);
}
