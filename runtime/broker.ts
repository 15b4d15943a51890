import type { AnyTaskError } from "./errors.ts";
import type { Rank } from "./header.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { ToldLimits } from "./limits.ts";
import type { Locks } from "./locks.ts";
import type { Logger } from "./log.ts";
import type { Operator } from "./operator.ts";
import type { CallState } from "./state.ts";
import type { Timetable } from "./timetable.ts";

/**
 * The port through which clients and workers reach the queues. An adapter moves records (see header.ts) and
 * decides who owns a call; it never looks into params or results, and no type of its driver shows here.
 *
 * Every method may be called again with the same arguments, as after a lost connection, and has the effect of one
 * call. All times in records are by the broker's clock, all times in arguments are durations. Methods reject with
 * a TaskError: `unavailable` when nothing was done, `outcome_unknown` when it may have been, `resource_exhausted`
 * when the broker's memory or a queue's limit refused it.
 */
export interface Broker {
  /**
   * Forgets what is acknowledged, unless it is parked, then stores new calls and puts their ids into their lists; all in one step, in the
   * given order. A call that is known under its id is not stored again; its client is then told of its end, too.
   */
  submit(queue: string, batch: SubmitBatch): Promise<readonly Submitted[]>;
  /**
   * Leases waiting calls to a worker, up to `limit` in all; waits up to `waitMs` for the first.
   * Terminal ids are dropped, expired ones ended and told; delayed ones that are due are promoted before. Calls whose
   * limits are reached wait aside, and nothing waits behind them; so do those of paused tasks. What was put aside comes in
   * its turn, by its priority.
   */
  claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]>;
  /** Ends, repeats, gives back or reports on attempts, each only while its fence still holds the call. */
  finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]>;
  /**
   * One beat of a worker: keeps its leases and its presence, and takes back the leases that others let lapse. It ends what is
   * past its deadline where no claim may ever come by: put aside, in a line, or in a paused queue.
   *
   * A worker that dies while it runs a suspect is charged to that one alone, in whichever of its claims; else to all
   * that it held. All that it held become suspects, charged or not: the one to blame may be a new one, whose deaths
   * would otherwise be charged to one suspect after the other. A call stays a suspect until a worker answers, repeats
   * or puts it aside; one that is given back is one still.
   *
   * If a worker dies with several suspects, none of them is charged; their headers say `lostAmongOthers`, and the first
   * death with such a one alone counts twice. What becomes a suspect by this beat is marked `besideOthers`, unless its
   * next death would park it; all other suspects are not. What it takes back is marked `begun`. A call that is
   * `atMostOnce` is charged and parked, whoever else is to blame.
   */
  renew(beat: Beat): Promise<BeatReply>;
  /** Ends a call that has not ended: one that waits never starts, a running one's worker is told. */
  cancel(queue: string, id: string): Promise<StoredCall | undefined>;
  /**
   * Takes a call that waits and has never started out of its queue: it then never runs on a worker, whoever sends it
   * again. The same nonce gets the same yes again; a call that is unknown, or has ended, a no.
   */
  revoke(queue: string, id: string, nonce: string): Promise<boolean>;
  /** Calls as they stand, in the order of the ids; undefined for one that is unknown or gone. */
  read(queue: string, ids: readonly string[], options?: ReadOptions): Promise<readonly (StoredCall | undefined)[]>;
  /** Hears a channel (see keys.ts); resolves when it is heard for certain. */
  subscribe(channel: string, listener: (notice: Notice) => void): Promise<Unsubscribe>;
  /**
   * The workers that listen to a queue. One whose presence can't be read is left out.
   *
   * @param unreadable - called for each that is left out.
   */
  presence(queue: string, unreadable?: (error: unknown) => void): Promise<readonly Presence[]>;
  /**
   * Ends this connection; calls and leases stay. Waiting claims resolve empty, every later method but this one rejects
   * as `unavailable`.
   */
  close(): Promise<void>;
  /** The side of those who look after queues, of a broker that has one. */
  readonly operator?: Operator | undefined;
  /** What its schedules need, of a broker that has it. */
  readonly timetable?: Timetable | undefined;
  /** Who holds which lock, of a broker that has them. */
  readonly locks?: Locks | undefined;
  /**
   * What keeps a worker's leases while its event loop is blocked. A broker that lives in that same loop has none: nobody
   * takes leases back meanwhile. Asked once by each worker, before its first claim.
   */
  keepers?(): Promise<Keepers>;
}

