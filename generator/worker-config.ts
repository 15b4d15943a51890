/** How `taskpact worker` runs; flags and `TASKPACT_…` variables go before it. */
export interface WorkerConfig {
  /** The module whose handlers it runs, below the project's folder. @default none: it is named on the command line */
  readonly module?: string | undefined;
  /** How many processes. @default 1 */
  readonly workers?: number | undefined;
  /** How many calls each of them runs at a time. @default 100 */
  readonly concurrency?: number | undefined;
  /** After how many calls a process gives way to a fresh one. @default never */
  readonly maxCalls?: number | undefined;
  /** How long running calls may take when it is stopped, ms. @default 10_000 */
  readonly graceMs?: number | undefined;
  /** A queue of its own besides, as `nodeQueue` of a worker: `true` for a new name in each process, or a name. @default none */
  readonly nodeQueue?: boolean | string | undefined;
  /** Whether it fires schedules. @default true */
  readonly schedule?: boolean | undefined;
}

const counts = ["workers", "concurrency", "maxCalls"] as const;
const known: readonly string[] = ["module", ...counts, "graceMs", "nodeQueue", "schedule"];

/** What is wrong with the part of a configuration that is about workers, a sentence each. */
export function workerFaults(worker: unknown): readonly string[] {
  if (worker === undefined) return [];
  if (typeof worker !== "object" || worker === null) return ["worker must be an object, like { workers: 4 }"];
  const faults: string[] = [];
  const given = worker as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) faults.push(`worker: there is no option "${name}"; there are ${known.join(", ")}`);
  }
  const { module, graceMs, nodeQueue, schedule } = given;
  if (module !== undefined && typeof module !== "string")
    faults.push(`worker.module must be a path, like "handlers/index.ts"`);
  for (const name of counts) {
    const count = given[name];
    if (count !== undefined && !(Number.isInteger(count) && (count as number) >= 1))
      faults.push(`worker.${name} must be a whole number, at least 1`);
  }
  if (graceMs !== undefined && !(typeof graceMs === "number" && graceMs >= 0))
    faults.push("worker.graceMs must be a number of milliseconds, 0 or more");
  if (nodeQueue !== undefined && typeof nodeQueue !== "boolean" && typeof nodeQueue !== "string")
    faults.push(`worker.nodeQueue must be true, or a name, like "camera-7"`);
  if (schedule !== undefined && typeof schedule !== "boolean") faults.push("worker.schedule must be true or false");
  return faults;
}
