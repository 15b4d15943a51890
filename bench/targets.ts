import type { ContestantName } from "./lab.ts";

/** What a figure of ours must be: at least or at most so many times another's, or so much by itself. */
export interface Target {
  readonly metric: `${string}.${string}`;
  readonly is: "≥" | "≤";
  readonly limit: number;
  /** Whose figure it is a multiple of; none for an absolute one. */
  readonly of?: ContestantName;
}

/** By figure and metric. */
export const targets: readonly Target[] = [
  { metric: "calls-1.p50", is: "≤", limit: 0.33, of: "bullmq" },
  { metric: "calls-1.p50", is: "≤", limit: 1.1, of: "bee-queue" },
  { metric: "calls-1.p99", is: "≤", limit: 1, of: "bee-queue" },
  { metric: "calls-100.perSecond", is: "≥", limit: 10, of: "bullmq" },
  { metric: "calls-100.perSecond", is: "≥", limit: 2, of: "bee-queue" },
  { metric: "calls-100.perSecond", is: "≥", limit: 0.55, of: "bare" },
  { metric: "calls-100.nodeUs", is: "≤", limit: 0.12, of: "bullmq" },
  { metric: "calls-100.nodeUs", is: "≤", limit: 0.4, of: "bee-queue" },
  { metric: "calls-100.redisUs", is: "≤", limit: 0.1, of: "bullmq" },
  { metric: "calls-100.redisUs", is: "≤", limit: 0.5, of: "bee-queue" },
  { metric: "calls-1000.perSecond", is: "≥", limit: 7, of: "bullmq" },
  { metric: "calls-1000.perSecond", is: "≥", limit: 2.2, of: "bee-queue" },
  { metric: "submit.submitsPerSecond", is: "≥", limit: 1.4, of: "bee-queue" },
  { metric: "submit.bytes", is: "≤", limit: 1, of: "bullmq" },
  { metric: "drain.drainsPerSecond", is: "≥", limit: 5, of: "bullmq" },
  { metric: "drain.drainsPerSecond", is: "≥", limit: 2.5, of: "bee-queue" },
  { metric: "depth.submitRatio", is: "≥", limit: 0.9, of: "bare" },
  { metric: "depth.drainRatio", is: "≥", limit: 0.9, of: "bare" },
  { metric: "million.slowestMs", is: "≤", limit: 5 },
  { metric: "million.reapMs", is: "≤", limit: 5 },
  { metric: "local.overUs", is: "≤", limit: 3 },
  { metric: "start-up.ms", is: "≤", limit: 120 },
  { metric: "memory.workerGrowth", is: "≤", limit: 1.05 },
  { metric: "memory.callerGrowth", is: "≤", limit: 1.05 },
];