/** How a {@link Keeper} is had, or why there can't be one: a worker says so at its start. */
export type Keepers = { start(settings: KeeperSettings): Keeper } | { readonly missing: string };

/** What a keeper is told by its worker. */
export interface KeeperSettings {
  readonly worker: string;
  /** What the worker holds. While its beats stand still, the event loop is blocked. */
  readonly table: LeaseTable;
  /** The queues, by their numbers in the table. */
  readonly queues: readonly ServedQueue[];
  readonly leaseMs: number;
  /** As in {@link Beat}. */
  readonly presenceMs: number;
  /** How often there is a beat, ms. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/**
 * Keeps a worker's presence and renews its leases while its event loop is blocked, up to the latest limit of its running attempts and a lease
 * longer; an attempt whose own limit is past it answers, or has repeated, in the worker's stead.
 */
export interface Keeper {
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/** How {@link Broker.subscribe} is undone. */
export type Unsubscribe = () => Promise<void>;

/** One call to be stored. Its record's header holds the deadline still as a duration; the broker makes it a time. */
export interface Submission {
  readonly id: string;
  /**
   * The request's record, with a header, whose state the broker sets. One without, or of foreign bytes, is a first
   * attempt as any other: its worker judges it.
   */
  readonly record: Uint8Array;
  /** Nested calls go to the head of their list, those of one batch in their order; all others to the end of theirs. */
  readonly priority: Rank;
  /** How long it is held back, ms; 0 for not at all. */
  readonly delayMs: number;
  /**
   * When the durations of its deadline and its delay begin, by `performance.now`. Sent later, it is sent with what is left of them, and not
   * at all when its deadline is past. @default when it is sent
   */
  readonly madeAt?: number | undefined;
  /**
   * For how long after its first sending it may be sent again, ms: later, the call may have ended and its record be gone, and it would run
   * twice. @default for ever
   */
  readonly resendMs?: number | undefined;
  /** Its caller, who may give up while the broker is away. */
  readonly caller?: SubmissionCaller | undefined;
}

/** Who waits for a submission to be taken. A broker must call both: what was not sent may be run elsewhere. */
export interface SubmissionCaller {
  /** Asked right before each sending: once it is no longer wanted, it is not sent, and what is said of it is not heard. */
  wanted(): boolean;
  /** Called before each sending: from now on it may be known to the broker. */
  sent(): void;
  /** Called when the broker does not know it for certain, as its server refuses all writes for now; it will be sent again. */
  refused?(error: AnyTaskError): void;
}

/**
 * The calls of one turn of the event loop, and the ids whose answers have been received: those that have ended are
 * forgotten, but for parked ones.
 */
export interface SubmitBatch {
  readonly calls: readonly Submission[];
  readonly acknowledged: readonly string[];
  /** How many calls may wait in the queue, delayed, blocked and put-aside ones included: further new ones are not stored. @default without bound */
  readonly maxLength?: number | undefined;
}

/**
 * What became of a {@link Submission}. `accepted`: it is stored, now or by an earlier sending, and where it had ended already, `ended`
 * holds its record; `conflict`: the id belongs to another call; `full`: it was not stored, as too many wait; `late`: it was not stored,
 * as its deadline was past; `failed`: `error` says why, as {@link Broker.submit} would reject with, while others of the batch may have
 * been stored.
 */
export type Submitted =
  | { readonly outcome: "accepted"; readonly ended?: Uint8Array | undefined }
  | { readonly outcome: "conflict" | "full" | "late"; readonly ended?: undefined }
  | { readonly outcome: "failed"; readonly error: AnyTaskError; readonly ended?: undefined };

/** One worker's wish for work. */
export interface ClaimRequest {
  readonly worker: string;
  /** The queues to take from, tried in this order. */
  readonly queues: readonly ServedQueue[];
  /** How many calls at the most, 1 to 1,000. */
  readonly limit: number;
  /** How long to wait for the first, ms; 0 to not wait. */
  readonly waitMs: number;
  readonly leaseMs: number;
  /**
   * The largest record that is to be given, bytes: a call with a larger one is ended or parked as `resource_exhausted`. A broker
   * that gives it all the same leaves that to the worker. @default without bound
   */
  readonly maxRecordBytes?: number | undefined;
  /** Whether calls whose worker died before may be among them, which are given first, and of one queue. */
  readonly suspect: boolean;
  /** How many of these at the most. One that is not marked `besideOthers` is given without others. @default 1 */
  readonly mostSuspects?: number | undefined;
  /** Whether the worker runs such calls already: it is then given only those that are marked `besideOthers`. @default false */
  readonly besideSuspects?: boolean | undefined;
  /** Whether of the calls that wait in lists only nested ones may be among them. @default false */
  readonly nestedOnly?: boolean | undefined;
  /** Ends the wait; the claim then resolves with what it has. */
  readonly signal: AbortSignal;
  /** Whether claims have given nothing where calls wait: what may be broken is to be opened anew. @default false */
  readonly afresh?: boolean | undefined;
}

/** A queue, and the tasks (by their names on the wire) that the worker implements in it. */
export interface ServedQueue {
  readonly name: string;
  readonly tasks: readonly string[];
  /** What limits some of these tasks: a claim gives no more of their calls. @default none */
  readonly limits?: readonly ToldLimits[] | undefined;
}

/** Calls of one queue, leased together. */
export interface ClaimedBatch {
  readonly queue: string;
  /** The token of their lease: larger than any before in this queue. */
  readonly fence: number;
  /** The broker's time of the claim, epoch ms: what is left until a deadline is told from here. */
  readonly now: number;
  /**
   * The earliest instant at which that can have been, by `performance.now`: a reply may have been on its way, or have waited to be
   * read, for as long as a line was slow or this process stood still. @default when it is read
   */
  readonly at?: number | undefined;
  readonly calls: readonly ClaimedCall[];
}

/** A leased call. */
export interface ClaimedCall {
  readonly id: string;
  readonly record: Uint8Array;
  /** Whether a worker died while it held this call. */
  readonly suspect: boolean;
}

/** What a worker says of an attempt. */
export type Report = { readonly id: string; readonly fence: number } & (
  | {
      readonly kind: "finish";
      /** The reply's record, with a header in a terminal state: another one rejects all reports as `invalid_argument`. */
      readonly record: Uint8Array;
      /** How long it can be read, ms. */
      readonly ttlMs: number;
    }
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      /** The attempt's error, encoded; kept with the call until it ends. */
      readonly failure: Uint8Array;
    }
  /**
   * Given back, to the head of its list: the attempt is not counted. Those of one batch keep their order. If its handler has
   * `begun`, its header says so from then on, and it can't be revoked any more.
   */
  | { readonly kind: "release"; readonly begun?: boolean | undefined }
  /** Put aside for a worker that implements the task. */
  | { readonly kind: "aside"; readonly task: string }
  /** It has limits that its record does not say: given back unrun with their keys, 16 hex digits, to be judged by the next claim. */
  | { readonly kind: "limit"; readonly keys: string }
  /** Can't be run by anyone: parked, with the reason as its record. */
  | { readonly kind: "park"; readonly record: Uint8Array; readonly ttlMs: number }
  /** How far it is, encoded; told to whoever waits, and kept until the call ends. */
  | { readonly kind: "progress"; readonly value: Uint8Array }
);

/** Whether a report was taken. `refused`: the fence no longer holds the call, or it has ended. */
export type Verdict = "accepted" | "refused";

/** What a worker sends at an interval. */
export interface Beat {
  readonly worker: string;
  readonly queues: readonly (ServedQueue & {
    readonly fences: readonly number[];
    /** Told to those who ask for the queue's workers. */
    readonly info?: PresenceInfo | undefined;
  })[];
  readonly leaseMs: number;
  /** How long the presence holds without another beat, ms; 0 takes it away. */
  readonly presenceMs: number;
  /** How many deaths of its worker park a call whose header sets no number; 0: one death parks any call. */
  readonly maxDeliveries: number;
  /** Whether lapsed leases of others are taken back too. */
  readonly reap: boolean;
}

/** What a beat learned. */
export interface BeatReply {
  /** Fences that no longer hold any call, as they lapsed or their calls were ended. */
  readonly lost: readonly { readonly queue: string; readonly fence: number }[];
  /** How many calls were taken back from workers that are gone. */
  readonly reaped: number;
  /** How many calls wait for their turn in the queues; 0 where {@link Beat.reap} was not asked. */
  readonly waiting: number;
  /** The queues on which some step of the beat failed. On all other queues, the leases were renewed. @default none */
  readonly failed?: readonly FailedBeat[] | undefined;
}

/** A beat that failed on one queue. */
export interface FailedBeat {
  readonly queue: string;
  readonly error: AnyTaskError;
  /** Whether the worker's own leases were renewed before the failure: then only taking back lapsed calls failed. */
  readonly kept: boolean;
}

/** A call as it stands. */
export interface StoredCall {
  /** The one to trust: an open record's header may lag behind. Delayed and retrying calls that are due and queued are `queued`. */
  readonly state: CallState;
  readonly record: Uint8Array;
  /** The last progress, encoded. */
  readonly progress: Uint8Array | undefined;
}

/** How to read. */
export interface ReadOptions {
  /** A client to be told, too, when a call that has not ended does. */
  readonly waiter?: string | undefined;
  /** Of a call that has not ended, the record's header will do. @default false */
  readonly brief?: boolean | undefined;
}

/** What is heard on a channel. */
export type Notice =
  /** A call has ended; without its record, it is to be read. */
  | { readonly kind: "ended"; readonly id: string; readonly record: Uint8Array | undefined }
  | { readonly kind: "progress"; readonly id: string; readonly value: Uint8Array }
  | { readonly kind: "canceled"; readonly id: string; readonly fence: number }
  /** Something has happened in a queue: see {@link HeardEvent}. */
  | HeardEvent
  /** A lock that the call of this id and fence waits for is free. */
  | { readonly kind: "turn"; readonly id: string; readonly fence: number }
  /** The channel was deaf for a while and is heard again: whoever waits must read. */
  | { readonly kind: "resumed" };

/** What has happened to a call, or to a worker, as it is told on the channel of a queue's events. */
export interface HeardEvent {
  readonly kind: "event";
  /** A kind of events.ts; a newer broker may know more. */
  readonly name: string;
  /** The call's, or the worker's. */
  readonly id: string;
  /** Its name on the wire; empty where there is none, or its record hides it. */
  readonly task: string;
  /** By the broker's clock, epoch ms. */
  readonly at: number;
  /** Attempts begun so far. */
  readonly attempt: number;
  /** Who has it, or had it, where that is known; else empty. */
  readonly worker: string;
  /** What it ended with, if that is an error: its record; the error of an attempt; a progress. Undefined where it is large. */
  readonly bytes: Uint8Array | undefined;
}

/** A worker that listens. */
export interface Presence {
  readonly worker: string;
  readonly tasks: readonly string[];
  /** What it told with its last beat; one whose event loop is blocked, or is of another kind, tells nothing. */
  readonly info?: PresenceInfo | undefined;
}

/** What a worker tells of itself. */
export interface PresenceInfo {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** The queue that it alone serves, if it has one. */
  readonly nodeQueue?: string | undefined;
  /** Whose contracts its tasks in this queue are of, where they all are of one. */
  readonly owner?: string | undefined;
  /** The same task by task, where they are not. */
  readonly owners?: Readonly<Record<string, string>> | undefined;
  readonly uptimeMs: number;
  readonly concurrency: number;
  /** How many calls it runs, of all queues. */
  readonly running: number;
  /** Attempts of the queue that have ended, a second. */
  readonly perSecond: { readonly succeeded: number; readonly failed: number; readonly retried: number };
}
