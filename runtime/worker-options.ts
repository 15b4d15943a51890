import type { Broker } from "./broker.ts";
import { checkCount, checkDuration, checkNames, checkOneOf } from "./checks.ts";
import { checkPoolOptions, type PoolOptions } from "./cpu/pool-options.ts";
import { checkDescribeError, type DescribeError } from "./describe-error.ts";
import { TaskError } from "./errors.ts";
import type { Hook } from "./hook.ts";
import { checkHooks } from "./hooks.ts";
import type { Implementation } from "./implementation.ts";
import { checkLog, type Logger, type LogLevel } from "./log.ts";
import { checkNodeQueue } from "./node-queue.ts";

/** How a worker is set up. */
export interface WorkerOptions {
  /** Where its queues are: `memory:`, or a broker that was made before (which the worker then does not close). */
  readonly broker: string | Broker;
  /** What it runs; it listens to the queues of their tasks. */
  readonly implementations: readonly Implementation[];
  /** How many calls it runs at a time, besides those that wait for calls that they made. @default 100 */
  readonly concurrency?: number | undefined;
  /** What sets this application's keys apart from others'. @default "taskpact" */
  readonly namespace?: string | undefined;
  /** How long a call stays its own without a sign of life, ms. @default 15_000 */
  readonly leaseMs?: number | undefined;
  /** How long running calls may take to finish when it is stopped, ms. @default 10_000 */
  readonly graceMs?: number | undefined;
  /** How many deaths of its worker park a call, unless its contract sets `maxDeliveries`. @default 3 */
  readonly maxDeliveries?: number | undefined;
  /** The largest reply, bytes as encoded. @default 1_048_576 */
  readonly maxResultBytes?: number | undefined;
  /**
   * The largest request that it reads, bytes as encoded: of a larger one, an awaited call is answered `resource_exhausted`, and
   * any other is parked with that. To be raised before `maxParamsBytes` of those who call. @default 4_194_304
   */
  readonly maxParamsBytes?: number | undefined;
  /**
   * For how long there may be no progress before the worker is unhealthy, ms: calls wait, slots are free and none is
   * claimed, or the broker is silent. At least two beats, which come every second, or three times a lease. @default 30_000
   */
  readonly unhealthyAfterMs?: number | undefined;
  /**
   * How many handlers may go on after their call was answered (as its time was up, or it was canceled) before the
   * worker is unhealthy: each keeps a slot. @default a tenth of `concurrency`, at least 1
   */
  readonly maxStuck?: number | undefined;
  /** Whether `run()` stops and rejects when more are stuck, so that a supervisor starts another process. @default false */
  readonly stopWhenStuck?: boolean | undefined;
  /**
   * Whether SIGTERM and SIGINT stop it while it runs: the first within `graceMs`, a second one at once. The process then
   * ends by itself if nothing else keeps it. @default true
   */
  readonly handleSignals?: boolean | undefined;
  /** What runs around its attempts, and around the calls that its handlers make, the first outermost. @default none */
  readonly hooks?: readonly Hook[] | undefined;
  /**
   * What goes into the record of a call whose handler throws an error that its contract does not declare: what callers read of it,
   * and what operators do. Of a task with `cpu` it is given the error as it crossed, a TaskError with `remoteStack`.
   *
   * @default `describeError`: the message and the stack, without the credentials of URLs
   */
  readonly describeError?: DescribeError | undefined;
  /** Whether it fires the schedules of the tasks that it implements, as any number of workers may. @default true */
  readonly schedule?: boolean | undefined;
  /**
   * Has it serve, besides the queues of its tasks, a queue that no other process serves: `true` for one with a new name, or a
   * name that stays, as `"camera-7"` (see docs/node-queues.md). @default none
   */
  readonly nodeQueue?: boolean | string | undefined;
  /** Where its tasks with `cpu` run, each call in a thread or a process of its own; besides `concurrency`. */
  readonly pool?: PoolOptions | undefined;
  /** Where its lines and those of its handlers go, or the least that standard error gets. @default as `streamLogger()` */
  readonly log?: Logger | LogLevel | undefined;
}

/** How many calls a worker runs at a time, if nothing is said. */
export const defaultConcurrency = 100;

const counts = ["concurrency", "maxDeliveries", "maxResultBytes", "maxParamsBytes", "maxStuck"] as const;
const durations = ["leaseMs", "unhealthyAfterMs"] as const;
const switches = ["handleSignals", "schedule", "stopWhenStuck"] as const;
const known: readonly (keyof WorkerOptions)[] = [
  "broker",
  "describeError",
  "implementations",
  "namespace",
  "graceMs",
  "hooks",
  "log",
  "nodeQueue",
  "pool",
  ...counts,
  ...durations,
  ...switches,
];

/** @throws TaskError `invalid_argument` for options that can't be followed. */
export function checkWorkerOptions(options: WorkerOptions): void {
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `createWorker(): ${reason}`);
  };
  if (options.broker === undefined) refuse('broker is missing: "memory:", or a URL of Redis');
  checkNames(options, known, refuse);
  for (const name of counts) checkCount(name, options[name], refuse);
  for (const name of durations) checkDuration(name, options[name], refuse);
  for (const name of switches) checkOneOf(name, options[name], [true, false], refuse);
  checkPoolOptions(options.pool, refuse);
  checkHooks(options.hooks, refuse);
  checkDescribeError(options.describeError, refuse);
  checkLog(options.log, refuse);
  checkNodeQueue(options.nodeQueue, refuse);
  // A grace of 0 gives back at once.
  if (options.graceMs !== 0) checkDuration("graceMs", options.graceMs, refuse);
}
