import type { BoundTask } from "./bound-task.ts";
import type { ServedQueue } from "./broker.ts";
import type { Declaration } from "./declaration.ts";
import { versionTask } from "./execution.ts";
import { atMostOnceVersion, protocolVersion } from "./header.ts";
import type { ToldLimits } from "./limits.ts";

/** What a worker lists besides its tasks: calls of these versions that others have put aside. */
const versions = [protocolVersion, atMostOnceVersion].map(versionTask);

/** The queues of some tasks, each with the tasks that wait in it. */
export function queuesOf(tasks: ReadonlyMap<string, BoundTask>): ServedQueue[] {
  const queues = new Map<string, Declaration[]>();
  for (const { declaration } of tasks.values()) {
    const declared = queues.get(declaration.queue);
    if (declared === undefined) queues.set(declaration.queue, [declaration]);
    else declared.push(declaration);
  }
  return [...queues].map(([name, declared]) => served(name, declared));
}

/** A queue in which calls of all these tasks may wait. */
export function nodeQueueServed(tasks: ReadonlyMap<string, BoundTask>, name: string): ServedQueue {
  return served(
    name,
    [...tasks.values()].map(({ declaration }) => declaration),
  );
}

function served(name: string, declared: readonly Declaration[]): ServedQueue {
  return {
    name,
    tasks: [...declared.map((one) => one.name), ...versions],
    limits: declared.filter(({ limited }) => limited).map(toldLimits),
  };
}

/** Those of a worker's tasks that it serves in a queue, by their names on the wire. */
export function declaredIn(served: readonly string[], tasks: ReadonlyMap<string, BoundTask>): readonly Declaration[] {
  return served.flatMap((name) => tasks.get(name)?.declaration ?? []);
}

function toldLimits({ name, task: { maxConcurrency, rateLimit } }: Declaration): ToldLimits {
  return { task: name, maxConcurrency, rate: rateLimit && { limit: rateLimit.limit, perMs: rateLimit.perMs } };
}

/** The queues in which this worker has no tasks but those that run in a pool. */
export function poolQueuesOf(tasks: ReadonlyMap<string, BoundTask>, nodeQueue?: string): ReadonlySet<string> {
  const declarations = [...tasks.values()].map(({ declaration }) => declaration);
  const others = new Set(declarations.filter(({ cpu }) => cpu === undefined).map(({ queue }) => queue));
  const pooled = declarations.map(({ queue }) => queue).filter((queue) => !others.has(queue));
  if (nodeQueue !== undefined && others.size === 0) pooled.push(nodeQueue);
  return new Set(pooled);
}
