import type { Retry } from "./backoff.ts";
import type { Context } from "./context.ts";
import type { Policy, Priority } from "./contract.ts";

/** What one awaited call may say of itself; unset parts come from its contract. */
export interface CallOptions {
  /** Where the call runs. */
  readonly policy?: Policy | undefined;
  /**
   * How long the call may take in all, waiting included, ms. For `submit`: how long it may take until the
   * broker has accepted it.
   */
  readonly timeoutMs?: number | undefined;
  /** How long one attempt may run, ms. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The context of the handler that makes the call: it may not take longer than its parent has left, and is canceled
   * with it. For `submit`: until the broker has accepted it; the call itself goes on by itself.
   */
  readonly parent?: Pick<Context, "remainingMs" | "signal"> | undefined;
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
}

/** What a submitted call may say besides; it always goes to its queue, so that it has no policy. */
export interface SubmitOptions extends Omit<CallOptions, "policy" | "fallbackAfterMs"> {
  /** How long the call is held back, ms, by the broker's clock. */
  readonly delayMs?: number | undefined;
  /** The earliest time at which it may start. Not together with `delayMs`. */
  readonly runAt?: Date | undefined;
  /** How long it may wait in its queue before it expires, ms. @default without bound */
  readonly expiresInMs?: number | undefined;
}

/** How to wait for a call that was submitted before. */
export interface WaitOptions {
  /** How long to wait, ms. Giving up never cancels the call. @default without bound */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting; the call goes on. */
  readonly signal?: AbortSignal | undefined;
}
