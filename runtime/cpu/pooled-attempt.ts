import type { RetryWish } from "../backoff.ts";
import type { BoundTask } from "../bound-task.ts";
import { after } from "../clock.ts";
import { type DescribeError, described } from "../describe-error.ts";
import { fromWire, readReply, toWire } from "../envelope.ts";
import { type AnyTaskError, TaskError } from "../errors.ts";
import { type Outcome, timedOut } from "../invoke.ts";
import type { Logger } from "../log.ts";
import { redacted } from "../redaction.ts";
import { type Member, startMs } from "./member.ts";
import type { FromMember } from "./message.ts";
import { type Place, placeOf } from "./place.ts";
import { clearTimeout, performance, setTimeout } from "../real-time.ts";

/** Where members are had from. */
export interface MemberLine {
  readonly log: Logger;
  /** Gives a member for a place to `begin` as soon as one may be had. @returns what leaves the line. */
  join(place: Place, begin: (member: Member) => void): () => void;
  /** Takes back a member that was given, alive or dead. */
  leave(member: Member): void;
}

/** What the place that has an attempt run in a pool knows of it. */
export interface PooledCall {
  readonly callId: string;
  readonly attempt: number;
  readonly fence: number;
  /** The request's record. */
  readonly record: Uint8Array;
  /** Whether the reply is to hold the request. */
  readonly keepRequest: boolean;
  /** The queue that its process alone serves, if it has one. */
  readonly nodeQueue?: string | undefined;
  /** How long the handler may run, ms. */
  readonly attemptMs: number;
  /** How long the call may take from now on, its wait for a thread included, ms. */
  readonly leftMs: number;
  /** The largest progress, bytes as encoded. */
  readonly maxBytes: number;
  /** What is said of an error that the handler threw: of one that has crossed as data and text. */
  readonly describe: DescribeError;
  /** It goes to the place where its handler will begin. */
  onSent?(): void;
  /** Its handler begins, with so long to run. */
  onBegun?(limitMs: number, limitedByCall: boolean): void;
  /** Takes the handler's progress, checked and encoded. */
  onProgress(value: Uint8Array): void;
}

/** How an attempt in a pool ended: with the reply's record, whose header is still to be filled, or with an error. */
export type PooledOutcome =
  | { readonly ok: true; readonly record: Uint8Array }
  | Extract<Outcome, { readonly ok: false }>;

/** How long a handler has to heed its signal before its thread or process is ended, ms. */
const killAfterMs = 200;

/** An attempt that runs in another thread or process. It is ended there for good when its time is up or nobody wants it. */
export class PooledAttempt {
  /** Never rejects. */
  readonly outcome: Promise<PooledOutcome>;
  /** Resolves when its handler is done, or ended with all that it ran in. */
  readonly settled: Promise<void>;
  readonly #line: MemberLine;
  readonly #bound: BoundTask;
  readonly #call: PooledCall;
  readonly #createdAt = performance.now();
  readonly #leaveLine: () => void;
  #conclude!: (outcome: PooledOutcome) => void;
  #settle!: () => void;
  #member: Member | undefined;
  #over = false;
  /** What undoes its timers. */
  #timers: (() => void)[] = [];
  #kill: NodeJS.Timeout | undefined;

