import type { Broker, Presence, PresenceInfo, ServedQueue } from "./broker.ts";
import type { Declaration } from "./declaration.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";

/*
 * Two services may have a contract of the same name in one namespace. Each client and each worker says whose its contracts are, and
 * no handler gets a call that was meant for another owner's.
 */

/** A task that workers of several owners serve in one queue: each refuses the calls that are meant for another. */
export interface OwnerConflict {
  /** The task's name on the wire: `email.send`. */
  readonly task: string;
  /** The owners, by name. */
  readonly owners: readonly string[];
}

/** Whether calls of one owner's contract may run by another's: who has none calls and serves everybody. */
export function isSameOwner(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/** The error of a call that came to a handler of another owner. */
export function foreignCall(called: string | undefined, handled: string | undefined): AnyTaskError {
  return new TaskError<string, unknown>(
    "unavailable",
    `the caller's contract is of ${JSON.stringify(called)}, and this worker's of ${JSON.stringify(handled)}: ` +
      "give one of them another namespace, or both the same owner in taskpact.config.ts if it is the same contract",
  );
}

/** What a worker tells of the owners of its tasks in a queue. */
export function ownersTold(declared: readonly Declaration[]): Pick<PresenceInfo, "owner" | "owners"> {
  const owned = declared.flatMap(({ name, owner }) => (owner === undefined ? [] : [[name, owner] as const]));
  const names = new Set(owned.map(([, owner]) => owner));
  if (names.size === 0) return {};
  const [owner] = names;
  return names.size === 1 && owned.length === declared.length ? { owner } : { owners: Object.fromEntries(owned) };
}

/** Whose contract a worker serves a task by; undefined if it doesn't tell. Whoever wrote it may have written anything. */
function ownerOf({ info }: Presence, task: string): string | undefined {
  const owner: unknown = info?.owners?.[task] ?? info?.owner;
  return typeof owner === "string" ? owner : undefined;
}

/** The owners that a worker serves tasks of, by name. */
export function ownersOf(presences: readonly Presence[]): readonly string[] {
  const owners = presences.flatMap((presence) => presence.tasks.flatMap((task) => ownerOf(presence, task) ?? []));
  return [...new Set(owners)].toSorted();
}

/** The tasks of a queue that its workers serve for several owners. */
export function ownerConflicts(listeners: readonly Presence[]): readonly OwnerConflict[] {
  const found = new Map<string, Set<string>>();
  for (const presence of listeners) {
    for (const task of presence.tasks) {
      const owner = task.startsWith("@") ? undefined : ownerOf(presence, task);
      if (owner === undefined) continue;
      const owners = found.get(task);
      if (owners === undefined) found.set(task, new Set([owner]));
      else owners.add(owner);
    }
  }
  return [...found]
    .filter(([, owners]) => owners.size > 1)
    .map(([task, owners]) => ({ task, owners: [...owners].toSorted() }))
    .toSorted((one, other) => (one.task < other.task ? -1 : 1));
}

/** Warns of tasks that another owner's workers serve in these queues, too. A broker that does not answer keeps nobody from working. */
export async function warnOfOwners(broker: Broker, log: Logger, queues: readonly ServedQueue[]): Promise<void> {
  const conflicts = queues.map(async ({ name: queue, tasks }) => {
    const listeners = await broker.presence(queue).catch(() => []);
    for (const { task, owners } of ownerConflicts(listeners)) {
      if (!tasks.includes(task)) continue;
      log.warn(
        { queue, task, owners },
        "workers of several owners serve this task, and each refuses the others' calls; give each its own namespace",
      );
    }
  });
  await Promise.all(conflicts);
}
