import type { Retry } from "./backoff.ts";
import type { Context } from "./context.ts";
import type { Policy, Priority } from "./contract.ts";
import type { Metadata } from "./metadata.ts";

/** What one awaited call may say of itself; unset parts come from its contract. */
export interface CallOptions {
  /** Where the call runs. */
  readonly policy?: Policy | undefined;
  /** How long the call may take in all, waiting included, ms. @default its contract's, or 30_000 */
  readonly timeoutMs?: number | undefined;
  /** How long one attempt may run, ms. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The context of the handler that makes the call: it may not take longer than its parent has left, is canceled
   * with it, and has its metadata; while it is awaited, the parent lends its slot. For `submit`: until the broker has
   * accepted it; the call itself goes on by itself. On `context.tasks` it is set.
   */
  readonly parent?: Pick<Context, "remainingMs" | "signal"> | undefined;
  /**
   * The queue that the call goes to, as a worker's `nodeQueue`: it runs there and nowhere else, whatever the policy of its
   * contract. @default that of its contract
   */
  readonly queue?: string | undefined;
  readonly priority?: Priority | undefined;
  readonly retry?: Retry | undefined;
  /** The call's id: the same id is the same call. @default a new one */
  readonly id?: string | undefined;
  /** `remote-first`: how long to wait for a worker to pick it up before it runs here, ms. @default 1_000 */
  readonly fallbackAfterMs?: number | undefined;
  /** How long the answer can be read by its id, ms. */
  readonly resultTtlMs?: number | undefined;
  /** Whether the request is kept with the reply. */
  readonly keepRequest?: boolean | undefined;
  /**
   * Goes with the call, to its handler's `context.metadata` and to all calls that are made there; at most 4,096 bytes as
   * encoded. Added by key to what the face or the parent has.
   */
  readonly metadata?: Metadata | undefined;
}

/**
 * An awaited call that tells how far it is: `await tasks.with({ onProgress: (p) => bar.update(p.current, p.total) }).report(…)`.
 *
 * @typeParam Progress - what the tasks report that are called so; those that report something else are not on the face.
 */
export interface ProgressOptions<Progress = unknown> extends CallOptions {
  /**
   * Called with each progress as the caller reads it, the newest of those that come fast, until the call has ended, wherever it
   * runs. What it throws is logged, once a call, and harms none.
   */
  readonly onProgress: ((progress: Progress) => unknown) | undefined;
}

/** What a submitted call may say; it always goes to its queue, so that it has no policy, and waits there as long as it must. */
export interface SubmitOptions extends Omit<CallOptions, "policy" | "fallbackAfterMs" | "timeoutMs"> {
  /**
   * How long it may take until the broker has accepted the call, ms: then `submit` rejects, as `unavailable` or
   * `outcome_unknown`. How long the call itself may wait is `expiresInMs`. @default as its contract's `timeoutMs`, or 30_000
   */
  readonly acceptTimeoutMs?: number | undefined;
  /** How long the call is held back, ms, by the broker's clock. */
  readonly delayMs?: number | undefined;
  /** The earliest time at which it may start. Not together with `delayMs`. */
  readonly runAt?: Date | undefined;
  /** How long it may wait in its queue before it expires, ms. @default without bound */
  readonly expiresInMs?: number | undefined;
  /**
   * Whether it is canceled should the handler that submits it end without a result: as it fails, is canceled, or its time
   * is up. Nobody is there to do it if its worker dies: see docs/nested-calls.md. @default false
   */
  readonly cancelWithParent?: boolean | undefined;
}

/** How to wait for a call that was submitted before. */
export interface WaitOptions {
  /** How long to wait, ms. Giving up never cancels the call. @default without bound */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting; the call goes on. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Deletes the record with the first reading: of several who read it so, one gets the answer, and for the others and all who
   * come later it is `not_found`. @default false
   */
  readonly once?: boolean | undefined;
}

/** Which call is meant, besides its task and its id. */
export interface WhereOptions {
  /** The queue that it was given with `with({ queue })`: an id does not tell it. @default that of its contract */
  readonly queue?: string | undefined;
}
