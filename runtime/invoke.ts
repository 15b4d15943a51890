import { setMaxListeners } from "node:events";
import { AttemptFacts, type AttemptKnown } from "./attempt-facts.ts";
import { AttemptLocks } from "./attempt-locks.ts";
import type { RetryWish } from "./backoff.ts";
import type { BoundTask } from "./bound-task.ts";
import { shown } from "./checks.ts";
import { after } from "./clock.ts";
import type { Context, ErrorMakers, Failure } from "./context.ts";
import type { Declaration } from "./declaration.ts";
import { type DescribeError, described } from "./describe-error.ts";
import { type AnyTaskError, rebuilt, TaskError } from "./errors.ts";
import type { Origin } from "./envelope.ts";
import type { Waits } from "./held-slots.ts";
import type { HookEnd } from "./hook.ts";
import type { Hooks } from "./hooks.ts";
import { type Lineage, lineage } from "./lineage.ts";
import type { LockGiver } from "./lock-room.ts";
import { thisContext, type Within } from "./own-context.ts";
import { performance } from "./real-time.ts";
import { redacted } from "./redaction.ts";
import type { Registry } from "./registry.ts";
import { traceOf } from "./trace.ts";

/** How an attempt ended: a value as the handler gave it and as its receiver gets it, or an error. */
export type Outcome =
  | { readonly ok: true; readonly sent: unknown; readonly received: unknown }
  | {
      readonly ok: false;
      readonly error: AnyTaskError;
      /** What the handler said of the next attempt, if it did. */
      readonly wish?: RetryWish | undefined;
      /** False if the handler did not begin, because its lease or deadline may have passed. */
      readonly hasBegun?: false | undefined;
    };

/** What a place that runs attempts has for the calls that their handlers make. */
export interface Nest {
  /** The face of all tasks of a registry, for the handler whose context is given. */
  tasksFor(registry: Registry, context: Context): object;
  /** The handler of a holder of a slot begins to wait for calls that it made, or waits no longer. */
  lend(holder: object, waits: Waits): void;
}

/** What the place that runs an attempt knows of it. */
export interface AttemptSettings extends AttemptKnown {
  /** Whose locks it may take. */
  readonly queue: string;
  readonly nest: Nest;
  /** The queue that its process alone serves, if it has one. */
  readonly nodeQueue?: string | undefined;
  /** Who holds the attempt's slot. */
  readonly holder: object;
  /** Whether the attempt still has its lease and time left. If not, neither its handler nor code under a lock starts. @default always */
  readonly isCurrent?: (() => boolean) | undefined;
  /** When it begins, by `performance.now`. @default now */
  readonly begunAt?: number | undefined;
  /** How long the handler may run, ms. */
  readonly limitMs: number;
  /** Whether the limit is the call's own deadline rather than the attempt's. */
  readonly limitedByCall: boolean;
  /** What its handler depends on, open. */
  readonly dependencies: unknown;
  readonly hooks?: Hooks | undefined;
  readonly locks: LockGiver;
  /** What is said of an error that the handler threw and its contract does not declare. */
  readonly describe: DescribeError;
  /** Takes the handler's progress: as it is to be sent, and as its receiver gets it. */
  readonly onProgress: (sent: unknown, received: unknown) => void;
}

/**
 * One execution of a handler: the one place through which every handler runs, here or on a worker, with its
 * gates, its limit and its context.
 */
export class Attempt {
  /** The outcome; at once where the handler was synchronous. Never rejects. */
  readonly outcome: Outcome | Promise<Outcome>;
  /** Resolves when the handler itself is done: later than the outcome where it ignored its signal. */
  settled: Promise<void> | undefined;
  readonly #context: AttemptContext;
  #end: ((outcome: Outcome) => void) | undefined;

