import { onAbort } from "./abort-listeners.ts";
import { batchLimit, TurnBatch } from "./batch.ts";
import { AwaitedCall, type Fallback, type Owner, type Taken } from "./awaited.ts";
import { Cancellations } from "./cancellations.ts";
import { after } from "./clock.ts";
import { Deadlines } from "./deadlines.ts";
import type { Broker, Submission, SubmissionCaller } from "./broker.ts";
import { about, type AllOptions, type Call, notTaken, refusal, type Settled } from "./call.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkRequestBytes, requestOf } from "./carried.ts";
import { writeRequest } from "./envelope.ts";
import { atMostOnceVersion, emptyHeader, type Header, noFingerprint, protocolVersion, type Rank } from "./header.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import type { Inbound } from "./inbound.ts";
import { limitKeysOf } from "./limits.ts";
import { PauseView } from "./pause-view.ts";
import type { PresenceView } from "./presence.ts";
import { performance } from "./real-time.ts";
import type { Replies } from "./replies.ts";

/** What bounds a client's use of memory. */
export interface RemoteLimits {
  readonly maxPending: number;
  readonly maxParamsBytes: number;
  readonly maxQueueLength: number | undefined;
}

/** A submission on its way, and who wants to know of it. */
interface Sending {
  readonly submission: Submission;
  readonly by: {
    submitted(taken: Taken): void;
    failed(error: AnyTaskError): void;
  };
}

/** Answers of a queue that have been received, of which the broker does not know yet. */
interface Acknowledged {
  readonly ids: string[];
  /** What their records take at the broker. */
  bytes: number;
}

/** How a call is sent. */
interface Send {
  readonly awaited: boolean;
  /** How long it may take, if awaited, or wait for its start, ms; 0 for without bound. */
  readonly deadlineMs: number;
  readonly delayMs?: number;
  /** When its durations begin, by `performance.now`. */
  readonly madeAt: number;
  /** As in {@link Submission}. */
  readonly resendMs?: number;
  readonly caller: SubmissionCaller;
}

/** Sends calls to their queues and settles them by their replies. */
export class RemoteCalls implements Owner {
  readonly broker: Broker;
  readonly presence: PresenceView;
  readonly pauses: PauseView;
  readonly inbound: Inbound;
  /** Each call that is awaited has one. */
  readonly deadlines = new Deadlines<AwaitedCall>();
  readonly cancellations: Cancellations;
  readonly #replies: Replies;
  readonly #limits: RemoteLimits;
  readonly #batches = new Map<string, TurnBatch<Sending>>();
  readonly #acknowledged = new Map<string, Acknowledged>();
  /** How many calls are awaited, or on their way to the broker without that. */
  #pending = 0;

  constructor(broker: Broker, replies: Replies, presence: PresenceView, inbound: Inbound, limits: RemoteLimits) {
    this.broker = broker;
    this.pauses = new PauseView(broker);
    this.presence = presence;
    this.cancellations = new Cancellations(broker);
    this.inbound = inbound;
    this.#replies = replies;
    this.#limits = limits;
  }

  /** Sends a call and waits for its end. */
  call(call: Call, timeoutMs: number, fallback?: Fallback): Promise<Settled> {
    return new Promise((resolve) => {
      const tooMany = this.#tooMany(call);
      if (tooMany !== undefined) {
        resolve({ ok: false, started: false, error: tooMany });
        return;
      }
      const pending = new AwaitedCall(call, this, timeoutMs, fallback, resolve);
      const now = performance.now();
      let submission: Submission;
      try {
        submission = this.#compose(call, { awaited: true, deadlineMs: timeoutMs, madeAt: now, caller: pending });
      } catch (error) {
        resolve({ ok: false, started: false, error: TaskError.from(error, "internal", about(call)) });
        return;
      }
      this.#pending += 1;
      this.#replies.add(pending, now);
      pending.start(now);
      this.#send(pending.queue, { submission, by: pending });
    });
  }

  over(pending: AwaitedCall, record?: Uint8Array): void {
    this.#pending -= 1;
    this.#replies.delete(pending);
    // A record with an id that the user gave stays, for others to read, and one with its request, to be run again.
    if (record === undefined || !pending.unique || keepsRequest(pending.call)) return;
    this.#acknowledge(pending.queue, pending.id, record.length);
  }

