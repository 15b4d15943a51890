import { availableParallelism } from "node:os";
import { checkCount, checkDuration, checkNames, shown } from "../checks.ts";

/** Where tasks with `cpu` run: a pool of threads, or of processes. */
export interface PoolOptions {
  /** How many of its handlers run at a time, each in a thread or a process of its own. @default the machine's parallelism */
  readonly size?: number | undefined;
  /** How long a thread or a process without work is kept, ms. @default 60_000 */
  readonly idleMs?: number | undefined;
  /** How large the heap of each may grow, MB; one that outgrows it ends as `worker_lost`. @default Node's own limit */
  readonly heapMb?: number | undefined;
  /** Node's options for them, such as `["--import", "tsx"]`. @default this process's own */
  readonly execArgv?: readonly string[] | undefined;
}

/** {@link PoolOptions} with their defaults. */
export interface PoolSettings {
  readonly size: number;
  readonly idleMs: number;
  readonly heapMb: number | undefined;
  readonly execArgv: readonly string[] | undefined;
}

const defaultIdleMs = 60_000;

export function poolSettings({ size, idleMs, heapMb, execArgv }: PoolOptions = {}): PoolSettings {
  return { size: size ?? availableParallelism(), idleMs: idleMs ?? defaultIdleMs, heapMb, execArgv };
}

/** Refuses options of a pool that can't be followed. Absent is fine. */
export function checkPoolOptions(options: PoolOptions | undefined, refuse: (reason: string) => never): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) refuse(`pool must be an object; got ${shown(options)}`);
  const fail = (reason: string): never => refuse(`pool: ${reason}`);
  checkNames(options, ["size", "idleMs", "heapMb", "execArgv"], fail);
  checkCount("size", options.size, fail);
  checkCount("heapMb", options.heapMb, fail);
  checkDuration("idleMs", options.idleMs, fail);
  const { execArgv } = options;
  if (execArgv !== undefined && !(Array.isArray(execArgv) && execArgv.every((one) => typeof one === "string")))
    fail(`execArgv must be a list of strings; got ${shown(execArgv)}`);
}
