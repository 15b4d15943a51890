import type { Broker } from "./broker.ts";
import { openBroker } from "./brokers/open.ts";
import { checkId } from "./call.ts";
import { callerOf } from "./caller.ts";
import { checkCount, checkNames, checkQueue } from "./checks.ts";
import type { Context } from "./context.ts";
import { pooledTasks } from "./cpu/place.ts";
import { CpuPool } from "./cpu/pool.ts";
import { checkPoolOptions, type PoolOptions, poolSettings } from "./cpu/pool-options.ts";
import { type Declaration, declarationsOf, inQueue } from "./declaration.ts";
import { defaultGraceMs, defaultMaxBytes, defaultMaxReplyBytes, defaultNamespace } from "./defaults.ts";
import { Dependencies } from "./dependencies.ts";
import { checkDescribeError, type DescribeError, describerOf } from "./describe-error.ts";
import { TaskError } from "./errors.ts";
import type { Events } from "./events.ts";
import { EventHub } from "./event-hub.ts";
import { createFace, type Face } from "./face.ts";
import { Handles } from "./handles.ts";
import type { Hook } from "./hook.ts";
import { checkHooks, Hooks } from "./hooks.ts";
import { boundTasks, type Implementation } from "./implementation.ts";
import { LocalRuns } from "./local.ts";
import { LockRoom } from "./lock-room.ts";
import { checkLog, inMakersContext, type Logger, loggerOf, type LogLevel } from "./log.ts";
import { Inbound } from "./inbound.ts";
import type { LocalReplays } from "./local-replays.ts";
import { checkNodeQueue, nodeQueueOf } from "./node-queue.ts";
import type { ServeNode } from "./node-serving.ts";
import type { Operator } from "./operator.ts";
import { overviewOf } from "./look-over.ts";
import type { Overview } from "./overview.ts";
import { outside } from "./own-context.ts";
import type { WhereOptions } from "./options.ts";
import { ParkedCalls } from "./parked-calls.ts";
import type { Parked } from "./parked.ts";
import { pauseControl } from "./pause-control.ts";
import { PresenceView } from "./presence.ts";
import type { Registry } from "./registry.ts";
import { RemoteCalls } from "./remote.ts";
import { Replies } from "./replies.ts";
import { ScheduledTasks } from "./scheduled-tasks.ts";
import type { Schedules } from "./schedules.ts";
import type { HandleOf, IsDeclared } from "./signature.ts";
import type { Timetable } from "./timetable.ts";
import { Unreadable, type UnreadableCounts } from "./unreadable.ts";

/** How a client is set up. */
export interface ClientOptions {
  /** Where its queues are: `memory:`, or a broker that was made before (which the client then does not close). */
  readonly broker: string | Broker;
  /** What local policies run. @default none */
  readonly implementations?: readonly Implementation[] | undefined;
  /** What sets this application's keys apart from others'. @default "taskpact" */
  readonly namespace?: string | undefined;
  /** How many asynchronous calls run here at a time. @default 100 */
  readonly localConcurrency?: number | undefined;
  /**
   * Has this client serve, with its implementations, a queue that no other process serves: `true` for one with a new name, or
   * a name that stays (see docs/node-queues.md). It takes up to `localConcurrency` calls of it besides those that run here.
   * @default none
   */
  readonly nodeQueue?: boolean | string | undefined;
  /** Where its tasks with `cpu` run if they run here, each call in a thread or a process of its own. */
  readonly pool?: PoolOptions | undefined;
  /** How many calls may be awaited, or on their way to the broker, before more are refused. @default 100_000 */
  readonly maxPending?: number | undefined;
  /**
   * How many calls may wait in a queue, delayed ones included, before this client's new ones are refused as
   * `resource_exhausted`. @default without bound
   */
  readonly maxQueueLength?: number | undefined;
  /** The largest request, bytes as encoded; the same for calls that run in this process. @default 1_048_576 */
  readonly maxParamsBytes?: number | undefined;
  /**
   * The largest reply that it reads, bytes as encoded, and with it the largest progress and event: a call with a larger one ends
   * as `resource_exhausted`. To be raised before `maxResultBytes` of its workers, or `maxParamsBytes` where requests are kept.
   * @default 8_388_608
   */
  readonly maxResultBytes?: number | undefined;
  /** What runs around its calls and the attempts that it makes itself, the first outermost. @default none */
  readonly hooks?: readonly Hook[] | undefined;
  /**
   * What is said of errors that handlers throw here and their contracts do not declare: in attempts of local policies, of its
   * `nodeQueue` and of local replays. See {@link DescribeError}. @default {@link describeError}
   */
  readonly describeError?: DescribeError | undefined;
  /** Where its lines and those of its handlers go, or the least that standard error gets. @default as `streamLogger()` */
  readonly log?: Logger | LogLevel | undefined;
}

