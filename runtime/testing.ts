/** The door for tests of the user's own code: `taskpact/testing`. It needs no test runner, and works with each. */
export { runTask } from "./testing/task-run.ts";
export type { LogLine, RunOptions, TaskRun } from "./testing/task-run.ts";
export { testBroker } from "./testing/test-broker.ts";
export type { NextCall, TestBroker, TestClock } from "./testing/test-broker.ts";
export { brokerConformance } from "./testing/conformance/suite.ts";
export type { ConformanceOptions, ConformanceRule, OfferedPart } from "./testing/conformance/suite.ts";
export type { JudgedStore } from "./testing/conformance/lab.ts";
