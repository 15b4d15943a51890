import type { Broker, StoredCall, SubmissionCaller, Submitted } from "./broker.ts";
import { about, type Call, conflict, notTaken, type Settled } from "./call.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { newId } from "./id.ts";
import type { PresenceView } from "./presence.ts";
import { receive } from "./receive.ts";
import type { Wait } from "./replies.ts";

/** What is needed to run the call here if no worker has picked it up. */
export interface Fallback {
  readonly afterMs: number;
  /** Whether it could run here now. */
  ready(): boolean;
}

/** A call that this client awaits. */
export class AwaitedCall implements Wait, SubmissionCaller {
  readonly queue: string;
  readonly id: string;
  stored = false;
  readonly #call: Call;
  readonly #broker: Broker;
  readonly #presence: PresenceView;
  readonly #fallback: Fallback | undefined;
  readonly #settle: (settled: Settled, ended: boolean) => void;
  #deadline: NodeJS.Timeout | undefined;
  #fallbackTimer: NodeJS.Timeout | undefined;
  #sent = false;
  #revoking = 0;
  /** What was heard while it was being revoked: the end by that, or, if it came first, an answer. */
  #endedMeanwhile: Uint8Array | undefined;
  #over = false;

  constructor(
    call: Call,
    broker: Broker,
    presence: PresenceView,
    fallback: Fallback | undefined,
    settle: (settled: Settled, ended: boolean) => void,
  ) {
    this.queue = call.declaration.queue;
    this.id = call.id;
    this.#call = call;
    this.#broker = broker;
    this.#presence = presence;
    this.#fallback = fallback;
    this.#settle = settle;
  }

  start(timeoutMs: number): void {
    this.#deadline = setTimeout(() => this.#late(timeoutMs), timeoutMs);
    this.#call.options.signal?.addEventListener("abort", this.#cancel, { once: true });
    if (!this.#presence.proven(this.#call.declaration.name)) void this.#checkServed();
  }

  wanted(): boolean {
    return !this.#over;
  }

  sent(): void {
    this.#sent = true;
  }

  submitted({ outcome, ended }: Submitted): void {
    if (this.#over) return;
    if (outcome === "conflict") return this.#fail(conflict(this.#call), false);
    this.stored = true;
    if (ended !== undefined) return this.ended(ended);
    if (this.#fallback !== undefined) this.#armFallback(this.#fallback);
  }

  failed(error: AnyTaskError): void {
    // Where it may have been stored after all, the looks for its reply go on until its time is up.
    if (error.code === "outcome_unknown") return;
    this.#fail(error, false);
  }

  ended(record: Uint8Array): void {
    if (this.#over) return;
    if (this.#revoking > 0) {
      this.#endedMeanwhile = record;
      return;
    }
    this.#presence.prove(this.#call.declaration.name);
    this.#finish(receive(this.#call.declaration, this.id, record), true);
  }

  gone(): void {
    this.#fail(this.#error("outcome_unknown", "its record is gone without an answer"), true);
  }

  open({ state }: StoredCall): void {
    this.stored = true;
    if (state === "queued" && !this.#presence.proven(this.#call.declaration.name)) void this.#checkServed();
  }

  closed(): void {
    this.#fail(this.#error("canceled", "the client was closed before the answer came"), true);
  }

  /** Ends the call as `unimplemented` if workers listen to its queue, but none for its task. */
  async #checkServed(): Promise<void> {
    const { name, queue } = this.#call.declaration;
    try {
      if ((await this.#presence.look(queue, name)) !== "others") return;
      if (this.#over || !(await this.#revoke())) return;
    } catch {
      return; // It is asked again with the next look for its reply.
    }
    this.#fail(this.#error("unimplemented", `no worker that listens to queue "${queue}" implements it`), false);
  }

  #armFallback(fallback: Fallback): void {
    this.#fallbackTimer = setTimeout(() => void this.#fallBack(fallback), fallback.afterMs);
  }

  /** Takes the call back from its queue to run it here, if no worker has it by now. */
  async #fallBack(fallback: Fallback): Promise<void> {
    if (this.#over) return;
    if (!fallback.ready()) return this.#armFallback(fallback);
    try {
      if (!(await this.#revoke())) return;
    } catch (cause) {
      this.#fail(this.#error("outcome_unknown", "whether it was taken back from its queue is unknown", cause), true);
      return;
    }
    this.#fail(this.#error("unavailable", `no worker picked it up within ${fallback.afterMs} ms`), false);
  }

  /** Takes the call back from its queue; false if a worker has it, or had. */
  async #revoke(): Promise<boolean> {
    this.#revoking += 1;
    let revoked: boolean | undefined;
    try {
      revoked = await this.#broker.revoke(this.queue, this.id, newId());
      return revoked;
    } finally {
      this.#revoking -= 1;
      if (revoked !== true && this.#endedMeanwhile !== undefined) this.ended(this.#endedMeanwhile);
    }
  }

  readonly #cancel = (): void => {
    if (this.#over) return;
    this.#fail(this.#error("canceled", "its caller canceled it"), true);
    // The caller has its answer; that the worker can't be told now changes nothing for it.
    this.#broker.cancel(this.queue, this.id).catch(() => undefined);
  };

  #late(timeoutMs: number): void {
    if (this.stored) this.#fail(this.#error("deadline_exceeded", `no reply within ${timeoutMs} ms`), true);
    else this.#fail(notTaken(this.#call, this.#sent, timeoutMs), this.#sent);
  }

  #fail(error: AnyTaskError, started: boolean): void {
    this.#finish({ ok: false, error: error.with(about(this.#call)), started }, false);
  }

  #finish(settled: Settled, ended: boolean): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#fallbackTimer);
    this.#call.options.signal?.removeEventListener("abort", this.#cancel);
    this.#settle(settled, ended);
  }

  #error(
    code: "outcome_unknown" | "unimplemented" | "unavailable" | "canceled" | "deadline_exceeded",
    reason: string,
    cause?: unknown,
  ): AnyTaskError {
    return new TaskError<string, unknown>(code, reason, { ...about(this.#call), cause });
  }
}
