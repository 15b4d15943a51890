import type { AnyTaskError } from "./errors.ts";
import type { AttemptError } from "./kept-record.ts";

/** What every event of a call says. */
export interface CallEvent<Kind extends string = string, Name extends string = string> {
  readonly kind: Kind;
  /** As this client knows it: `addition`, or `math.addition`. */
  readonly task: Name;
  readonly id: string;
  readonly queue: string;
  /** When it was, by the broker's clock, epoch ms. */
  readonly at: number;
  /** Attempts begun so far. */
  readonly attempt: number;
}

/** Events of calls by their kinds, with what each says besides {@link CallEvent}. */
export interface CallEvents<Progress = unknown> {
  /** Accepted, and waits for its turn; or for its time. */
  readonly queued: {};
  readonly delayed: {};
  /** A worker has claimed it. */
  readonly started: { readonly worker: string };
  readonly progress: { readonly progress: Progress };
  /** An attempt has failed, and another is to follow. */
  readonly retrying: { readonly error: AttemptError };
  /** Its worker died: it waits for another one. */
  readonly reclaimed: { readonly worker: string };
  readonly succeeded: {};
  readonly failed: { readonly error: AnyTaskError };
  readonly canceled: {};
  readonly expired: {};
  /** Nobody could run it, or its workers died. `error` as `client.parked` tells it. */
  readonly parked: { readonly error: AnyTaskError };
  readonly replayed: {};
}

/** A worker has begun, or ceased, to listen to a queue. One that is only gone, without a word, ceases after a few seconds. */
export interface WorkerEvent<Kind extends string = string> {
  readonly kind: Kind;
  readonly worker: string;
  readonly queue: string;
  readonly at: number;
}

/** The connection was lost for a while: events of this queue since then were missed, and from now on they are told again. */
export interface GapEvent {
  readonly kind: "gap";
  readonly queue: string;
}

/** What can be listened to. */
export type EventKind = keyof CallEvents | "workerUp" | "workerDown" | "gap";

/** All of them. */
export const eventKinds: readonly EventKind[] = [
  ...(["queued", "delayed", "started", "progress", "retrying", "reclaimed"] as const),
  ...(["succeeded", "failed", "canceled", "expired", "parked", "replayed"] as const),
  ...(["workerUp", "workerDown", "gap"] as const),
];

/** The event of a kind; for a task's name in `Name`, its progress is typed. */
export type EventOf<Kind extends EventKind, Signatures, Name extends keyof Signatures & string> = Kind extends "gap"
  ? GapEvent
  : Kind extends "workerUp" | "workerDown"
    ? WorkerEvent<Kind>
    : Kind extends keyof CallEvents
      ? Name extends unknown
        ? CallEvent<Kind, Name> & CallEvents<ProgressIn<Signatures[Name]>>[Kind]
        : never
      : never;

type ProgressIn<Signature> = Signature extends { readonly progress: infer Progress } ? Progress : unknown;

/** Which events. */
export interface EventFilter<Name extends string = string> {
  /** One task, or those whose names on the wire (`math.addition`) match. Events of workers and gaps come anyway. @default all */
  readonly task?: Name | RegExp | undefined;
  /** Those of one queue, as of a worker's `nodeQueue`. @default the queues of the tasks' contracts */
  readonly queue?: string | undefined;
}

/** How listening ends. */
export interface Listening {
  stop(): Promise<void>;
}

/**
 * `tasks.client.events`: what happens to this client's tasks on the broker, wherever it does. Calls that run in their caller's
 * process are not told of.
 *
 * Events are for the eye: each is told at most once, and those that happen while the connection is lost are missed, which a
 * `gap` says. What must not be missed waits for a call's result, or looks at what is parked. Nobody who calls or works pays
 * for events that nobody listens to.
 */
export interface Events<Signatures> {
  /**
   * Listens. Resolves when all that happens from then on is told: everybody knows of a new listener after a second.
   * What the callback throws is logged.
   *
   * @throws TaskError `invalid_argument` for a kind or a task that does not exist.
   */
  on<const Kind extends EventKind, const Name extends keyof Signatures & string>(
    kind: Kind | readonly Kind[],
    callback: (event: EventOf<Kind, Signatures, Name>) => unknown,
  ): Promise<Listening>;
  on<const Kind extends EventKind, const Name extends keyof Signatures & string>(
    kind: Kind | readonly Kind[],
    filter: EventFilter<Name>,
    callback: (event: EventOf<Kind, Signatures, Name>) => unknown,
  ): Promise<Listening>;
  /**
   * The same as an iterator, of all kinds if none are named: it begins to listen with the first `next`, and ends with the loop
   * or the client. Of a reader who is slower than the events the newest 10,000 are kept, and a `gap` tells of the others.
   */
  stream<
    const Kind extends EventKind = EventKind,
    const Name extends keyof Signatures & string = keyof Signatures & string,
  >(
    kinds?: Kind | readonly Kind[],
    filter?: EventFilter<Name>,
  ): AsyncIterableIterator<EventOf<Kind, Signatures, Name>, void>;
}
