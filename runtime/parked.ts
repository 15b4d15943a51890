import type { Priority } from "./contract.ts";
import type { RequestOptions } from "./envelope.ts";
import type { AnyTaskError } from "./errors.ts";
import type { AttemptError } from "./kept-record.ts";
import type { WhereOptions } from "./options.ts";
import type { HandleOf } from "./signature.ts";
import type { CallState } from "./state.ts";

/** `tasks.client.parked`: calls that nobody could run or whose workers died, and finished ones whose request was kept. */
export interface Parked<Signatures> {
  /**
   * A page of a queue's parked calls, those that were parked last first. It may hold fewer than `limit`, and is empty only if
   * it is the last one.
   *
   * @throws TaskError `invalid_argument` for a query that can't be followed.
   */
  list(query: ParkedQuery<keyof Signatures & string>): Promise<ParkedPage>;
  /**
   * All that is kept of a call: what was asked, and the error of each attempt.
   *
   * @throws TaskError `not_found` for an id that is unknown or whose record is gone; `invalid_argument` for a call that
   * is neither parked nor finished with its request kept.
   */
  show(task: keyof Signatures & string, id: string, where?: WhereOptions): Promise<KeptCall>;
  /**
   * Runs a call again, under the same id, in the next generation: from its first attempt, without a deadline. Of two who
   * replay it at a time, both get its handle, and it runs once.
   *
   * @throws TaskError as {@link show} does; with `local: true` `unimplemented`, if this client has no implementation of the task, and
   * `unavailable`, if all its slots are taken; without it `unavailable` if the process that alone served its queue is gone. Nothing
   * was done then.
   */
  replay<Name extends keyof Signatures & string>(
    task: Name,
    id: string,
    options?: ReplayOptions,
  ): Promise<HandleOf<Signatures[Name]>>;
  /**
   * Forgets a parked call: it never runs again, and its id may be used anew.
   *
   * @throws TaskError `not_found` for an id that is unknown or whose record is gone; `invalid_argument` for a call that is not parked.
   */
  discard(task: keyof Signatures & string, id: string, where?: WhereOptions): Promise<void>;
}

/** Which parked calls to list: those of a queue, or of one task. */
export type ParkedQuery<Name extends string = string> = {
  /** How many at the most, 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
  /** The `next` of the page before. @default the first page */
  readonly after?: string | undefined;
} & (
  | { readonly queue: string; readonly task?: Name | undefined }
  /** The queue is the task's, if none is given. */
  | { readonly queue?: string | undefined; readonly task: Name }
);

/** A page of parked calls. */
export interface ParkedPage {
  readonly calls: readonly ParkedCall[];
  /** To be given as `after` for the next page; undefined after the last one. */
  readonly next: string | undefined;
}

/** A parked call, as a list shows it. */
export interface ParkedCall {
  readonly id: string;
  /** The task's name on the wire: `math.division`. Undefined if its request can't be read. */
  readonly task: string | undefined;
  /** Epoch ms by the broker's clock. */
  readonly parkedAt: number;
  /** Attempts that have ended. */
  readonly attempt: number;
  /** How often a worker died with it. */
  readonly deaths: number;
  /** How often it was replayed. */
  readonly generation: number;
  /** Why it was parked. */
  readonly reason: AnyTaskError;
}

/** All that is kept of a call. */
export interface KeptCall extends Omit<ParkedCall, "parkedAt" | "reason"> {
  readonly state: CallState;
  readonly priority: Priority;
  /** As the caller gave them, by name; undefined if its request can't be read. */
  readonly params: Readonly<Record<string, unknown>> | undefined;
  /** What the call overrides of its contract. */
  readonly options: RequestOptions | undefined;
  /** Epoch ms by the broker's clock; undefined if it was not parked. */
  readonly parkedAt: number | undefined;
  /** Why it was parked, or failed; undefined if it has succeeded. */
  readonly reason: AnyTaskError | undefined;
  /**
   * The errors of attempts that were repeated, and of those whose worker died: the last 10, the oldest first. A finished call
   * has none any more.
   */
  readonly errors: readonly AttemptError[];
}

/** How a call is run again. */
export interface ReplayOptions extends WhereOptions {
  /**
   * Runs it in this process, with the client's own implementation and as a worker would: under a lease of 15 s that is kept
   * as a worker's is, its answer stored and told. An attempt that is to be repeated goes to the queue.
   *
   * @default false: it is queued
   */
  readonly local?: boolean | undefined;
}