/** Everything of a client that is not a task: `tasks.client`. */
export interface Client<Signatures> extends Overview<Signatures> {
  /**
   * A call made before, here or elsewhere, by its id. Asks nothing yet: an unknown id shows at the first use.
   *
   * @throws TaskError `invalid_argument` for a task that does not exist, for what can't be an id, or a queue.
   */
  handle<Name extends keyof Signatures & string>(
    task: Name,
    id: string,
    where?: WhereOptions,
  ): HandleOf<Signatures[Name]>;
  /**
   * The queue that this client alone serves, if its `nodeQueue` asks for one: whoever is told of it calls exactly here, with
   * `tasks.with({ queue })`.
   */
  readonly nodeQueue: string | undefined;
  /** Calls that nobody could run or whose workers died, and finished ones whose request was kept: to be looked at and run again. */
  readonly parked: Parked<Signatures>;
  /** Tasks that are called by themselves: to be looked at, paused, and called at once. */
  readonly schedules: Schedules<Signatures>;
  /** What happens to this client's tasks, as it happens. */
  readonly events: Events<Signatures>;
  /** What this client has found so far and could not read, as others wrote it. The first of each kind was logged. */
  readonly unreadable: UnreadableCounts;
  /** Ends the client: pending calls reject as `canceled`, calls that were submitted go on. */
  close(): Promise<void>;
}

const counts = ["localConcurrency", "maxPending", "maxQueueLength", "maxParamsBytes", "maxResultBytes"] as const;
const knownOptions: readonly (keyof ClientOptions)[] = [
  "broker",
  "describeError",
  "implementations",
  "namespace",
  "hooks",
  "log",
  "nodeQueue",
  "pool",
  ...counts,
];

/** A client before it is known of which tasks. */
export interface OpenClient {
  /** The face of a registry's tasks; made once. */
  face(registry: Registry): Face;
  close(): Promise<void>;
}

/** What an {@link OpenClient} is made of, besides its options. */
export interface ClientParts {
  /** What a face's `client.close` does. @default closes it */
  readonly closeFace?: (() => Promise<void>) | undefined;
  /** What serves its `nodeQueue`, without which it can't have one. */
  readonly serveNode?: ServeNode | undefined;
}

