import { onAbort } from "./abort-listeners.ts";
import { retryDelay } from "./backoff.ts";
import { about, type Call, type Settled } from "./call.ts";
import { pause } from "./clock.ts";
import { checkParams, checkProgress, refusedReply, replyRefusal } from "./carried.ts";
import { cutError } from "./cut-text.ts";
import type { CpuPool } from "./cpu/pool.ts";
import type { PooledAttempt, PooledOutcome } from "./cpu/pooled-attempt.ts";
import { defaultMaxBytes } from "./defaults.ts";
import type { Declaration } from "./declaration.ts";
import type { Dependencies } from "./dependencies.ts";
import { type DescribeError, forCallers } from "./describe-error.ts";
import { writeRequest } from "./envelope.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { pooledWithin } from "./hooked-attempts.ts";
import type { Hooks } from "./hooks.ts";
import type { BoundTask } from "./implementation.ts";
import { newHeader } from "./header.ts";
import { newAddress } from "./id.ts";
import { HeldSlots, type Waits } from "./held-slots.ts";
import { Attempt, type Nest, type Outcome } from "./invoke.ts";
import type { LockGiver } from "./lock-room.ts";
import type { Logger } from "./log.ts";
import { isSameOwner } from "./owners.ts";
import { progressOf } from "./progress.ts";
import { performance } from "./real-time.ts";
import { receive, receivedError } from "./receive.ts";

/** What handlers find around them. */
interface Surroundings {
  readonly maxParamsBytes: number;
  readonly dependencies: Dependencies;
  readonly hooks: Hooks | undefined;
  readonly describe: DescribeError;
  readonly log: Logger;
  readonly locks: LockGiver;
  readonly tasksFor: Nest["tasksFor"];
  /** The queue that this process alone serves, if it has one. */
  readonly nodeQueue?: string | undefined;
  /** Where tasks with `cpu` run; undefined where there are none. */
  readonly pool?: CpuPool | undefined;
}

/** As long as the name of a client in a call's record, which counts as part of its size. */
const clientName = newAddress();

/**
 * Runs calls in this process: through the same gates and within the same limits as on a worker, but without codec and record,
 * so that nothing is copied. Tasks with `cpu` cross to a thread.
 */
export class LocalRuns implements Nest {
  readonly tasksFor: Nest["tasksFor"];
  readonly #tasks: ReadonlyMap<string, BoundTask>;
  readonly #surroundings: Surroundings;
  readonly #running: HeldSlots<LocalRun>;
  #reserved = 0;

  constructor(tasks: ReadonlyMap<string, BoundTask>, concurrency: number, surroundings: Surroundings) {
    this.#tasks = tasks;
    this.#running = new HeldSlots(concurrency);
    this.#surroundings = surroundings;
    this.tasksFor = surroundings.tasksFor;
  }

  /** Whether it can run a task: an implementation of another owner's contract is none. */
  implements({ name, owner }: Declaration): boolean {
    const bound = this.#tasks.get(name);
    return bound !== undefined && isSameOwner(owner, bound.declaration.owner);
  }