  constructor(bound: BoundTask, params: unknown, settings: AttemptSettings) {
    const { hooks, callId, attempt } = settings;
    const context = new AttemptContext(bound, settings);
    this.#context = context;
    if (hooks === undefined) {
      this.outcome = this.#begin(bound, params, settings);
      return;
    }
    const { name: task, queue } = bound.declaration;
    const event = { task, queue, callId, attempt, params, context, trace: traceOf(settings.origin?.trace) };
    this.outcome = hooks.around("attempt", event, () => this.#begin(bound, params, settings), endOf);
  }

  #begin(bound: BoundTask, params: unknown, settings: AttemptSettings): Outcome | Promise<Outcome> {
    const { declaration } = bound;
    let returned: unknown;
    let later: Promise<unknown> | undefined;
    try {
      const passed = declaration.params.pass(params);
      if (settings.isCurrent?.() === false) return this.#context.concluded(tooLate(declaration, settings));
      returned = bound.handler(passed, this.#context);
      // A promise of the handler's may have a `constructor` that throws, or a `then` of its own.
      later = isPromiseLike(returned) ? Promise.resolve(returned) : undefined;
    } catch (thrown) {
      return this.#context.concluded(failure(declaration, thrown, settings));
    }
    if (later === undefined) return this.#context.concluded(success(declaration, returned, settings));
    // The handler may have held the event loop for a while before it gave its promise.
    const leftMs = this.#context.remainingMs;
    const outcome = new Promise<Outcome>((resolve) => {
      const undo = after(Math.max(0, leftMs), () => this.abort(timedOut(declaration, settings)));
      this.#end = (outcome) => {
        undo();
        this.#end = undefined;
        resolve(this.#context.concluded(outcome));
      };
    });
    // Not by its own `then`, which may be another.
    this.settled = Promise.prototype.then.call(
      later,
      (value) => this.#end?.(success(declaration, value, settings)),
      (thrown: unknown) => this.#end?.(failure(declaration, thrown, settings)),
    ) as Promise<void>;
    if (leftMs <= 0) this.abort(timedOut(declaration, settings));
    return outcome;
  }

  /** Ends the attempt with an error at once and aborts its signal, whatever the handler makes of it. */
  abort(error: AnyTaskError): void {
    if (this.#end === undefined) return;
    this.#end({ ok: false, error });
    this.#context.abort(error);
  }
}

/** What hooks are told of an outcome. */
function endOf(outcome: Outcome | Promise<Outcome>): HookEnd | Promise<HookEnd> {
  if (outcome instanceof Promise) return outcome.then(endOf);
  return outcome.ok ? { ok: true, value: outcome.received } : { ok: false, error: outcome.error };
}

/** What is said of an attempt whose time is up. */
export function timedOut(
  declaration: Declaration,
  {
    limitMs,
    limitedByCall,
    callId,
    attempt,
  }: Pick<AttemptSettings, "limitMs" | "limitedByCall" | "callId" | "attempt">,
): AnyTaskError {
  const which = limitedByCall ? "the call's time was up" : "the attempt's time was up";
  const details = { task: declaration.name, callId, attempt };
  return new TaskError<string, unknown>("deadline_exceeded", `${which} after ${Math.round(limitMs)} ms`, details);
}

/** The outcome of an attempt whose lease or deadline may have passed before its handler began. */
function tooLate({ name: task }: Declaration, { callId, attempt }: AttemptSettings): Outcome {
  const reason = "its lease or its deadline may have passed before its handler began";
  const error = new TaskError<string, unknown>("unavailable", reason, { task, callId, attempt });
  return { ok: false, error, hasBegun: false };
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function success(declaration: Declaration, value: unknown, settings: AttemptSettings): Outcome {
  try {
    return { ok: true, sent: value, received: declaration.result.pass(value) };
  } catch (refused) {
    return failure(declaration, refused, settings);
  }
}

function failure(declaration: Declaration, thrown: unknown, settings: AttemptSettings): Outcome {
  const { callId, attempt } = settings;
  const about = { task: declaration.name, callId, attempt };
  try {
    const error = ownError(declaration, thrown, callId, settings.describe);
    return { ok: false, error: error.with(about), wish: wishOf(thrown) };
  } catch (refused) {
    return { ok: false, error: TaskError.from(refused, "internal", about) };
  }
}

/** What handlers said of their next attempt, by the error that they threw. */
const wishes = new WeakMap<object, RetryWish>();

function wishOf(thrown: unknown): RetryWish | undefined {
  return typeof thrown === "object" && thrown !== null ? wishes.get(thrown) : undefined;
}

/** The error of {@link Context.fail}. */
function failed({ reason = "the handler gave up", retry, cause }: Failure = {}): TaskError {
  if (retry !== undefined && retry !== false && !(Number.isFinite(retry?.afterMs) && retry.afterMs >= 0)) {
    const got = shown(retry === null ? retry : (retry as { afterMs?: unknown }).afterMs);
    throw new TaskError(
      "failed",
      `context.fail(): retry must be false or { afterMs } with 0 or more milliseconds; got ${got}`,
    );
  }
  const error = new TaskError("failed", reason, { cause });
  // Its own, for it may have to cross to another thread.
  if (retry !== undefined) wishes.set(error, retry === false ? false : { afterMs: retry.afterMs });
  return error;
}

/** What a thrown value says of this call. An error of another call, that the handler let through, is a failure. */
function ownError(declaration: Declaration, thrown: unknown, callId: string, describe: DescribeError): AnyTaskError {
  const error = TaskError.from(thrown, "failed");
  const foreign =
    (error.task !== undefined && error.task !== declaration.name) ||
    (error.callId !== undefined && error.callId !== callId);
  if (foreign) {
    const through = `a call that it made failed: ${error.message}`;
    return described(new TaskError<string, unknown>("failed", through, { cause: thrown }), describe);
  }
  if (error.code === "failed") return described(error, describe, thrown);
  if (error.code === "declared") declaredGate(declaration, error.name).pass(error.data);
  const reason = redacted(error.reason);
  return reason === error.reason ? error : rebuilt(error, { reason });
}

function declaredGate(declaration: Declaration, name: string): { pass(data: unknown): unknown } {
  const gate = declaration.errors.get(name);
  if (gate !== undefined) return gate;
  throw new TaskError("invalid_result", `the handler threw the error "${name}", which its contract does not declare`);
}

class AttemptContext extends AttemptFacts implements Context<Record<string, unknown>, unknown> {
  readonly #bound: BoundTask;
  readonly #settings: AttemptSettings;
  readonly #begunAt: number;
  #deadline: number | undefined;
  #controller: AbortController | undefined;
  #within: Within | undefined;
  #errors: ErrorMakers<Record<string, unknown>> | undefined;
  #tasks: object | undefined;
  #lineage: AttemptLineage | undefined;
  #outcome: Outcome | undefined;
  #locks: AttemptLocks | undefined;

  constructor(bound: BoundTask, settings: AttemptSettings) {
    super(bound.declaration, settings);
    this.#bound = bound;
    this.#settings = settings;
    this.#begunAt = settings.begunAt ?? performance.now();
  }

  get tasks(): object {
    return (this.#tasks ??= this.#settings.nest.tasksFor(this.#bound.registry, this));
  }

  get [lineage](): Lineage {
    return (this.#lineage ??= new AttemptLineage(this.#settings, this.#outcome));
  }

  get deadline(): number {
    return (this.#deadline ??= Math.round(Date.now() + this.remainingMs));
  }

  get remainingMs(): number {
    return this.#settings.limitMs - (performance.now() - this.#begunAt);
  }

  get signal(): AbortSignal {
    // Those who listen to it are called in the handler's context, whoever ends the attempt.
    this.#within ??= thisContext();
    return (this.#controller ??= newController()).signal;
  }

  get errors(): ErrorMakers<Record<string, unknown>> {
    return (this.#errors ??= makersOf(this.#bound.declaration));
  }

  get dependencies(): unknown {
    return this.#settings.dependencies;
  }

  get nodeQueue(): string | undefined {
    return this.#settings.nodeQueue;
  }

  get lock(): Context["lock"] {
    const { locks, queue, isCurrent } = this.#settings;
    this.#locks ??= new AttemptLocks(locks, {
      queue,
      callId: this.callId,
      fence: this.fence,
      context: this,
      isCurrent,
    });
    return this.#locks.lock;
  }

  /** An own property, so that `const { progress } = context` works. */
  readonly progress = (value: unknown): void => {
    this.#settings.onProgress(value, this.#bound.declaration.progress.pass(value));
  };

  readonly fail = failed;

  /** The attempt has this outcome. */
  concluded(outcome: Outcome): Outcome {
    this.#outcome = outcome;
    this.#lineage?.concluded(outcome);
    return outcome;
  }

  abort(reason: AnyTaskError): void {
    // The signal may be asked for only after the abort.
    const controller = (this.#controller ??= newController());
    if (this.#within === undefined) controller.abort(reason);
    else this.#within(() => controller.abort(reason));
  }
}

/** An attempt as the calls that its handler makes know it; made with the first of them. */
class AttemptLineage implements Lineage {
  readonly callId: string;
  readonly origin: Origin | undefined;
  readonly #settings: AttemptSettings;
  readonly #onFailure = new Set<() => void>();
  #outcome: Outcome | undefined;
  /** How many of them are awaited, and how many that were submitted. */
  readonly #awaited = { nested: 0, any: 0 };

  constructor(settings: AttemptSettings, outcome: Outcome | undefined) {
    this.callId = settings.callId;
    this.origin = settings.origin;
    this.#settings = settings;
    this.#outcome = outcome;
  }

  lend(waits: "nested" | "any"): () => void {
    if (++this.#awaited[waits] === 1) this.#tell();
    return () => {
      if (--this.#awaited[waits] === 0) this.#tell();
    };
  }

  #tell(): void {
    const { nested, any } = this.#awaited;
    // After its outcome the handler may be done, and its slot another's; what it calls then, nobody waits for.
    const isOver = this.#outcome !== undefined;
    const waits = isOver ? "nothing" : any > 0 ? "any" : nested > 0 ? "nested" : "nothing";
    this.#settings.nest.lend(this.#settings.holder, waits);
  }

  onFailure(callback: () => void): () => void {
    // The handler may go on after its time was up.
    if (this.#outcome === undefined) this.#onFailure.add(callback);
    else if (!this.#outcome.ok) callback();
    return () => this.#onFailure.delete(callback);
  }

  concluded(outcome: Outcome): void {
    this.#outcome = outcome;
    if (!outcome.ok) for (const callback of this.#onFailure) callback();
    this.#onFailure.clear();
  }
}

/** Each call that a handler makes within its own listens, however many there are. */
function newController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

function makersOf(declaration: Declaration): ErrorMakers<Record<string, unknown>> {
  const make = (name: string) => (data?: unknown) =>
    new TaskError("declared", name, { name, data, task: declaration.name });
  return Object.fromEntries([...declaration.errors.keys()].map((name) => [name, make(name)]));
}
