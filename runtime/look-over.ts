import type { Broker, Presence } from "./broker.ts";
import { checkDuration, checkNames, checkOneOf, checkQueue, shown } from "./checks.ts";
import type { Declaration } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import { madeAt } from "./id.ts";
import { isNodeQueue } from "./node-queue.ts";
import { nodesOf } from "./node-registry.ts";
import type { Operator } from "./operator.ts";
import { ownerConflicts, ownersOf } from "./owners.ts";
import type { Overview, PurgedState, PurgeOptions, QueueControl, QueueInfo, Rates, WorkerInfo } from "./overview.ts";
import type { Pauses } from "./pauses.ts";
import type { Registry } from "./registry.ts";
import type { Unreadable } from "./unreadable.ts";

/** What {@link overviewOf} needs of its client. */
export interface OverviewSettings {
  readonly broker: Broker;
  /** @throws TaskError `unimplemented` for a broker that has none. */
  operator(): Operator;
  /** All tasks, by the names that this client knows them by. */
  readonly declarations: ReadonlyMap<string, Declaration>;
  readonly registry: Registry;
  readonly pauses: Pauses<Record<string, unknown>>;
  readonly unreadable: Unreadable;
}

const purgedStates: readonly PurgedState[] = ["queued", "delayed", "retrying", "parked"];
const purgedByDefault: readonly PurgedState[] = ["queued", "delayed", "retrying"];

/** The client's side of {@link Overview}. */
export function overviewOf(settings: OverviewSettings): Overview<Record<string, unknown>> {
  const { broker, declarations, registry, pauses, unreadable } = settings;
  const names = [...new Set([...declarations.values()].map(({ queue }) => queue))].toSorted();

  const presence = (name: string): Promise<readonly Presence[]> =>
    broker.presence(name, (error) => unreadable.count("presences", { queue: name }, error));

  /** Of whatever else shares the namespace, those that are of no use here are left out. */
  async function nodeQueues(): Promise<readonly string[]> {
    const wanted = new Set([...declarations.values()].map((one) => one.name));
    const nodes = await nodesOf(broker);
    return nodes
      .filter(({ tasks }) => tasks.some((task) => wanted.has(task)))
      .map((node) => node.queue)
      .toSorted();
  }

  async function info(name: string): Promise<QueueInfo> {
    const [census, listeners] = await Promise.all([settings.operator().census(name), presence(name)]);
    const { now, limited, aside, suspects, oldest, ...counts } = census;
    const made = oldest.flatMap((id) => madeAt(id) ?? []);
    return {
      name,
      ...counts,
      held: { limited, aside, suspect: suspects },
      oldestMs: made.length === 0 ? undefined : Math.max(0, now - Math.min(...made)),
      workers: listeners.length,
      conflicts: ownerConflicts(listeners),
      perSecond: sumOf(listeners),
    };
  }

  function queue(name: string): QueueControl {
    if (!names.includes(name) && !isNodeQueue(name))
      refuse(`there is no queue ${shown(name)}; there are ${names.join(", ")}`);
    return {
      name,
      info: () => info(name),
      pause: () => pauses.pause({ queue: name }),
      resume: () => pauses.resume({ queue: name }),
      async purge(options: PurgeOptions = {}) {
        checkNames(options, ["states", "olderThanMs"], refuse);
        const { states = purgedByDefault, olderThanMs } = options;
        for (const state of states) checkOneOf("states", state, purgedStates, refuse);
        checkDuration("olderThanMs", olderThanMs, refuse);
        return settings.operator().purge(name, { states, olderThanMs });
      },
    };
  }

  return {
    ...pauses,
    queue,
    queues: async () => Promise.all([...names, ...(await nodeQueues())].map(info)),
    async presence(name) {
      checkQueue(name ?? null, refuse);
      const listeners = await presence(name);
      const infos = listeners.map((one) => workerInfo(one.worker, [{ queue: name, presence: one }]));
      return infos.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },
    async workers() {
      const found = new Map<string, { readonly queue: string; readonly presence: Presence }[]>();
      const all = [...names, ...(await nodeQueues())];
      const seen = await Promise.all(all.map(async (name) => [name, await presence(name)] as const));
      for (const [name, listeners] of seen) {
        for (const one of listeners) {
          const theirs = found.get(one.worker) ?? [];
          found.set(one.worker, [...theirs, { queue: name, presence: one }]);
        }
      }
      return [...found.keys()].toSorted().map((id) => workerInfo(id, found.get(id)!));
    },
    async describeTasks() {
      const { describe } = await import("./describe.ts");
      return describe(declarations, (await registry.docs?.()) ?? {});
    },
  };
}

function workerInfo(id: string, parts: readonly { readonly queue: string; readonly presence: Presence }[]): WorkerInfo {
  const info = parts.find(({ presence }) => presence.info !== undefined)?.presence.info;
  const tasks = new Set(parts.flatMap(({ presence }) => presence.tasks.filter((task) => !task.startsWith("@"))));
  return {
    id,
    host: info?.host,
    pid: info?.pid,
    version: info?.version,
    uptimeMs: info?.uptimeMs,
    concurrency: info?.concurrency,
    running: info?.running,
    nodeQueue: info?.nodeQueue ?? parts.find(({ queue }) => isNodeQueue(queue))?.queue,
    owners: ownersOf(parts.map(({ presence }) => presence)),
    queues: parts.map(({ queue }) => queue),
    tasks: [...tasks].toSorted(),
    perSecond: sumOf(parts.map(({ presence }) => presence)),
  };
}

function sumOf(listeners: readonly Presence[]): Rates {
  const rates = { succeeded: 0, failed: 0, retried: 0 };
  for (const { info } of listeners) {
    rates.succeeded += info?.perSecond.succeeded ?? 0;
    rates.failed += info?.perSecond.failed ?? 0;
    rates.retried += info?.perSecond.retried ?? 0;
  }
  return rates;
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