  /** Whether it can run other tasks of the same contract, but not this one. */
  leavesOut(declaration: Declaration): boolean {
    const { name, shortName, owner } = declaration;
    const contract = name.slice(0, -shortName.length);
    const isOfContract = (other: Declaration): boolean =>
      other.name.startsWith(contract) && isSameOwner(owner, other.owner);
    return !this.implements(declaration) && [...this.#tasks.values()].some((bound) => isOfContract(bound.declaration));
  }

  /** Whether there is a slot for a call: for one that a handler waits for, also one that is lent. */
  slotFree({ nested }: Pick<Call, "nested">): boolean {
    return (nested ? this.#running.freeForNested : this.#running.free) > this.#reserved;
  }

  lend(holder: object, waits: Waits): void {
    this.#running.lend(holder, waits);
  }

  /** Whether a call could begin at once: one of a task with `cpu` needs a free thread, too. */
  couldBegin(call: Pick<Call, "nested" | "declaration">): boolean {
    const { cpu } = call.declaration;
    const { pool } = this.#surroundings;
    return this.slotFree(call) && (cpu === undefined || pool === undefined || pool.free > 0);
  }

  /** Keeps a slot for a call that may come; returns what gives it up, or undefined if none is free. */
  reserve(call: Pick<Call, "nested">): (() => void) | undefined {
    if (!this.slotFree(call)) return undefined;
    this.#reserved += 1;
    return () => {
      this.#reserved -= 1;
    };
  }

  /**
   * Runs a call whose task is implemented here, with its retries; a synchronous handler's first attempt at once, if what
   * it depends on is open.
   *
   * @param timeoutMs - how long it may take in all.
   */
  run(call: Call, timeoutMs: number): Settled | Promise<Settled> {
    const run = new LocalRun(this.#tasks.get(call.declaration.name)!, call, timeoutMs, this.#surroundings, this);
    const settled = run.begin();
    if (settled !== undefined) {
      this.#running.lend(run, "nothing");
      return settled;
    }
    this.#running.take(run);
    return run.follow(() => this.#running.give(run));
  }

  /** Aborts what still runs. @returns a promise of the end of its handlers. */
  async close(reason: AnyTaskError): Promise<void> {
    await Promise.all(
      [...this.#running.holders].map((run) => {
        run.abort(reason);
        return run.handlersDone();
      }),
    );
  }
}

class LocalRun {
  readonly #bound: BoundTask;
  readonly #call: Call;
  readonly #surroundings: Surroundings;
  readonly #nest: Nest;
  readonly #deadline: number;
  readonly #backoff = new AbortController();
  readonly #handlers: Promise<void>[] = [];
  #number = 1;
  #attempt: Attempt | PooledAttempt | undefined;
  #aborted: AnyTaskError | undefined;
  #over = false;

  constructor(bound: BoundTask, call: Call, timeoutMs: number, surroundings: Surroundings, nest: Nest) {
    this.#bound = bound;
    this.#call = call;
    this.#surroundings = surroundings;
    this.#nest = nest;
    this.#deadline = performance.now() + timeoutMs;
  }

  /** Makes the first attempt; undefined if the call is not settled by it at once. */
  begin(): Settled | undefined {
    const { maxParamsBytes, dependencies } = this.#surroundings;
    try {
      checkParams(this.#call, clientName, maxParamsBytes);
    } catch (refused) {
      return { ok: false, error: this.#told(TaskError.from(refused, "invalid_argument"), undefined), started: false };
    }
    if (!dependencies.has(this.#bound)) return undefined;
    try {
      this.#attempt = this.#start();
    } catch (thrown) {
      return { ok: false, error: TaskError.from(thrown, "invalid_argument", about(this.#call)), started: false };
    }
    if (this.#attempt.settled !== undefined) return undefined;
    const outcome = this.#attempt.outcome as Outcome;
    return outcome.ok || this.#delay(outcome) === undefined ? this.#settled(outcome) : undefined;
  }

  /** Follows it through its attempts to the end; `release` is called when its last handler is done. */
  async follow(release: () => void): Promise<Settled> {
    const { signal } = this.#call.options;
    const cancel = () =>
      this.abort(new TaskError<string, unknown>("canceled", "its caller canceled it", { cause: signal?.reason }));
    const unlisten = signal && onAbort(signal, cancel);
    if (signal?.aborted === true) cancel();
    try {
      if (this.#attempt === undefined) {
        const refused = await this.#open();
        if (refused !== undefined) return { ok: false, started: false, error: this.#told(refused, undefined) };
        this.#attempt = this.#start();
      }
      for (;;) {
        const outcome = await this.#attempt.outcome;
        const delay = outcome.ok ? undefined : this.#delay(outcome);
        if (delay === undefined) return this.#settled(outcome);
        await pause(delay, this.#backoff.signal);
        if (this.#aborted !== undefined) return this.#settled({ ok: false, error: this.#aborted });
        this.#number += 1;
        this.#attempt = this.#start();
      }
    } finally {
      unlisten?.();
      // A handler that ignores its limit keeps its slot until it is done, also one of an earlier attempt.
      void this.handlersDone().then(release);
    }
  }

  /** Resolves when all handlers that were begun are done. */
  handlersDone(): Promise<unknown> {
    return Promise.all(this.#handlers);
  }

  abort(error: AnyTaskError): void {
    this.#aborted ??= error;
    this.#attempt?.abort(error);
    this.#backoff.abort();
  }

  /** Opens what its handler depends on, in the call's own time. @returns what keeps it from running. */
  async #open(): Promise<AnyTaskError | undefined> {
    const over = new AbortController();
    const late = pause(this.#deadline - performance.now(), AbortSignal.any([over.signal, this.#backoff.signal])).then(
      () =>
        this.#aborted ?? new TaskError<string, unknown>("deadline_exceeded", "its dependencies were not open in time"),
    );
    const opened = this.#surroundings.dependencies.open(this.#bound).then(
      () => this.#aborted,
      (thrown: unknown) => TaskError.from(thrown, "unavailable"),
    );
    try {
      return await Promise.race([opened, late]);
    } finally {
      over.abort();
    }
  }

  /** @throws TaskError `invalid_argument` for parameters that can't be carried to a thread. */
  #start(): Attempt | PooledAttempt {
    const attempt = this.#begin();
    if (attempt.settled !== undefined) this.#handlers.push(attempt.settled);
    return attempt;
  }

  #begin(): Attempt | PooledAttempt {
    const { declaration, options, params, id, origin } = this.#call;
    const number = this.#number;
    const left = this.#deadline - performance.now();
    const attemptMs = options.attemptTimeoutMs ?? declaration.attemptTimeoutMs;
    const { dependencies, hooks, describe, pool, log, locks } = this.#surroundings;
    if (declaration.cpu !== undefined && pool !== undefined) {
      const call = {
        callId: id,
        attempt: number,
        fence: 0,
        record: writeRequest(newHeader({}), { task: declaration.name, params, ...origin }),
        keepRequest: false,
        nodeQueue: this.#surroundings.nodeQueue,
        attemptMs,
        leftMs: left,
        maxBytes: defaultMaxBytes,
        describe,
        onProgress: (told: Uint8Array) => this.#heard(number, () => progressOf(declaration, told)),
      };
      const known = { callId: id, attempt: number, fence: 0, origin, log };
      this.#call.taken?.("local");
      return pooledWithin(hooks, declaration, known, params, () => pool.run(this.#bound, call));
    }
    this.#call.taken?.("local");
    return new Attempt(this.#bound, params, {
      callId: id,
      attempt: number,
      fence: 0,
      origin,
      log,
      queue: declaration.queue,
      nodeQueue: this.#surroundings.nodeQueue,
      nest: this.#nest,
      holder: this,
      limitMs: Math.min(attemptMs, left),
      limitedByCall: left < attemptMs,
      dependencies: dependencies.of(this.#bound),
      hooks,
      locks,
      describe,
      onProgress: (sent, received) => {
        checkProgress(sent, defaultMaxBytes);
        this.#heard(number, () => received);
      },
    });
  }

  /** The wait before the next attempt; undefined if there is none, or no time for it. */
  #delay({ error, wish }: Extract<Outcome, { readonly ok: false }>): number | undefined {
    const { declaration, options } = this.#call;
    const delay = retryDelay(options.retry ?? declaration.retry, this.#number, error.code, wish);
    return delay !== undefined && performance.now() + delay < this.#deadline ? delay : undefined;
  }

  /** What an attempt reports after its outcome, or its call's, is of no interest. */
  #heard(attempt: number, progress: () => unknown): void {
    if (attempt === this.#number && !this.#over) this.#call.listener?.hear(progress);
  }

  #settled(outcome: Outcome | PooledOutcome): Settled {
    this.#over = true;
    const { declaration, id } = this.#call;
    const refused = this.#refusal(outcome);
    if (refused !== undefined) return { ok: false, error: this.#told(refused, this.#number), started: true };
    if (outcome.ok)
      return "record" in outcome ? receive(declaration, id, outcome.record) : { ok: true, value: outcome.received };
    const error = forCallers(this.#told(cutError(outcome.error), this.#number));
    return { ok: false, error: receivedError(declaration, error), started: true };
  }

  /** What would keep the outcome from its caller, had a worker to send it. */
  #refusal(outcome: Outcome | PooledOutcome): AnyTaskError | undefined {
    if (outcome.ok && "record" in outcome) {
      const refusal = replyRefusal({}, outcome.record.length, defaultMaxBytes);
      return refusal === undefined ? undefined : new TaskError<string, unknown>("resource_exhausted", refusal);
    }
    if (outcome.ok) return refusedReply({ value: outcome.sent }, defaultMaxBytes);
    // Only the data of a declared error are a handler's own.
    return outcome.error.code === "declared" ? refusedReply({ error: outcome.error }, defaultMaxBytes) : undefined;
  }

  #told(error: AnyTaskError, attempt: number | undefined): AnyTaskError {
    return error.with({ ...about(this.#call), attempt });
  }
}