  /**
   * Sends a call without waiting for its end; resolves when the broker has it.
   *
   * @throws TaskError `unavailable`, `outcome_unknown`, `resource_exhausted` or, for an id that belongs to another
   * call, `invalid_argument`.
   */
  submit(call: Call, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const tooMany = this.#tooMany(call);
      if (tooMany !== undefined) throw tooMany;
      const { declaration, options } = call;
      const delayMs = delayOf(options);
      const deadlineMs = options.expiresInMs === undefined ? 0 : delayMs + options.expiresInMs;
      let over = false;
      let sent = false;
      let refused: AnyTaskError | undefined;
      const caller = {
        wanted: () => !over,
        sent: () => {
          sent = true;
        },
        refused: (error: AnyTaskError) => {
          sent = false;
          refused = error;
        },
      };
      // An awaited call's record stays until its deadline, and is not sent again after that. This one's stays for as long as its result.
      const resendMs = options.resultTtlMs ?? declaration.resultTtlMs;
      const madeAt = performance.now();
      const submission = this.#compose(call, { awaited: false, deadlineMs, delayMs, madeAt, resendMs, caller });
      this.#pending += 1;
      const settle = (act: () => void): void => {
        if (over) return;
        over = true;
        this.#pending -= 1;
        undo();
        unlisten?.();
        act();
      };
      const cancel = (): void => {
        settle(() => reject(new TaskError("canceled", "its caller canceled it", about(call))));
        // It may have been stored already.
        if (sent) this.cancellations.cancel({ queue: declaration.queue, id: call.id, stored: false });
      };
      const undo = after(timeoutMs, () => settle(() => reject(notTaken(call, sent, timeoutMs, refused))));
      const unlisten = options.signal && onAbort(options.signal, cancel);
      if (options.signal?.aborted === true) return cancel();
      const by = {
        submitted: ({ outcome }: Taken) =>
          settle(() => (outcome === "accepted" ? resolve() : reject(refusal(call, outcome)))),
        failed: (error: AnyTaskError) => settle(() => reject(error.with(about(call)))),
      };
      this.#send(declaration.queue, { submission, by });
    });
  }

  /** Settles what is pending, and tells the broker which answers may be forgotten. */
  async close(): Promise<void> {
    for (const pending of this.deadlines.all()) pending.closed();
    this.cancellations.close();
    const queues = [...this.#acknowledged.keys()];
    await Promise.allSettled(queues.map((queue) => this.#submit(queue, [], true)));
  }

  /** The error of a call that this client has no room for. */
  #tooMany(call: Call): AnyTaskError | undefined {
    const { maxPending } = this.#limits;
    if (this.#pending < maxPending) return undefined;
    const reason = `${maxPending} calls are pending; await some, or raise maxPending`;
    return new TaskError<string, unknown>("resource_exhausted", reason, about(call));
  }

  #compose(call: Call, send: Send): Submission {
    const { declaration, options, params, id } = call;
    // The caller's gate. What was given is sent, not what it parses to: the receiver's parse is the one that counts.
    const parsed = declaration.params.pass(params);
    const priority: Rank = call.nested ? "nested" : (options.priority ?? declaration.task.priority ?? "normal");
    const header: Header = {
      ...emptyHeader,
      version: declaration.atMostOnce ? atMostOnceVersion : protocolVersion,
      atMostOnce: declaration.atMostOnce,
      maxDeliveries: declaration.task.maxDeliveries ?? 0,
      awaited: send.awaited,
      deadline: send.deadlineMs,
      priority,
      keepRequest: keepsRequest(call),
      fingerprint: options.id === undefined ? noFingerprint : fingerprintOf(declaration.name, params),
      limitKeys: declaration.limited ? limitKeysOf(declaration.task, parsed) : undefined,
    };
    const record = writeRequest(header, requestOf(call, send.awaited ? this.#replies.address : undefined));
    checkRequestBytes(record.length, this.#limits.maxParamsBytes);
    const { delayMs = 0, madeAt, resendMs, caller } = send;
    return { id, record, priority, delayMs, madeAt, resendMs, caller };
  }

  #send(queue: string, sending: Sending): void {
    let batch = this.#batches.get(queue);
    if (batch === undefined) {
      batch = new TurnBatch((sendings) => void this.#submit(queue, sendings), batchLimit);
      this.#batches.set(queue, batch);
    }
    batch.add(sending);
  }

  /** @param acknowledgeAll - however few have been received. */
  #submit(queue: string, added: readonly Sending[], acknowledgeAll = false): Promise<void> {
    const sendings = added.every(isWanted) ? added : added.filter(isWanted);
    const acknowledged = this.#toAcknowledge(queue, acknowledgeAll);
    if (sendings.length === 0 && acknowledged.length === 0) return Promise.resolve();
    const calls = sendings.map(({ submission }) => submission);
    const batch = { calls, acknowledged, maxLength: this.#limits.maxQueueLength };
    const submitted = this.#replies.heard
      ? this.broker.submit(queue, batch)
      : this.#replies.ready().then(() => this.broker.submit(queue, batch));
    return submitted.then(
      (results) => {
        for (let index = 0; index < sendings.length; index++) {
          const { by } = sendings[index]!;
          const result = results[index]!;
          if (result.outcome === "failed") by.failed(result.error);
          else by.submitted(result);
        }
      },
      (thrown: unknown) => {
        const error = TaskError.from(thrown, "internal");
        for (const sending of sendings) sending.by.failed(error);
      },
    );
  }

  /** An answer has been received: its record goes with one of the next submits of its queue. */
  #acknowledge(queue: string, id: string, bytes: number): void {
    const known = this.#acknowledged.get(queue);
    if (known === undefined) {
      this.#acknowledged.set(queue, { ids: [id], bytes });
      return;
    }
    known.bytes += bytes;
    if (known.ids.push(id) >= batchLimit) void this.#submit(queue, []);
  }

  /** What goes with a submit: some at a time, as each time costs a call that is alone about as much as a hundredth of its way. */
  #toAcknowledge(queue: string, all: boolean): readonly string[] {
    const known = this.#acknowledged.get(queue);
    if (known === undefined || (!all && known.ids.length < fewIds && known.bytes < fewBytes)) return none;
    this.#acknowledged.delete(queue);
    return known.ids;
  }
}

const none: readonly string[] = [];
/** What may stay at the broker for longer although it was received, of a queue. */
const fewIds = 16;
const fewBytes = 65_536;

/** Callers may have given up by the end of the turn. */
function isWanted({ submission }: Sending): boolean {
  return submission.caller?.wanted() !== false;
}

/** Whether its request is to be kept with its reply. */
function keepsRequest({ options, declaration }: Call): boolean {
  return options.keepRequest ?? declaration.task.keepRequest ?? false;
}

/** How long a submitted call is held back, ms. `runAt` is the caller's time; delays are the broker's. */
function delayOf({ delayMs, runAt }: AllOptions): number {
  if (runAt !== undefined) return Math.max(0, runAt.getTime() - Date.now());
  return delayMs ?? 0;
}
