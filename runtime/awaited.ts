import { onAbort } from "./abort-listeners.ts";
import type { Broker, StoredCall, SubmissionCaller, Submitted } from "./broker.ts";
import { about, type Call, notTaken, refusal, type Settled } from "./call.ts";
import type { Cancellations } from "./cancellations.ts";
import { after, settles } from "./clock.ts";
import type { Bounded, Deadlines } from "./deadlines.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { newId } from "./id.ts";
import type { Inbound } from "./inbound.ts";
import { forsaken, isAutomatic, isForsaken, isListenedTo, takeBack } from "./node-queue.ts";
import type { PauseView } from "./pause-view.ts";
import type { PresenceView } from "./presence.ts";
import { ProgressFeed } from "./progress.ts";
import { performance, setImmediate } from "./real-time.ts";
import { receive } from "./receive.ts";
import type { Wait } from "./replies.ts";

/** What is needed to run the call here if no worker has picked it up. */
export interface Fallback {
  readonly afterMs: number;
  /** Whether it is enough that no worker has claimed it, or none must be there that serves it. */
  readonly when: "unclaimed" | "unserved";
  /** Keeps a slot here for it; returns what gives it up, or undefined if none is free. */
  reserve(): (() => void) | undefined;
}

const firstRecheckMs = 20;
/** From then on, the looks for its reply are frequent enough. */
const longestRecheckMs = 1_000;

/** How long a call that is late may wait for the reason, ms. */
const lastLookMs = 100;

/** What a broker said of a submission that it has got. */
export type Taken = Exclude<Submitted, { readonly outcome: "failed" }>;

/** Who makes a call. */
export interface Owner {
  readonly broker: Broker;
  readonly presence: PresenceView;
  readonly pauses: PauseView;
  readonly inbound: Inbound;
  readonly deadlines: Deadlines<AwaitedCall>;
  readonly cancellations: Cancellations;
  /** The call is over; `record` is its end, where that was received. */
  over(call: AwaitedCall, record?: Uint8Array): void;
}

/** A call that this client awaits. */
export class AwaitedCall implements Wait, SubmissionCaller, Bounded {
  readonly call: Call;
  readonly queue: string;
  readonly id: string;
  readonly unique: boolean;
  readonly progress: ProgressFeed | undefined;
  stored = false;
  lookAt = 0;
  looks = 0;
  row = undefined;
  lateAt = 0;
  before = undefined;
  behind = undefined;
  readonly #owner: Owner;
  readonly #timeoutMs: number;
  readonly #fallback: Fallback | undefined;
  readonly #settle: (settled: Settled) => void;
  /** Undo its timers, and no longer hear its signal. */
  #endSignal: (() => void) | undefined;
  #endFallback: (() => void) | undefined;
  #endRecheck: (() => void) | undefined;
  #sent = false;
  /** Why its broker has refused it until now. */
  #refused: AnyTaskError | undefined;
  /** When it was made, by `performance.now`, and whether its task was known to be served then. */
  #madeAt = 0;
  #served = false;
  /** Whether its time is up, and only the reason is still looked for. */
  #isLate = false;
  /** Whether it waited in its queue when it was looked up last. */
  #isWaiting: boolean | undefined;
  /** Whether no worker listened to its queue when last looked. */
  #unserved = false;
  #revocation: Promise<boolean> | undefined;
  /** What was heard while it was being revoked: the end by that, or, if it came first, an answer. */
  #endedMeanwhile: Uint8Array | undefined;
  #over = false;

