import type { Rank } from "./header.ts";
import type { CallState } from "./state.ts";

/**
 * What a broker offers to those who look after its queues, beside the ten methods that calls need ({@link Broker}). As
 * there, every method may be called again with the same arguments, and times are by the broker's clock.
 */
export interface Operator {
  /**
   * A page of a queue's parked calls, those that were parked last first: so that calls which are parked meanwhile don't
   * move the pages. Calls whose records are gone are dropped on the way.
   */
  parked(queue: string, page: PageRequest): Promise<ParkedRecords>;
  /** All that is kept of a call; undefined for one that is unknown or gone. */
  inspect(queue: string, id: string): Promise<InspectedCall | undefined>;
  /**
   * Runs a call again that has ended, under the same id. It is done only for a call that is in the generation before that
   * of the given record: of two who replay it at a time, or one who sends it twice, all get the same yes, and it runs
   * once. A call whose workers died is a suspect from the start. Undefined for a call that is unknown or gone.
   */
  replay(queue: string, id: string, replay: Replay): Promise<Replayed | undefined>;
  /**
   * Lets no more calls of a task, or of all tasks of the queue, be claimed, or lets them be claimed again. What runs goes on,
   * and what is submitted waits; calls of other tasks do not wait behind those of a paused one.
   *
   * @param task - its name on the wire; undefined for the queue.
   */
  pause(queue: string, task: string | undefined, paused: boolean): Promise<void>;
  /** What is paused of a queue. */
  paused(queue: string): Promise<PausedParts>;
  /**
   * Forgets a parked call.
   *
   * @returns the state that it was in: if it is not `parked`, nothing was done. Undefined for a call that is unknown or gone.
   */
  discard(queue: string, id: string): Promise<CallState | undefined>;
  /** Forgets a call that has ended, parked or not; one that is open stays. */
  forget(queue: string, id: string): Promise<"forgotten" | "open" | "unknown">;
  /** How much waits and runs; costs the same however much it is. */
  census(queue: string): Promise<Census>;
  /** Ends calls that wait as `canceled`, and forgets parked ones, in short steps. What comes meanwhile may be among them. */
  purge(queue: string, request: PurgeRequest): Promise<PurgedCalls>;
  /**
   * Deletes what is left of a queue that nobody will serve any more, if no call waits or runs in it. With parked ones it stays
   * as long as they do.
   *
   * @returns whether that was so.
   */
  drop(queue: string): Promise<boolean>;
  /**
   * Has what happens in a queue told on the channel of its events (see keys.ts), for so long, ms.
   *
   * @returns for how long yet some of it may not be told, ms: not everybody knows at once.
   */
  listen(queue: string, forMs: number): Promise<number>;
}

/** How a queue stands. */
export interface Census {
  /** The broker's time, epoch ms. */
  readonly now: number;
  /** How many calls wait in each list, those included that have ended there. */
  readonly waiting: Readonly<Record<Rank, number>>;
  /** That wait for a limit. */
  readonly limited: number;
  /** Put aside: for a worker that implements them, or as their task is paused. */
  readonly aside: number;
  readonly suspects: number;
  /** Of these two, a broker may estimate which is which where there are many. */
  readonly delayed: number;
  readonly retrying: number;
  readonly running: number;
  readonly parked: number;
  readonly paused: boolean;
  /** The ids that have waited longest in their lists. */
  readonly oldest: readonly string[];
}

/** Which calls to purge. */
export interface PurgeRequest {
  readonly states: readonly ("queued" | "delayed" | "retrying" | "parked")[];
  /** Only calls that were made so long ago, as their ids tell, or parked so long ago, ms. @default all */
  readonly olderThanMs?: number | undefined;
}

/** How many were purged. */
export interface PurgedCalls {
  readonly canceled: number;
  /** Of the parked ones. */
  readonly forgotten: number;
}

/** What is paused of a queue: all of it, or tasks, by their names on the wire; a task may be paused besides its queue. */
export interface PausedParts {
  readonly queue: boolean;
  readonly tasks: readonly string[];
}

/** Which page. */
export interface PageRequest {
  /** How many at the most, 1 to 1,000. */
  readonly limit: number;
  /** The `next` of the page before. @default the first page */
  readonly after?: string | undefined;
}

/** A page of parked calls. It may hold fewer than were asked for, even none, where others follow: they may be large. */
export interface ParkedRecords {
  readonly calls: readonly ParkedRecord[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
}

/** A parked call's record: see {@link keptRequest}. */
export interface ParkedRecord {
  readonly id: string;
  /** Epoch ms. */
  readonly parkedAt: number;
  readonly record: Uint8Array;
}

/** All that is kept of a call. */
export interface InspectedCall {
  readonly state: CallState;
  readonly record: Uint8Array;
  /** Epoch ms. */
  readonly parkedAt: number | undefined;
  /** The errors of its last attempts (at most 10), encoded, the oldest first: those that were repeated or whose worker died. */
  readonly failures: readonly Uint8Array[];
}

/** How a call is run again. */
export interface Replay {
  /** Its request's record, as {@link nextGeneration} makes it. */
  readonly record: Uint8Array;
  /** Who gets it at once, as by a claim, in place of its being queued. A name that no other process ever has. */
  readonly lease?: { readonly worker: string; readonly leaseMs: number } | undefined;
}

/** What became of a {@link Replay}. */
export type Replayed =
  | { readonly outcome: "queued" }
  | { readonly outcome: "leased"; readonly fence: number; readonly now: number; readonly suspect: boolean }
  /** Nothing was done: it has not ended, or another replay went before. */
  | { readonly outcome: "refused"; readonly state: CallState };
