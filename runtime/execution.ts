import type { AttemptKnown } from "./attempt-facts.ts";
import type { ClaimedCall, Report } from "./broker.ts";
import { retryDelay, type RetryWish } from "./backoff.ts";
import { awaitedTtlMs, parkedTtlMs } from "./brokers/retention.ts";
import { replyRefusal } from "./carried.ts";
import { encode } from "./codec.ts";
import { cutText } from "./cut-text.ts";
import type { Dependencies } from "./dependencies.ts";
import type { DescribeError } from "./describe-error.ts";
import { readRequest, type Reply, type Request, tooLarge, toWire, writeReply } from "./envelope.ts";
import type { Declaration } from "./declaration.ts";
import {
  emptyHeader,
  hasHeader,
  type Header,
  mayHaveBegun,
  mostAttempts,
  noFingerprint,
  newestVersion,
  protocolVersion,
  readHeader,
  underHeader,
} from "./header.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import { pooledWithin } from "./hooked-attempts.ts";
import type { Hooks } from "./hooks.ts";
import type { BoundTask } from "./implementation.ts";
import type { CpuPool } from "./cpu/pool.ts";
import type { PooledAttempt, PooledOutcome } from "./cpu/pooled-attempt.ts";
import { encodedProgress } from "./cpu/serve.ts";
import { Attempt, type Nest, type Outcome } from "./invoke.ts";
import { limitKeysOf } from "./limits.ts";
import type { Lease, Leases } from "./leases.ts";
import type { LockGiver } from "./lock-room.ts";
import { foreignCall, isSameOwner } from "./owners.ts";
import type { Logger } from "./log.ts";
import { performance } from "./real-time.ts";
import { loggable, tried } from "./thrown.ts";

/** What an execution needs of its worker. */
export interface ExecutionSettings {
  /** Who runs it. */
  readonly worker: string;
  /** The queue that its process alone serves, if it has one. */
  readonly nodeQueue?: string | undefined;
  readonly tasks: ReadonlyMap<string, BoundTask>;
  /** Where tasks with `cpu` run; undefined where there are none. */
  readonly pool?: CpuPool | undefined;
  /** What they depend on, open. */
  readonly dependencies: Dependencies;
  readonly hooks: Hooks | undefined;
  readonly describe: DescribeError;
  readonly maxResultBytes: number;
  /** The largest request that it reads, bytes. */
  readonly maxParamsBytes: number;
  readonly log: Logger;
  readonly leases: Leases;
  readonly nest: Nest;
  readonly locks: LockGiver;
  report(queue: string, report: Report): void;
  /** A suspect has come to an end without its worker's. */
  readonly suspectEnded?: (() => void) | undefined;
}

/** What is left of an error's message where a reply may hardly be longer, characters. */
const fewCharacters = 256;
/** The longest that a reply can be kept, ms: a year. */
const longestTtlMs = 365 * 86_400_000;
/** Outcomes that are faults of a handler, and of interest where it runs. */
const faults: ReadonlySet<string> = new Set(["failed", "invalid_result", "internal"]);

/** The name under which calls of another protocol version are put aside, for workers that list it. */
export function versionTask(version: number): string {
  return `@protocol-${version}`;
}

/** A claimed call, from its record to the report of its attempt. */
export class Execution {
  readonly id: string;
  readonly queue: string;
  readonly fence: number;
  readonly suspect: boolean;
  /** Resolves when its handler is done and its slot is free; undefined if that is now. */
  readonly busy: Promise<void> | undefined;
  readonly #settings: ExecutionSettings;
  readonly #call: ClaimedCall;
  #header: Header = emptyHeader;
  /** When it began, by `performance.now`, and how long the call could still take then, ms. */
  #begunAt = 0;
  #leftAtFirst = Number.POSITIVE_INFINITY;
  #bound: BoundTask | undefined;
  #request: Request | undefined;
  #attempt: Attempt | PooledAttempt | undefined;
  /** Whether the last that is to be said of it has been said, by its report or by others. */
  #over = false;
  /** Whether its handler may have begun. */
  #hasBegun = false;
  #seenOverAt: number | undefined;
  readonly #lease: Lease;
  /** What its running attempt is known by to the lease keeper. */
  #row: number | undefined;

