/**
 * Every key and channel, built in one place. `{queue}` is the hash tag: all keys of a queue share one slot, so
 * that each script is legal on Redis Cluster. Channels need none, for a message goes to every node.
 */

/** Keys of one queue, all below `<namespace>:{<queue>}:`. */
export interface QueueKeys {
  /** Lists of waiting ids, by priority. */
  readonly queue: string;
  readonly high: string;
  readonly low: string;
  /** List of waiting ids of calls that a running handler waits for, the newest first. */
  readonly nested: string;
  /** A list of at most one token: what workers block on. */
  readonly bell: string;
  /** The same for workers whose handlers all wait for calls that they made. */
  readonly nestedBell: string;
  /** The records' prefix: `result:<id>`. */
  readonly result: string;
  /** ZSET: id → fence of the batch that claimed it. */
  readonly leases: string;
  /** ZSET: fence → when the leases of its batch end, ms. */
  readonly expiry: string;
  /** The counter of fences. */
  readonly fence: string;
  /** ZSET: id → when it is due, ms. */
  readonly delayed: string;
  /** List of ids whose worker died; claimed one at a time. */
  readonly suspects: string;
  /** ZSET: id → when it was parked, ms. */
  readonly parked: string;
  /** Hash: the tasks that are paused, and `*` if the queue is → 1. */
  readonly paused: string;
  /** Hash: lane, with calls that wait for a limit → the gate that it waits at, or when its first call was let go on, s. */
  readonly lanes: string;
  /** The prefix of a lane's waiting calls, a ZSET: id → its place. `line:<lane>` */
  readonly line: string;
  /** How many calls wait in lines. */
  readonly blocked: string;
  /** The prefix of the lanes that wait at a gate, a list in turn: `turns:<gate>`. */
  readonly turns: string;
  /** The prefix of the calls that run under a limit of concurrency, a set: `slots:<task>:<hash>`. */
  readonly slots: string;
  /** The prefix of the last starts under a limit of rate, a list of times, ms: `starts:<task>:<hash>`. */
  readonly starts: string;
  /** Hash: a task, or a task and what is told of it → how its schedule stands. */
  readonly schedules: string;
}

/** The keys of a queue. */
export function queueKeys(namespace: string, queue: string): QueueKeys {
  const prefix = `${namespace}:{${queue}}:`;
  return {
    queue: `${prefix}queue`,
    high: `${prefix}queue:high`,
    low: `${prefix}queue:low`,
    nested: `${prefix}queue:nested`,
    bell: `${prefix}bell`,
    nestedBell: `${prefix}bell:nested`,
    result: `${prefix}result:`,
    leases: `${prefix}leases`,
    expiry: `${prefix}expiry`,
    fence: `${prefix}fence`,
    delayed: `${prefix}delayed`,
    suspects: `${prefix}suspects`,
    parked: `${prefix}parked`,
    paused: `${prefix}paused`,
    lanes: `${prefix}lanes`,
    line: `${prefix}line:`,
    blocked: `${prefix}blocked`,
    turns: `${prefix}turns:`,
    slots: `${prefix}slots:`,
    starts: `${prefix}starts:`,
    schedules: `${prefix}schedules`,
  };
}

/** The key that is there while somebody listens to a queue's events, by the key of the queue's list. */
export function listenersOf(list: string): string {
  return list.replace(/queue$/, "listeners");
}

/** The channel on which what happens in a queue is told, while somebody listens. */
export function eventsChannel(queue: string): string {
  return `events:${queue}`;
}

/** The channel on which a client hears replies and progress of its calls. */
export function clientChannel(client: string): string {
  return `client:${client}`;
}

/** The channel on which the workers of a queue hear of canceled calls. */
export function workerChannel(queue: string): string {
  return `worker:${queue}`;
}