  constructor(
    call: Call,
    owner: Owner,
    timeoutMs: number,
    fallback: Fallback | undefined,
    settle: (settled: Settled) => void,
  ) {
    this.call = call;
    this.queue = call.declaration.queue;
    this.id = call.id;
    this.unique = call.options.id === undefined;
    this.progress = call.listener && new ProgressFeed((value) => this.#heard(value));
    this.#owner = owner;
    this.#timeoutMs = timeoutMs;
    this.#fallback = fallback;
    this.#settle = settle;
  }

  /** @param now - by `performance.now`: it is asked once for a call, as each time takes 45 ns. */
  start(now: number): void {
    const { declaration, options } = this.call;
    const { deadlines, presence } = this.#owner;
    this.#madeAt = now;
    this.#served = presence.proven(declaration.route, now);
    deadlines.add(this, this.#timeoutMs, now);
    if (this.#fallback !== undefined) this.#armFallback(this.#fallback);
    // Asked while the call is on its way, so that the answer is there when it has arrived.
    if (!this.#served) presence.prefetch(declaration, now);
    if (options.signal !== undefined) this.#hearSignal(options.signal);
  }

  #hearSignal(signal: AbortSignal): void {
    this.#endSignal = onAbort(signal, () => this.#cancel());
    if (signal.aborted) this.#cancel();
  }

  #heard(value: Uint8Array): void {
    if (this.#over) return;
    const { declaration, listener } = this.call;
    const told = this.#owner.inbound.progress(declaration, this.id, value);
    if (told !== undefined) listener?.hear(() => declaration.progress.pass(told.value));
  }

  wanted(): boolean {
    return !this.#over;
  }

  sent(): void {
    this.#sent = true;
  }

  refused(error: AnyTaskError): void {
    this.#sent = false;
    this.#refused = error;
  }

  submitted({ outcome, ended }: Taken): void {
    if (this.#over) return;
    if (outcome === "late") return this.#fail(notTaken(this.call, false, this.#timeoutMs, this.#refused), false);
    if (outcome !== "accepted") return this.#fail(refusal(this.call, outcome), false);
    this.stored = true;
    this.call.taken?.("remote");
    if (ended !== undefined) return this.ended(ended);
    if (!this.#served) void this.#checkServed(this.#madeAt);
  }

  failed(error: AnyTaskError): void {
    // Where it may have been stored after all, the looks for its reply go on until its time is up.
    if (error.code === "outcome_unknown") return;
    this.#fail(error, false);
  }

  ended(record: Uint8Array): void {
    if (this.#over) return;
    if (this.#revocation !== undefined) {
      this.#endedMeanwhile = record;
      return;
    }
    const settled = receive(this.call.declaration, this.id, record, this.#owner.inbound);
    if (this.#isLate && !settled.ok && settled.error.code === "deadline_exceeded") return;
    // Only a worker succeeds with it or fails.
    if (settled.ok || settled.error.attempt !== undefined)
      this.#owner.presence.prove(this.call.declaration.route, this.#madeAt);
    this.#finish(settled, record);
  }

  gone(): void {
    this.#fail(this.#error("outcome_unknown", "its record is gone without an answer"), true);
  }

  open({ state }: StoredCall): void {
    this.stored = true;
    this.#isWaiting = state === "queued";
    if (this.#isWaiting) this.#waits();
    // Elsewhere whoever shares the queue takes back what a dead worker held.
    else if (state === "running" && isAutomatic(this.queue)) void this.#takeBack();
  }

  /** It was found to wait still: for its errors, and as its worker may have gone. */
  #waits(): void {
    const { declaration } = this.call;
    const { pauses, presence } = this.#owner;
    const now = performance.now();
    void pauses.look(declaration, now);
    if (!presence.proven(declaration.route, now)) void this.#checkServed(now);
  }

  closed(): void {
    this.#fail(this.#error("canceled", "the client was closed before the answer came"), true);
  }

  /**
   * Ends the call as `unimplemented` if workers listen to its queue, but none for its task, and as `unavailable` if nobody ever
   * will. A worker may just have it in its hands, to put it aside: then it is tried again a little later.
   */
  async #checkServed(since: number, againMs = firstRecheckMs): Promise<void> {
    const { queue } = this;
    const { broker, presence } = this.#owner;
    try {
      const served = await presence.look(this.call.declaration, since);
      this.#unserved = served === "nobody";
      if (served === "served" || this.#over) return;
      if (served === "nobody" && !(isAutomatic(queue) && (await isForsaken(broker, queue)))) return;
      if (await this.#revoke()) {
        this.#fail(
          served === "nobody"
            ? this.#error("unavailable", forsaken(queue))
            : this.#error("unimplemented", `no worker that listens to queue "${queue}" implements it`),
          false,
        );
        return;
      }
    } catch {
      return; // It is asked again with the next look for its reply.
    }
    if (!this.#over && againMs < longestRecheckMs) {
      this.#endRecheck = after(againMs, () => void this.#checkServed(performance.now(), againMs * 2));
    }
  }

  /** Ends the call if its process has died with it: in a queue of its own, nobody else sees to that. */
  async #takeBack(): Promise<void> {
    const { broker } = this.#owner;
    try {
      if (!(await isListenedTo(broker, this.queue))) await takeBack(broker, this.queue);
    } catch {
      // It is tried again with the next look for its reply.
    }
  }

  #armFallback(fallback: Fallback, afterMs = fallback.afterMs): void {
    this.#endFallback = after(afterMs, () => void this.#fallBack(fallback));
  }

  /** Takes the call back from its queue to run it here, if no worker has it by now. */
  async #fallBack(fallback: Fallback): Promise<void> {
    if (this.#over) return;
    if (fallback.when === "unserved") {
      const look = this.#owner.presence.look(this.call.declaration, performance.now());
      // Of a broker that is away nothing can be said.
      if ((await look.catch(() => "served")) === "served") return this.#over ? undefined : this.#armFallback(fallback);
      if (this.#over) return;
    }
    const giveUp = fallback.reserve();
    if (giveUp === undefined) return this.#armFallback(fallback);
    const notPickedUp = this.#error("unavailable", `no worker picked it up within ${fallback.afterMs} ms`);
    const wasStored = this.stored;
    try {
      // What was not sent yet never will be. What the broker may not have had by then may have arrived after the revoke.
      if (!this.#sent || (await this.#revoke())) this.#fail(notPickedUp, false);
      else if (!wasStored && !this.#over) this.#armFallback(fallback, Math.max(fallback.afterMs, firstRecheckMs));
    } catch (cause) {
      this.#fail(this.#error("outcome_unknown", "whether it was taken back from its queue is unknown", cause), true);
    } finally {
      // By then it runs here, and holds the slot itself.
      setImmediate(giveUp);
    }
  }

  /** Takes the call back from its queue; false if a worker has it, or had. Asked for twice, it is one revoke. */
  #revoke(): Promise<boolean> {
    this.#revocation ??= this.#revokeOnce().finally(() => {
      this.#revocation = undefined;
    });
    return this.#revocation;
  }

  async #revokeOnce(): Promise<boolean> {
    let revoked = false;
    try {
      revoked = await this.#owner.broker.revoke(this.queue, this.id, newId());
      return revoked;
    } finally {
      const record = this.#endedMeanwhile;
      this.#endedMeanwhile = undefined;
      // Whoever asked settles the call in this turn if it was revoked; else what was heard counts.
      if (!revoked && record !== undefined) {
        this.#revocation = undefined;
        this.ended(record);
      }
    }
  }

  #cancel(): void {
    if (this.#over) return;
    this.#fail(this.#error("canceled", "its caller canceled it", this.call.options.signal?.reason), true);
    // The caller has its answer; if the worker can't be told now, it is told later.
    if (this.#sent) {
      const { queue, id, stored, lateAt } = this;
      this.#owner.cancellations.cancel({ queue, id, stored, leftMs: lateAt - performance.now() });
    }
  }

  late(): void {
    if (!this.stored) return this.#fail(notTaken(this.call, this.#sent, this.#timeoutMs, this.#refused), this.#sent);
    if (this.#isWaiting !== undefined) return this.#tooLate();
    // It had little time, and was not looked up yet.
    this.#isLate = true;
    const { broker, pauses } = this.#owner;
    const look = async (): Promise<void> => {
      const paused = pauses.look(this.call.declaration, this.#madeAt);
      const [call] = await broker.read(this.queue, [this.id]);
      // A look at it is enough for the broker to see that its time is up.
      this.#isWaiting = call?.state === "queued" || call?.state === "expired";
      await paused;
    };
    const looked = settles(look(), lastLookMs).catch(() => false);
    void looked.then(() => this.#tooLate());
  }

  #tooLate(): void {
    const { declaration } = this.call;
    const paused = this.#isWaiting === true ? this.#owner.pauses.known(declaration, this.#madeAt) : undefined;
    const unserved = this.#unserved ? `no worker listens to queue "${this.queue}"` : undefined;
    const reasons = [`no reply within ${this.#timeoutMs} ms`, paused, unserved].filter((one) => one !== undefined);
    this.#fail(this.#error("deadline_exceeded", reasons.join("; ")), true);
  }

  #fail(error: AnyTaskError, started: boolean): void {
    this.#finish({ ok: false, error: error.with(about(this.call)), started });
  }

  #finish(settled: Settled, record?: Uint8Array): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.deadlines.delete(this);
    this.#endFallback?.();
    this.#endRecheck?.();
    this.#endSignal?.();
    this.#owner.over(this, record);
    this.#settle(settled);
  }

  #error(
    code: "outcome_unknown" | "unimplemented" | "unavailable" | "canceled" | "deadline_exceeded",
    reason: string,
    cause?: unknown,
  ): AnyTaskError {
    return new TaskError<string, unknown>(code, reason, { ...about(this.call), cause });
  }
}
