import type { Context } from "./context.ts";
import type { AnyTaskError } from "./errors.ts";
import type { CallOptions, SubmitOptions } from "./options.ts";

/**
 * Code that runs around each call of a client, and around each attempt of a worker: for traces, metrics and logs.
 *
 * Each member is given what it is around, and `next`, which goes on with that: within the hook's own scope, so that an
 * `AsyncLocalStorage` of its own reaches what is inside. `next` must be called before the hook waits for anything, and
 * resolves with the end, as data; it never rejects. What a hook returns is ignored.
 *
 * ```ts
 * const timing: Hook = {
 *   name: "timing",
 *   async attempt({ task }, next) {
 *     const began = performance.now();
 *     const end = await next();
 *     durations.record(performance.now() - began, { task, outcome: end.ok ? "ok" : end.error.code });
 *   },
 * };
 * ```
 *
 * The first hook of a list is the outermost. No hook can change, delay or lose a call: one that throws is logged, one that
 * does not call `next` in time is passed by, and nobody waits for one that hangs.
 */
export interface Hook {
  /** What log lines call it. @default its place in the list, from 0 on */
  readonly name?: string | undefined;
  /** Around a call's way from its caller until it is taken: by the broker, or to run here. */
  submit?(event: SubmitEvent, next: Next<void>): unknown;
  /** Around one execution of a handler, here or on a worker, until it ends or is given up. */
  attempt?(event: AttemptEvent, next: Next<unknown>): unknown;
  /**
   * Around a caller's wait for an answer, until it has it: around all of an awaited call, its `submit` included, and
   * around `result()` and `safeResult()` of a handle.
   */
  reply?(event: ReplyEvent, next: Next<unknown>): unknown;
}

/** Goes on with what a hook is around, at its first call, and tells how it ended. */
export type Next<Value> = () => Promise<HookEnd<Value>>;

/** How something ended that a hook is around. */
export type HookEnd<Value = unknown> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: AnyTaskError };

/** A call that is made. */
export interface SubmitEvent {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  readonly callId: string;
  /** What the caller gave, by name. Not to be changed. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: CallOptions & SubmitOptions;
  /** Whether its caller waits for the answer, or only until the broker has the call. */
  readonly awaited: boolean;
}

/** An attempt that begins. */
export interface AttemptEvent {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  readonly callId: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** As they arrived, before they are checked. Not to be changed. */
  readonly params: unknown;
  /** What the handler is given. */
  readonly context: Context<unknown>;
}

/** An answer that is waited for. */
export interface ReplyEvent {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  readonly callId: string;
}
