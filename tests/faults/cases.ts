import type { FaultCase } from "./case.ts";
import { afterADeath } from "./cases/after-a-death.ts";
import { blockedLoop } from "./cases/blocked-loop.ts";
import { callerKilled } from "./cases/caller-killed.ts";
import { clocks } from "./cases/clocks.ts";
import { costlyBytes } from "./cases/costly-values.ts";
import { cuts } from "./cases/cuts.ts";
import { frozenProcess } from "./cases/frozen-process.ts";
import { frozenWorkers } from "./cases/frozen-workers.ts";
import { hostileBytes } from "./cases/hostile-bytes.ts";
import { killAtEveryStep } from "./cases/kill-at-every-step.ts";
import { killStorm } from "./cases/kill-storm.ts";
import { memoryLimit } from "./cases/memory-limit.ts";
import { onTime } from "./cases/on-time.ts";
import { overload } from "./cases/overload.ts";
import { poison } from "./cases/poison.ts";
import { redisKilled } from "./cases/redis-killed.ts";
import { slowLines } from "./cases/slow-lines.ts";

/** All cases, in the order of the table in docs/reliability.md. */
export const cases: readonly FaultCase[] = [
  killStorm,
  killAtEveryStep,
  callerKilled,
  clocks,
  blockedLoop,
  frozenProcess,
  frozenWorkers,
  poison,
  afterADeath,
  redisKilled,
  cuts,
  slowLines,
  memoryLimit,
  overload,
  hostileBytes,
  costlyBytes,
  onTime,
];