  constructor(line: MemberLine, bound: BoundTask, call: PooledCall) {
    this.#line = line;
    this.#bound = bound;
    this.#call = call;
    this.outcome = new Promise((resolve) => (this.#conclude = resolve));
    this.settled = new Promise((resolve) => (this.#settle = resolve));
    this.#limit(call.leftMs, call.leftMs, true);
    this.#leaveLine = line.join(placeOf(bound), (member) => this.#start(member));
  }

  /** Ends the attempt with an error at once and aborts its signal; a handler that does not heed it is ended, too. */
  abort(error: AnyTaskError): void {
    if (this.#over) return;
    this.#end({ ok: false, error });
    const member = this.#member;
    if (member === undefined) {
      this.#leaveLine();
      this.#settle();
      return;
    }
    member.post({ kind: "abort", error: toWire(error) });
    this.#kill = setTimeout(() => member.kill(), killAfterMs);
  }

  #start(member: Member): void {
    this.#member = member;
    const { callId, attempt, fence, record, keepRequest, nodeQueue, attemptMs, maxBytes } = this.#call;
    const { declaration } = this.#bound;
    const { module, contract } = placeOf(this.#bound);
    const left = this.#left();
    this.#call.onSent?.();
    member.attend({ hear: (message) => this.#hear(message), died: (words) => this.#died(words) });
    member.post({
      kind: "run",
      module,
      contract,
      task: declaration.shortName,
      // A copy: the bytes may be a part of a much larger memory, all of which would be sent.
      record: new Uint8Array(record),
      keepRequest,
      nodeQueue,
      callId,
      attempt,
      fence,
      limitMs: Math.min(attemptMs, left),
      limitedByCall: left < attemptMs,
      maxBytes,
    });
    const undo = after(startMs, () => {
      const reason = `the ${member.kind} in which it was to run is not there after ${startMs} ms`;
      this.abort(new TaskError<string, unknown>("unavailable", reason, this.#about()));
    });
    this.#timers.push(undo);
  }

  #hear(message: FromMember): void {
    switch (message.kind) {
      case "ready":
        return this.#begun();
      case "progress":
        if (!this.#over) this.#call.onProgress(message.value);
        return;
      case "log":
        this.#line.log[message.level](message.fields, message.message);
        return;
      case "missing": {
        const reason = `its module can't be imported: ${redacted(message.reason)}`;
        this.#end({ ok: false, error: new TaskError<string, unknown>("unavailable", reason, this.#about()) });
        return this.#release();
      }
      case "ended":
        if (!this.#over) this.#end(this.#outcomeOf(message.ok, message.record, message.wish));
        return this.#release();
    }
  }

  /** Its module is there: from now on the handler's own limit counts. */
  #begun(): void {
    if (this.#over) return;
    const { attemptMs, leftMs } = this.#call;
    const left = this.#left();
    this.#undoTimers();
    if (left < attemptMs) this.#limit(left, leftMs, true);
    else this.#limit(attemptMs, attemptMs, false);
    this.#call.onBegun?.(Math.min(attemptMs, left), left < attemptMs);
  }

  #outcomeOf(ok: boolean, record: Uint8Array, wish: RetryWish | undefined): PooledOutcome {
    if (ok) return { ok, record };
    const reply = readReply(record);
    if (reply === undefined || "value" in reply)
      return { ok, error: new TaskError<string, unknown>("internal", "a pool's answer can't be read", this.#about()) };
    const { name } = this.#bound.declaration;
    const { callId, describe } = this.#call;
    const error = fromWire(reply.error, name, callId, true).with(this.#about());
    return { ok, error: error.code === "failed" ? described(error, describe) : error, wish };
  }

  #died(words: string): void {
    this.#end({ ok: false, error: new TaskError<string, unknown>("worker_lost", words, this.#about()) });
    this.#release();
  }

  #end(outcome: PooledOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#undoTimers();
    this.#conclude(outcome);
  }

  #release(): void {
    clearTimeout(this.#kill);
    const member = this.#member!;
    this.#line.leave(member);
    this.#settle();
  }

  /** @param toldMs - what is said of it. */
  #limit(ms: number, toldMs: number, limitedByCall: boolean): void {
    const { callId, attempt } = this.#call;
    const about = { callId, attempt, limitMs: toldMs, limitedByCall };
    this.#timers.push(after(Math.max(0, ms), () => this.abort(timedOut(this.#bound.declaration, about))));
  }

  #undoTimers(): void {
    for (const undo of this.#timers) undo();
    this.#timers = [];
  }

  #left(): number {
    return this.#call.leftMs - (performance.now() - this.#createdAt);
  }

  #about(): { task: string; callId: string; attempt: number } {
    const { callId, attempt } = this.#call;
    return { task: this.#bound.declaration.name, callId, attempt };
  }
}
