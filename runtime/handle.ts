import type { Answer } from "./answer.ts";
import type { Metadata } from "./metadata.ts";
import type { WaitOptions } from "./options.ts";
import type { CallState } from "./state.ts";

/** What is known of a call. */
export interface CallStatus<Progress = unknown> {
  readonly state: CallState;
  /** Attempts begun so far; 0 while it waits for its first. */
  readonly attempt: number;
  /** How often a worker died with it. */
  readonly deaths: number;
  /** The last progress that was reported, of whichever attempt; undefined once the call has ended. */
  readonly progress: Progress | undefined;
  /**
   * The call whose handler made it, the one with which it all began, and what was given with them: known as long as its
   * request is there, until it has ended, or longer with `keepRequest`. Undefined where there is none.
   */
  readonly parentId: string | undefined;
  readonly rootId: string | undefined;
  readonly metadata: Metadata | undefined;
}

/** How to read a call's progress. */
export interface ProgressReading {
  /** Ends the reading, with `canceled`; the call goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** A call that was submitted, here or anywhere else: by it, anyone who knows its id waits, looks or cancels. */
export interface Handle<Result = unknown, Errors extends object = {}, Progress = unknown> {
  readonly id: string;
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  /** Whether its id is known: it has not ended, or its answer can still be read. */
  exists(): Promise<boolean>;
  /** @throws TaskError `not_found` for an id that is unknown or whose record is gone. */
  status(): Promise<CallStatus<Progress>>;
  /** Waits for the result. @throws TaskError as the call itself would. */
  result(options?: WaitOptions): Promise<Result>;
  /** Waits for the answer; never rejects. */
  safeResult(options?: WaitOptions): Promise<Answer<Result, Errors>>;
  /**
   * Cancels the call: one that waits never starts, one that runs gets its signal.
   *
   * @returns the state it is in now: `canceled`, or the one that it had already ended with.
   */
  cancel(): Promise<CallState>;
  /**
   * Deletes the record of a call that has ended, its answer with it: its id is unknown then, and may be used anew.
   *
   * @returns whether there was one.
   * @throws TaskError `invalid_argument` for a call that has not ended.
   */
  forget(): Promise<boolean>;
  /**
   * Progress as it is reported, in this process or another: from the last value known, each value once, the newest of those
   * that come fast. It ends with the call, however that ends (the result tells), and yields nothing of one that has ended.
   * Leaving the loop, or calling the iterator's `return`, ends it at once, also while it waits.
   *
   * @throws TaskError `not_found` for an id that is unknown or whose record is gone, `canceled` when the signal aborts or the
   * client is closed, `invalid_result` for a value that this contract's schema refuses.
   */
  progress(reading?: ProgressReading): AsyncIterable<Progress>;
}
