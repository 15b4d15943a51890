import type { RetryWish } from "./backoff.ts";
import type { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import type { Metadata } from "./metadata.ts";

/**
 * What a handler knows of its call, besides its parameters.
 *
 * @typeParam Tasks - the generated `Tasks`: in handlers it is set.
 * @typeParam Dependencies - what the implementation's `dependencies` opens: in handlers it is set.
 */
export interface Context<Errors = {}, Progress = unknown, Tasks = unknown, Dependencies = unknown> {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  readonly callId: string;
  /** The id of the call whose handler made this one; undefined for one that no handler made. */
  readonly parentId: string | undefined;
  /** The id of the call with which it all began: its own, if no handler made it. */
  readonly rootId: string;
  /** What was given to the call by `with({ metadata })`, or to those that led to it. */
  readonly metadata: Metadata;
  /**
   * Calls other tasks, as part of this call: within its time and with its metadata, canceled with it while they are
   * awaited. Meanwhile its slot is lent to calls that handlers wait for.
   */
  readonly tasks: Tasks;
  /** This execution of the call, counted from 1. */
  readonly attempt: number;
  /** The token of this attempt's lease: it only grows, so that a store can refuse a late writer. 0 for a local run. */
  readonly fence: number;
  /** The same for every attempt of a call: hand it to services that deduplicate. */
  readonly idempotencyKey: string;
  /** Aborts when the call is canceled, its time is up, its lease is lost, or the worker stops at once. */
  readonly signal: AbortSignal;
  /** When the attempt or the call must be over, epoch ms by this process's clock. */
  readonly deadline: number;
  /** How long is left until then, ms: 0 or less when it is up. */
  readonly remainingMs: number;
  /** Makes the task's declared errors, to be thrown: `throw context.errors.divisionByZero({ dividend })`. */
  readonly errors: ErrorMakers<Errors>;
  /**
   * Makes an error, to be thrown, that decides on the retry itself:
   * `throw context.fail({ reason: "the bank is closed", retry: { afterMs: 60_000 } })`. It ends the attempt as `failed`.
   */
  readonly fail: (failure: Failure) => TaskError;
  /** What the implementation's `dependencies` have opened: a pool of connections, a client. Empty without them. */
  readonly dependencies: Dependencies;
  /**
   * The queue that only this process serves, if it has one: whoever is told of it calls exactly here, with
   * `tasks.with({ queue })`.
   */
  readonly nodeQueue: string | undefined;
  /** Structured lines that name the task, the call, the attempt, and its metadata if there is any. */
  readonly log: Logger;
  /**
   * Reports how far it is; of values that come faster than they can be sent, the newest is.
   *
   * @throws TaskError `invalid_result` for a value that its schema refuses, `resource_exhausted` for one that is too large.
   */
  readonly progress: (value: Progress) => void;
  /**
   * Runs a function while no other attempt that locks this name in this queue does, on whichever worker:
   * `await context.lock(`account:${id}`, async (fence) => { … })`. Whoever waits does so in the order of asking. The lock is
   * free again when the function is done, or the attempt is over, or its lease has lapsed as its worker died.
   *
   * @param fn - gets the lock's fence, which grows with each holder: a store that is given it can refuse a late writer.
   * @returns what `fn` does.
   * @throws what `fn` does; TaskError `resource_exhausted` if the lock was not free within `waitMs`, `deadline_exceeded` or
   * `canceled` as the attempt is, `failed` for a lock that this attempt holds already.
   */
  readonly lock: <T>(name: string, fn: (fence: number) => T | PromiseLike<T>, options?: LockOptions) => Promise<T>;
}

/** How to wait for a lock. */
export interface LockOptions {
  /** How long, ms; 0 to try once. @default as long as the attempt may run */
  readonly waitMs?: number | undefined;
}

/** How an attempt failed, in the handler's own words. */
export interface Failure {
  /** What the caller is told. @default "the handler gave up" */
  readonly reason?: string | undefined;
  /**
   * `false`: never again, whatever the task's `retry` says. `{ afterMs }`: the next attempt in so many ms, whatever its
   * backoff and `retryOn` say, if there are attempts left. @default as the task's `retry` says
   */
  readonly retry?: RetryWish | undefined;
  /** What led to it: operators see its stack, in `client.parked.show()`. */
  readonly cause?: unknown;
}

/** One maker for each declared error; data that may be undefined may be left out. */
export type ErrorMakers<Errors> = {
  readonly [Name in keyof Errors & string]: (
    ...data: undefined extends Errors[Name] ? [data?: Errors[Name]] : [data: Errors[Name]]
  ) => TaskError<Name, Errors[Name]>;
};
