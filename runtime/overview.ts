import type { Policy, Priority } from "./contract.ts";
import type { OwnerConflict } from "./owners.ts";
import type { Schedule } from "./schedule.ts";
import type { Pauses } from "./pauses.ts";

/** The side of a client that tells how things stand: what there is, who listens, and what waits. */
export interface Overview<Signatures> extends Pauses<Signatures> {
  /** All tasks of this client, in the order of their names: nothing is asked of the broker. */
  describeTasks(): Promise<readonly TaskDescription<keyof Signatures & string>[]>;
  /** The workers that listen to queues of this client's tasks, node queues included. */
  workers(): Promise<readonly WorkerInfo[]>;
  /**
   * The workers that listen to one queue, whichever that is; none for one that nobody has ever heard of. What each tells is of
   * this queue alone: its tasks there, and its rates.
   *
   * @throws TaskError `invalid_argument` for what can't be a queue's name.
   */
  presence(queue: string): Promise<readonly WorkerInfo[]>;
  /**
   * The queues of this client's tasks, by name, and after them the node queues of those that implement some of them, or did so not
   * long ago. Costs one look for each, however much waits.
   */
  queues(): Promise<readonly QueueInfo[]>;
  /** One of these queues, or a node queue. @throws TaskError `invalid_argument` for one that this client does not know. */
  queue(name: string): QueueControl;
}

/** One queue. */
export interface QueueControl {
  readonly name: string;
  info(): Promise<QueueInfo>;
  /**
   * Ends calls that wait: they read as `canceled`, also to whoever awaits them, and parked ones are forgotten. What runs goes on.
   * It is done in small steps, so that nobody waits for it; calls that come meanwhile may be among them.
   *
   * @throws TaskError `invalid_argument` for options that can't be followed.
   */
  purge(options?: PurgeOptions): Promise<Purged>;
  /** As {@link Pauses.pause} does. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** What can be purged. */
export type PurgedState = "queued" | "delayed" | "retrying" | "parked";

/** Which calls to purge. */
export interface PurgeOptions {
  /** @default queued, delayed and retrying ones */
  readonly states?: readonly PurgedState[] | undefined;
  /**
   * Only calls that were made so long ago, or parked ones that have been that so long, ms. A call whose id was given by its
   * caller does not tell, and stays. @default all
   */
  readonly olderThanMs?: number | undefined;
}

/** How many calls were purged: canceled, and of parked ones forgotten. */
export interface Purged {
  readonly canceled: number;
  readonly forgotten: number;
}

/** Attempts that have ended in the last ten seconds, a second. */
export interface Rates {
  readonly succeeded: number;
  readonly failed: number;
  /** Failed, and another attempt is to follow. */
  readonly retried: number;
}

/** How a queue stands. */
export interface QueueInfo {
  readonly name: string;
  /** Whether all of it is paused. */
  readonly paused: boolean;
  /** How many calls wait for their turn, by priority. Calls that were canceled count until a claim comes by. */
  readonly waiting: Readonly<Record<Priority | "nested", number>>;
  /** Calls that wait for a limit, for a worker that implements them, or for their task to go on; and suspects, whose worker died. */
  readonly held: { readonly limited: number; readonly aside: number; readonly suspect: number };
  /** Held back by `delayMs` or `runAt`, or for their next attempt. Where they are more than 100 in all, which is which is estimated. */
  readonly delayed: number;
  readonly retrying: number;
  readonly running: number;
  readonly parked: number;
  /**
   * How long ago the call was made that is next in its list, ms: the longest of all lists. Undefined where none waits, or
   * their ids were given by their callers.
   */
  readonly oldestMs: number | undefined;
  /** How many workers listen. */
  readonly workers: number;
  /** Tasks that workers of several owners serve, each of which refuses the others' calls. */
  readonly conflicts: readonly OwnerConflict[];
  /** Of all of them. */
  readonly perSecond: Rates;
}

/** A worker that listens. What one of an older version does not tell is undefined. */
export interface WorkerInfo {
  readonly id: string;
  readonly host: string | undefined;
  readonly pid: number | undefined;
  /** Taskpact's. */
  readonly version: string | undefined;
  readonly uptimeMs: number | undefined;
  /** How many calls it runs at a time. */
  readonly concurrency: number | undefined;
  /** How many it runs now, those whose slot is lent included. */
  readonly running: number | undefined;
  /** The queue that it alone serves, if it has one. */
  readonly nodeQueue: string | undefined;
  /** Whose contracts it serves, by name; none of a worker that does not tell. */
  readonly owners: readonly string[];
  /** The queues and tasks, by their names on the wire, that it serves, of this client's queues. */
  readonly queues: readonly string[];
  readonly tasks: readonly string[];
  /** In all of its queues that are seen here. */
  readonly perSecond: Rates;
}

/** A task, as its contract says it. */
export interface TaskDescription<Name extends string = string> {
  /** As this client knows it. */
  readonly task: Name;
  /** On the wire: `math.addition`. */
  readonly name: string;
  /** The text of its doc comment. */
  readonly doc: string | undefined;
  readonly queue: string;
  readonly policy: Policy;
  readonly schedule: Schedule | undefined;
  readonly tags: readonly string[];
  /** In the order in which callers give them. */
  readonly params: readonly string[];
  /**
   * JSON Schemas (draft 2020-12) of what callers give and get. What JSON has no word for is told by `x-taskpact`: Date, bigint, Map,
   * Set, Uint8Array and others arrive as they are.
   */
  readonly schemas: {
    /** An object of the parameters. */
    readonly params: JsonSchema;
    readonly result: JsonSchema;
    readonly errors: { readonly [error: string]: JsonSchema };
    readonly progress: JsonSchema | undefined;
  };
}

/** A JSON Schema. */
export type JsonSchema = { readonly [key: string]: unknown };
