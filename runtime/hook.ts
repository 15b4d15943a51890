import type { Context } from "./context.ts";
import type { Policy } from "./contract.ts";
import type { AnyTaskError } from "./errors.ts";
import type { Metadata } from "./metadata.ts";
import type { CallOptions, SubmitOptions } from "./options.ts";
import type { Trace } from "./trace.ts";

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
 * The first hook of a list is the outermost. Besides what `submit` hands on, no hook can change, delay or lose a call: one
 * that throws is logged, one that does not call `next` in time is passed by, and nobody waits for one that hangs.
 */
export interface Hook {
  /** What log lines call it. @default its place in the list, from 0 on */
  readonly name?: string | undefined;
  /**
   * Around a call's way from its caller until it is taken: by the broker, or to run here. What it gives `next` goes with the
   * call: `next({ metadata: { requestId } })`.
   */
  submit?(event: SubmitEvent, next: SubmitNext): unknown;
  /**
   * Around one execution of a handler, here or on a worker, until it ends or is given up. One of a task with `cpu` is told
   * without its value, and includes its wait for a thread; what runs in the thread is in no hook's scope.
   */
  attempt?(event: AttemptEvent, next: Next<unknown>): unknown;
  /**
   * Around a caller's wait for an answer, until it has it: around all of an awaited call, its `submit` included, and
   * around `result()` and `safeResult()` of a handle.
   */
  reply?(event: ReplyEvent, next: Next<unknown>): unknown;
}

/** Goes on with what a hook is around, at its first call, and tells how it ended. */
export type Next<Value> = () => Promise<HookEnd<Value>>;

/** Goes on with a call, at its first call, and tells where it was taken. */
export type SubmitNext = (more?: HandedOn) => Promise<HookEnd<Place>>;

/** Where a call was taken: to run in the process of its caller, or by the broker, on its way to a worker. */
export type Place = "local" | "remote";

/** What a hook gives to a call. All of it is logged and dropped if a part of it can't be carried. */
export interface HandedOn {
  /** Added by key to what the call has, as by `with({ metadata })`; at most 4,096 bytes in all. */
  readonly metadata?: Metadata | undefined;
  /** The trace that the call belongs to, in place of the one that it inherits. */
  readonly trace?: Trace | undefined;
}

/** How something ended that a hook is around. */
export type HookEnd<Value = unknown> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: AnyTaskError };

/** A call that is made. */
export interface SubmitEvent {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  /** The name of the task's queue. */
  readonly queue: string;
  readonly callId: string;
  /** What the caller gave, by name. Not to be changed. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: CallOptions & SubmitOptions;
  /** Which places it may run in: `remote-only`, if it is submitted. */
  readonly policy: Policy;
  /** Whether its caller waits for the answer, or only until the broker has the call. */
  readonly awaited: boolean;
  /** The id of the call whose handler makes this one; undefined for one that no handler makes. */
  readonly parentId: string | undefined;
  /** The id of the call with which it all began: its own, if no handler makes it. */
  readonly rootId: string;
  /** What it has of its caller, of the call that makes it, and of the hooks around this one. */
  readonly metadata: Metadata;
  /** The trace that it belongs to: that of the call that makes it, or of a hook around this one. */
  readonly trace: Trace | undefined;
}

/** An attempt that begins. */
export interface AttemptEvent {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  /** The name of the task's queue, also where it runs without one. */
  readonly queue: string;
  readonly callId: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** As they arrived, before they are checked. Not to be changed. */
  readonly params: unknown;
  readonly context: HookContext;
  /** The trace that came with the call. */
  readonly trace: Trace | undefined;
}

/** The part of a handler's context that tells what runs. */
export type HookContext = Pick<
  Context,
  "task" | "callId" | "parentId" | "rootId" | "metadata" | "attempt" | "fence" | "idempotencyKey" | "log"
>;

/** An answer that is waited for. */
export interface ReplyEvent {
  /** The task's name on the wire: `math.division`. */
  readonly task: string;
  /** The name of the task's queue. */
  readonly queue: string;
  readonly callId: string;
  /** Whether the call is made within it, awaited; else a handle waits for one that was made before. */
  readonly awaited: boolean;
}