/** Opens a client, of one registry or of several. */
export function openClient(options: ClientOptions, { closeFace, serveNode }: ClientParts = {}): OpenClient {
  const { namespace = defaultNamespace } = options;
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `createTasks(): ${reason}`);
  };
  if (options.broker === undefined) refuse('broker is missing: "memory:", or a URL of Redis');
  checkNames(options, knownOptions, refuse);
  for (const name of counts) checkCount(name, options[name], refuse);
  checkPoolOptions(options.pool, refuse);
  checkHooks(options.hooks, refuse);
  checkDescribeError(options.describeError, refuse);
  checkLog(options.log, refuse);
  checkNodeQueue(options.nodeQueue, refuse);
  const nodeQueue = nodeQueueOf(options.nodeQueue);
  // A handler's and a hook's own lines are written in their context, as if they called the logger themselves.
  const written = loggerOf(options.log);
  const log = inMakersContext(written);
  const own = typeof options.broker === "string";
  const opening = { namespace, side: "client", log } as const;
  const broker = typeof options.broker === "string" ? openBroker(options.broker, opening) : options.broker;
  const replies = new Replies(broker);
  const hooks = Hooks.of(options.hooks, log);
  const describe = describerOf(options.describeError, log);
  const unreadable = new Unreadable(log);
  const inbound = new Inbound(options.maxResultBytes ?? defaultMaxReplyBytes, unreadable);
  const handles = new Handles(broker, replies, inbound, hooks);
  const presence = new PresenceView(broker, unreadable);
  const tasks = boundTasks(options.implementations ?? []);
  const locks = new LockRoom(broker, log);
  const dependencies = new Dependencies(log);
  const faces = new Map<Registry, Face>();
  const hubs: EventHub[] = [];
  const face = (registry: Registry): Face => {
    let made = faces.get(registry);
    if (made === undefined) faces.set(registry, (made = createFace(registry, caller, clientOf(registry))));
    return made;
  };
  const tasksFor = (registry: Registry, parent: Context): object => face(registry).with({ parent });
  if (nodeQueue !== undefined && tasks.size === 0) refuse("nodeQueue needs implementations, which serve it");
  const pooled = pooledTasks(tasks.values(), refuse);
  const pool = pooled.length > 0 ? new CpuPool(poolSettings(options.pool), log) : undefined;
  const maxParamsBytes = options.maxParamsBytes ?? defaultMaxBytes;
  const around = { maxParamsBytes, dependencies, hooks, describe, log: written, locks, tasksFor, pool, nodeQueue };
  const local = new LocalRuns(tasks, options.localConcurrency ?? 100, around);
  // What a worker is made of: only a client that replays calls here needs it.
  let loading: Promise<LocalReplays> | undefined;
  const loadReplays = async (): Promise<LocalReplays> => {
    const { LocalReplays } = await import("./local-replays.ts");
    return new LocalReplays({
      broker,
      nodeQueue,
      tasks,
      pool,
      local,
      dependencies,
      hooks,
      describe,
      locks,
      log: written,
    });
  };
  const replays = (): Promise<LocalReplays> => (loading ??= outside(loadReplays));
  const places = {
    presence,
    local,
    remote: new RemoteCalls(broker, replies, presence, inbound, {
      maxPending: options.maxPending ?? 100_000,
      maxParamsBytes,
      maxQueueLength: options.maxQueueLength,
    }),
  };
  const node =
    nodeQueue === undefined
      ? undefined
      : serveNode?.({ ...options, broker, log }, { tasks, pooled, nodeQueue, describe });
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    const runs = places.local.close(new TaskError<string, unknown>("canceled", "the client was closed"));
    handles.close();
    try {
      await Promise.all([node?.stop(), ...hubs.map((hub) => hub.close())]);
      const replays = await loading;
      const handlers = Promise.all([runs, replays?.handlersDone()]);
      await replays?.close();
      await pool?.stop();
      await places.remote.close();
      await replies.close();
      await dependencies.closeAfter(handlers, defaultGraceMs);
      await locks.close();
    } finally {
      if (own) await broker.close();
    }
  };
  const checkOpen = (): void => {
    if (closing !== undefined) throw new TaskError("unavailable", "the client is closed");
  };
  const operator = (): Operator => {
    checkOpen();
    if (broker.operator === undefined)
      throw new TaskError("unimplemented", "its broker has nothing for those who look after queues");
    return broker.operator;
  };
  const timetable = (): Timetable => {
    checkOpen();
    if (broker.timetable === undefined) throw new TaskError("unimplemented", "its broker keeps no timetable");
    return broker.timetable;
  };
  const caller = callerOf(
    places,
    log,
    (declaration, id, unique) => handles.open(declaration, id, unique),
    () => closing !== undefined,
    hooks,
  );
  const close = (): Promise<void> => (closing ??= end());
  const clientOf = (registry: Registry): Client<Record<string, unknown>> => {
    const declarations = declarationsByKey(registry);
    const declaration = (task: string): Declaration => {
      const known = declarations.get(task);
      if (known === undefined) throw new TaskError("invalid_argument", `there is no task "${task}"`);
      return known;
    };
    const declarationIn = (task: string, where: WhereOptions = {}): Declaration => {
      const refuse = (reason: string): never => {
        throw new TaskError("invalid_argument", reason);
      };
      checkNames(where, ["queue"], refuse);
      checkQueue(where.queue, refuse);
      return inQueue(declaration(task), where.queue);
    };
    const hub = new EventHub({ broker, operator, declarations, declaration, log, inbound });
    hubs.push(hub);
    const pauses = pauseControl({ operator, declarations, declaration });
    return {
      events: hub as never,
      nodeQueue,
      handle(task, id, where) {
        const declared = declarationIn(task, where);
        checkId(id);
        return handles.open(declared, id, false) as never;
      },
      parked: new ParkedCalls({ broker, operator, declaration, declarationIn, handles, local, replays }) as never,
      ...overviewOf({ broker, operator, declarations, registry, pauses, unreadable }),
      get unreadable() {
        return unreadable.counts;
      },
      schedules: new ScheduledTasks({ timetable, declarations, declaration, submit: caller.submit }) as never,
      close: closeFace ?? close,
    };
  };
  return { face, close };
}

/** Declarations by the names that `client.handle` and `isDeclared` take: short ones, or those on the wire. */
function declarationsByKey(registry: Registry): ReadonlyMap<string, Declaration> {
  const all = registry.contracts.flatMap((contract) => [...declarationsOf(contract, registry.owner).values()]);
  return new Map(all.map((one) => [registry.shape === "flat" ? one.shortName : one.name, one]));
}

/** Makes `isDeclared` for a registry. */
export function declaredBy<Signatures>(registry: Registry): IsDeclared<Signatures> {
  const declarations = declarationsByKey(registry);
  return (error, task, name): error is never =>
    error instanceof TaskError &&
    (error.code as string) === "declared" &&
    error.name === name &&
    error.task === declarations.get(task)?.name;
}