  constructor(lease: Lease, call: ClaimedCall, settings: ExecutionSettings) {
    this.id = call.id;
    this.queue = lease.queue;
    this.fence = lease.fence;
    this.suspect = call.suspect;
    this.#lease = lease;
    this.#call = call;
    this.#settings = settings;
    this.busy = this.#begin();
  }

  /** Ends it with an error that the broker knows of already. */
  abort(error: AnyTaskError): void {
    if (!this.#over) this.#settings.leases.dropped(this.queue, this.fence);
    this.#over = true;
    this.#attempt?.abort(error);
  }

  /** Gives it back to its queue, unfinished and not counted. */
  release(): void {
    if (this.#over) return;
    if (!this.#hasBegun) this.#report({ kind: "release" });
    else if (!this.#header.atMostOnce) this.#report({ kind: "release", begun: true });
    else this.#lose("its worker stopped before it had ended");
    this.abort(new TaskError<string, unknown>("unavailable", "its worker is stopping"));
  }

  /** Its record as it was claimed. */
  get record(): Uint8Array {
    return this.#call.record;
  }

  /** The name of its task. */
  get task(): string {
    return this.#request?.task ?? "";
  }

  /** Since when it is known that its handler goes on although its call was answered; undefined for one that was not. */
  seenOver(now: number): number | undefined {
    return this.#over ? (this.#seenOverAt ??= now) : undefined;
  }

  #begin(): Promise<void> | undefined {
    const { record } = this.#call;
    try {
      this.#header = readHeader(record) ?? this.#header;
      if (this.#isTooMuch()) return undefined;
      if (this.#header.version > newestVersion) {
        this.#report({ kind: "aside", task: versionTask(this.#header.version) });
        return undefined;
      }
      this.#request = readRequest(record);
    } catch (thrown) {
      this.#park(TaskError.from(thrown, "internal"));
      return undefined;
    }
    this.#bound = this.#settings.tasks.get(this.#request.task);
    if (this.#bound === undefined) {
      this.#report({ kind: "aside", task: this.#request.task });
      return undefined;
    }
    const { owner } = this.#bound.declaration;
    if (!isSameOwner(this.#request.of, owner)) {
      const attempt = this.#header.attempt + 1;
      this.#answer({ ok: false, error: foreignCall(this.#request.of, owner).with({ callId: this.id, attempt }) });
      return undefined;
    }
    if (this.#header.atMostOnce && mayHaveBegun(this.#header, this.suspect)) {
      this.#lose("a worker that may have begun it died");
      return undefined;
    }
    if (this.#bound.declaration.limited && this.#gaveLimits(this.#bound.declaration)) return undefined;
    this.#begunAt = performance.now();
    if (this.#isPast(this.#begunAt)) {
      this.#report({ kind: "release" });
      return undefined;
    }
    const left = (this.#leftAtFirst = this.#leftMs(this.#begunAt));
    const attemptMs = this.#request.options?.attemptTimeoutMs ?? this.#bound.declaration.attemptTimeoutMs;
    const limitMs = Math.max(0, Math.min(attemptMs, left));
    const limitedByCall = left < attemptMs;
    const { pool, hooks } = this.#settings;
    if (this.#bound.declaration.cpu !== undefined && pool !== undefined) {
      const bound = this.#bound;
      this.#attempt = pooledWithin(hooks, bound.declaration, this.#known(), this.#request.params, () =>
        this.#pooled(pool, bound, attemptMs, left),
      );
      return this.#follow(this.#attempt);
    }
    if (this.#settings.leases.guarded) this.#tellKeeper(limitMs, limitedByCall, left);
    this.#hasBegun = true;
    this.#attempt = new Attempt(this.#bound, this.#request.params, {
      queue: this.queue,
      nodeQueue: this.#settings.nodeQueue,
      callId: this.id,
      origin: this.#request,
      nest: this.#settings.nest,
      holder: this,
      isCurrent: () => !this.#isPast(performance.now()),
      attempt: this.#header.attempt + 1,
      fence: this.fence,
      begunAt: this.#begunAt,
      limitMs,
      limitedByCall,
      dependencies: this.#settings.dependencies.of(this.#bound),
      hooks,
      log: this.#settings.log,
      locks: this.#settings.locks,
      describe: this.#settings.describe,
      onProgress: (value) => this.#progress(encodedProgress(value, this.#settings.maxResultBytes)),
    });
    return this.#follow(this.#attempt);
  }

  /** Whether it is more than can be read, or counted; that is then said of it. */
  #isTooMuch(): boolean {
    const { length } = this.#call.record;
    const { maxParamsBytes } = this.#settings;
    if (length > maxParamsBytes) {
      const error = new TaskError<string, unknown>("resource_exhausted", tooLarge(length, maxParamsBytes));
      if (this.#header.awaited && !this.#header.keepRequest) this.#answer({ ok: false, error });
      else this.#park(error);
      return true;
    }
    if (this.#header.attempt < mostAttempts) return false;
    this.#park(
      new TaskError("invalid_argument", `a record's header counts ${mostAttempts} attempts: there is no next`),
    );
    return true;
  }

  /** What hooks are told of an attempt in a pool. */
  #known(): AttemptKnown {
    const { id: callId, fence } = this;
    return { callId, fence, attempt: this.#header.attempt + 1, origin: this.#request, log: this.#settings.log };
  }

  #pooled(pool: CpuPool, bound: BoundTask, attemptMs: number, leftMs: number): PooledAttempt {
    return pool.run(bound, {
      callId: this.id,
      attempt: this.#header.attempt + 1,
      fence: this.fence,
      record: this.#call.record,
      keepRequest: this.#header.keepRequest,
      nodeQueue: this.#settings.nodeQueue,
      attemptMs,
      leftMs: Math.max(0, leftMs),
      maxBytes: this.#settings.maxResultBytes,
      describe: this.#settings.describe,
      onSent: () => {
        this.#hasBegun = true;
      },
      onBegun: (limitMs, limitedByCall) => {
        this.#begunAt = performance.now();
        if (this.#settings.leases.guarded) this.#tellKeeper(limitMs, limitedByCall, this.#leftMs(this.#begunAt));
      },
      onProgress: (value) => this.#progress(value),
    });
  }

  #follow({ outcome, settled }: Attempt | PooledAttempt): Promise<void> | undefined {
    if (settled === undefined) {
      this.#conclude(outcome as Outcome);
      return undefined;
    }
    Promise.resolve(outcome)
      .then((concluded) => this.#conclude(concluded))
      .catch((thrown: unknown) => this.#park(TaskError.from(thrown, "internal")));
    return settled;
  }

  /**
   * If it was claimed without the keys of its limits, as its caller did not know of them, gives it back with them; one whose
   * keys can't be made is answered with that, for it would pass its limits. @returns whether that was said of it.
   */
  #gaveLimits({ params, task }: Declaration): boolean {
    if (this.#header.limitKeys !== undefined || !hasHeader(this.#call.record)) return false;
    let parsed: unknown;
    try {
      parsed = params.pass(this.#request?.params);
    } catch {
      return false; // The gate of its attempt gives the answer.
    }
    try {
      this.#report({ kind: "limit", keys: limitKeysOf(task, parsed) });
    } catch (thrown) {
      const about = { callId: this.id, attempt: this.#header.attempt + 1 };
      this.#answer({ ok: false, error: TaskError.from(thrown, "invalid_argument").with(about) });
    }
    return true;
  }

  /** Before its handler may block the event loop: what is to be said should its time be up meanwhile. */
  #tellKeeper(limitMs: number, limitedByCall: boolean, leftMs: number): void {
    this.#row = this.#settings.leases.begun({
      queue: this.#lease.queueNumber,
      id: this.id,
      fence: this.fence,
      number: this.#header.attempt + 1,
      begunAt: this.#begunAt,
      limitMs,
      limitedByCall,
      ttlMs: this.#ttlMs(),
      retryMs: this.#retryMs("deadline_exceeded", leftMs - limitMs),
    });
  }

  #conclude(outcome: Outcome | PooledOutcome): void {
    this.#settings.leases.ended(this.#row);
    if (this.#over) return;
    if (outcome.ok) return this.#answer(outcome);
    if ("hasBegun" in outcome) {
      this.#hasBegun = false;
      return this.#report({ kind: "release" });
    }
    const { error } = outcome;
    const delayMs = this.#retryMs(error.code, this.#leftMs(performance.now()), outcome.wish);
    const failure = delayMs === undefined ? undefined : this.#failed(error);
    if (delayMs === undefined || failure === undefined) this.#answer(outcome);
    else this.#report({ kind: "retry", delayMs, failure });
  }

  /** After how long another attempt follows one that failed like this; undefined if none does. */
  #retryMs(code: TaskErrorCode, leftMs: number, wish?: RetryWish): number | undefined {
    if (this.#header.atMostOnce) return undefined;
    const retry = this.#request?.options?.retry ?? this.#bound?.declaration.retry;
    const delayMs = retryDelay(retry, this.#header.attempt + 1, code, wish);
    // Without time for another attempt, this one's error is the answer.
    return delayMs !== undefined && delayMs < leftMs ? delayMs : undefined;
  }

  #answer(outcome: Outcome | PooledOutcome): void {
    if (!outcome.ok && faults.has(outcome.error.code)) {
      const { message, attempt, remoteStack, cause = remoteStack } = outcome.error;
      const metadata = this.#request?.metadata;
      const about = { task: this.task, callId: this.id, attempt, error: message, err: loggable(cause) };
      this.#settings.log.warn(metadata === undefined ? about : { ...about, metadata }, "a call failed");
    }
    const record = this.#encode(outcome);
    this.#report({ kind: "finish", record, ttlMs: this.#ttlMs() });
  }

  /** The reply's record; one that can't be sent is answered with what is wrong with it. */
  #encode(outcome: Outcome | PooledOutcome): Uint8Array {
    try {
      const record = this.#replyOf(outcome);
      const { maxResultBytes } = this.#settings;
      const kept = this.#header.keepRequest ? this.#call.record.length : 0;
      const error = outcome.ok ? undefined : outcome.error;
      const refusal = replyRefusal({ error }, record.length - kept, maxResultBytes);
      if (refusal === undefined) return record;
      // Whose limit is very small: what went wrong is told all the same.
      return error === undefined || error.code === "declared"
        ? this.#failure("resource_exhausted", refusal)
        : this.#failure(error.code, cutText(error.reason, fewCharacters));
    } catch (thrown) {
      return this.#failure("invalid_result", `result: ${TaskError.from(thrown).reason}`);
    }
  }

  /** The error of an attempt that is repeated, for whoever looks at the call meanwhile; undefined for one that can't be carried. */
  #failed(error: AnyTaskError): Uint8Array | undefined {
    const { worker, maxResultBytes } = this.#settings;
    const told = tried(() => encode({ ...toWire(error), worker }));
    if (told === undefined) return undefined;
    if (told.length <= maxResultBytes) return told;
    const { code, attempt, reason } = error;
    return encode({ code, attempt, message: `${reason.slice(0, 1_000)}… (${told.length} bytes in all)`, worker });
  }

  #progress(value: Uint8Array): void {
    this.#report({ kind: "progress", value });
  }

  #failure(code: TaskErrorCode, reason: string): Uint8Array {
    const attempt = this.#header.attempt + 1;
    return this.#record({ error: toWire(new TaskError<string, unknown>(code, reason, { attempt })) });
  }

  #replyOf(outcome: Outcome | PooledOutcome): Uint8Array {
    if (!outcome.ok) return this.#record({ error: toWire(outcome.error) });
    if ("sent" in outcome) return this.#record({ value: outcome.sent });
    // Its bytes were written where the handler ran.
    return underHeader(outcome.record, this.#ended("succeeded"))!;
  }

  #record(reply: Reply): Uint8Array {
    const header = this.#ended("value" in reply ? "succeeded" : "failed");
    return writeReply(header, reply, this.#header.keepRequest ? this.#call.record : undefined);
  }

  #ended(state: "succeeded" | "failed"): Header {
    return { ...this.#header, state, attempt: this.#header.attempt + 1, fence: this.fence };
  }

  #park(error: AnyTaskError): void {
    this.#settings.log.error(
      { queue: this.queue, callId: this.id, error: error.message },
      "a record can't be read; parked",
    );
    this.#reportParked(error);
  }

  /** Ends a call that is delivered at most once, and whose handler may have begun. Its request is kept. */
  #lose(reason: string): void {
    const attempt = this.#header.attempt + 1;
    const words = `${reason}; it is delivered at most once, and not run again`;
    this.#settings.log.warn({ task: this.task, callId: this.id, attempt, error: words }, "a call was lost; parked");
    this.#reportParked(new TaskError<string, unknown>("worker_lost", words, { attempt }));
  }

  #reportParked(error: AnyTaskError): void {
    const header: Header = { ...this.#header, version: protocolVersion, state: "parked", fence: this.fence };
    const record = writeReply(header, { error: toWire(error) }, this.#call.record);
    this.#report({ kind: "park", record, ttlMs: parkedTtlMs });
  }

  /**
   * Whether its lease or its deadline may be past, at a time by `performance.now`: since the claim, this process may have stood still. It is
   * given back then, and the broker judges by its own time: if it is another's by now, it does not take it; if its deadline is past, it
   * ends it; else the next claim brings it again.
   */
  #isPast(at: number): boolean {
    if (!this.#settings.leases.isHeld(this.#lease, at)) return true;
    const { awaited, deadline } = this.#header;
    // For a call that nobody awaits, the deadline limits only the wait for its first start. The claim script applies the same rule (`is_late`). If
    // the two disagreed, the call would be claimed and given back in an endless loop.
    const isBound = awaited || !mayHaveBegun(this.#header, this.suspect);
    return deadline > 0 && isBound && deadline - this.#lease.now <= at - this.#lease.claimedAt;
  }

  /** How long the call may still take, ms, at a time by `performance.now`. */
  #leftMs(at: number): number {
    const { awaited, deadline } = this.#header;
    if (!awaited || deadline === 0) return Number.POSITIVE_INFINITY;
    return deadline - this.#lease.now - (at - this.#lease.claimedAt);
  }

  /** How long its reply stays: an awaited call's at least until its caller has given up, for it may send again. */
  #ttlMs(): number {
    const { awaited, fingerprint, keepRequest } = this.#header;
    const byUser = this.#request?.options?.resultTtlMs;
    if (!awaited || keepRequest || fingerprint !== noFingerprint || byUser !== undefined) {
      return byUser ?? this.#bound?.declaration.resultTtlMs ?? awaitedTtlMs;
    }
    // Of most, nothing is left beyond that from the beginning.
    if (this.#leftAtFirst <= awaitedTtlMs) return awaitedTtlMs;
    return Math.max(awaitedTtlMs, Math.min(this.#leftMs(performance.now()), longestTtlMs));
  }

  #report(what: Kind): void {
    if (this.#over) return;
    this.#over = what.kind !== "progress";
    if (this.suspect && (what.kind === "finish" || what.kind === "retry")) this.#settings.suspectEnded?.();
    this.#settings.report(this.queue, { id: this.id, fence: this.fence, ...what });
  }
}

type OfKind<R> = R extends Report ? Omit<R, "id" | "fence"> : never;
type Kind = OfKind<Report>;
