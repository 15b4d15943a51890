import type { TaskErrorCode } from "./errors.ts";

/** How long to wait before the next attempt. */
export interface Backoff {
  /** `fixed`: always `delayMs`; `exponential`: `delayMs` doubled after each attempt. */
  readonly type: "fixed" | "exponential";
  /** The first wait, ms. */
  readonly delayMs: number;
  /** The longest wait, ms. @default 3_600_000 */
  readonly maxDelayMs?: number | undefined;
  /** The part of the wait that is drawn by chance, 0 to 1: 0.2 gives 80 to 100 % of it. @default 0 */
  readonly jitter?: number | undefined;
}

/** When a failed attempt is followed by another. */
export interface Retry {
  /** How many attempts in all, at least 1. @default 1 */
  readonly attempts: number;
  /** @default { type: "exponential", delayMs: 1_000, jitter: 0.2 } */
  readonly backoff?: Backoff | undefined;
  /**
   * Codes after which an attempt is repeated. Declared errors, invalid arguments and invalid results never are.
   * @default ["failed", "deadline_exceeded", "worker_lost", "unavailable", "resource_exhausted", "internal"]
   */
  readonly retryOn?: readonly TaskErrorCode[] | undefined;
}

const defaultBackoff: Backoff = { type: "exponential", delayMs: 1_000, jitter: 0.2 };
const defaultMaxDelayMs = 3_600_000;

/** Codes that another attempt may cure. */
const defaultRetryOn: ReadonlySet<TaskErrorCode> = new Set([
  "failed",
  "deadline_exceeded",
  "worker_lost",
  "unavailable",
  "resource_exhausted",
  "internal",
]);

/** Codes that another attempt never cures, whatever `retryOn` says. */
const final: ReadonlySet<TaskErrorCode> = new Set(["declared", "invalid_argument", "invalid_result", "canceled"]);

/** What a handler itself says of the next attempt: none, or one in so many ms. */
export type RetryWish = false | { readonly afterMs: number };

/**
 * How long to wait before the next attempt, ms; undefined when there is none.
 *
 * @param attempt - the attempt that has failed, counted from 1.
 * @param wish - what its handler said of the next one: it stands above the rule, but for the number of attempts.
 * @param random - 0 to 1, for the jitter.
 */
export function retryDelay(
  retry: Retry | undefined,
  attempt: number,
  code: TaskErrorCode,
  wish?: RetryWish,
  random: () => number = Math.random,
): number | undefined {
  if (wish === false || retry === undefined || attempt >= retry.attempts) return undefined;
  if (wish !== undefined) return wish.afterMs;
  if (final.has(code) || !(retry.retryOn?.includes(code) ?? defaultRetryOn.has(code))) return undefined;
  return backoffDelay(retry.backoff ?? defaultBackoff, attempt, random);
}

/** The wait after the `attempt`th failure, ms. */
function backoffDelay(backoff: Backoff, attempt: number, random: () => number): number {
  const factor = backoff.type === "exponential" ? 2 ** (attempt - 1) : 1;
  const delay = Math.min(backoff.delayMs * factor, backoff.maxDelayMs ?? defaultMaxDelayMs);
  return Math.round(delay * (1 - (backoff.jitter ?? 0) * random()));
}
