import type { CallState } from "../../runtime/state.ts";

/** A call as the model knows it. */
export interface ModelCall {
  readonly id: string;
  readonly awaited: boolean;
  /** Epoch of the model; Infinity for none. */
  readonly deadline: number;
  state: CallState;
  due: number;
  attempt: number;
  deaths: number;
  suspect: boolean;
  revokedBy: string | undefined;
  lease: { readonly fence: number; readonly worker: string; due: number } | undefined;
}

/**
 * What a queue does, in the plainest words that could be found: one map of calls, looked through at each step. It
 * does not say in which order calls are claimed, only which ones may be.
 */
export class Model {
  now = 0;
  readonly calls = new Map<string, ModelCall>();
  /** Workers that died with a suspect, and until when nobody else is charged for them. */
  readonly #excused = new Map<string, number>();

  submit(id: string, delayMs: number, deadlineMs: number, awaited: boolean): void {
    if (this.calls.has(id)) return;
    this.calls.set(id, {
      id,
      awaited,
      deadline: deadlineMs > 0 ? this.now + deadlineMs : Infinity,
      state: delayMs > 0 ? "delayed" : "queued",
      due: this.now + delayMs,
      attempt: 0,
      deaths: 0,
      suspect: false,
      revokedBy: undefined,
      lease: undefined,
    });
  }

  /** The call after whatever time has done to it, as a read finds it. */
  look(id: string): ModelCall | undefined {
    const call = this.calls.get(id);
    if (call === undefined || this.#terminal(call) || call.lease !== undefined || this.now < call.deadline) return call;
    if (call.awaited || !this.#started(call)) call.state = "expired";
    return call;
  }

  /** Which calls a claim may give, without and with a suspect. */
  claimable(): { readonly plain: readonly ModelCall[]; readonly suspects: readonly ModelCall[] } {
    const found = [...this.calls.keys()].map((id) => this.look(id)!);
    for (const call of found)
      if ((call.state === "delayed" || call.state === "retrying") && call.due <= this.now) call.state = "queued";
    const queued = found.filter(({ state }) => state === "queued");
    return { plain: queued.filter(({ suspect }) => !suspect), suspects: queued.filter(({ suspect }) => suspect) };
  }

  claim(id: string, fence: number, worker: string, leaseMs: number): void {
    const call = this.calls.get(id)!;
    call.state = "running";
    call.lease = { fence, worker, due: this.now + leaseMs };
  }

  /** The call, if this fence holds it. */
  held(id: string, fence: number): ModelCall | undefined {
    const call = this.calls.get(id);
    return call?.lease?.fence === fence ? call : undefined;
  }

  leave(call: ModelCall, state: CallState): void {
    call.lease = undefined;
    call.state = state;
  }

  cancel(id: string): CallState | undefined {
    const call = this.look(id);
    if (call !== undefined && !this.#terminal(call)) this.leave(call, "canceled");
    return call?.state;
  }

  revoke(id: string, nonce: string): boolean {
    const call = this.look(id);
    if (call === undefined) return false;
    if (call.revokedBy !== undefined) return call.revokedBy === nonce;
    if (this.#terminal(call) || call.lease !== undefined || this.#started(call)) return false;
    call.revokedBy = nonce;
    call.state = "canceled";
    return true;
  }

  /** @returns the ids that were taken back. */
  reap(maxDeliveries: number, leaseMs: number): readonly string[] {
    const lapsed = [...this.calls.values()].filter(({ lease }) => lease !== undefined && lease.due <= this.now);
    const workers = new Set(lapsed.map(({ lease }) => lease!.worker));
    const taken = lapsed.map(({ id }) => id);
    for (const worker of workers) {
      const suspected = [...this.calls.values()].some((call) => call.suspect && call.lease?.worker === worker);
      const excused = suspected || (this.#excused.get(worker) ?? 0) > this.now;
      if (suspected) this.#excused.set(worker, this.now + leaseMs);
      for (const call of lapsed.filter(({ lease }) => lease?.worker === worker)) {
        const charged = call.suspect || !excused;
        if (charged) call.deaths++;
        call.suspect = true;
        if (call.awaited && call.deadline <= this.now) this.leave(call, "expired");
        else if (charged && call.deaths >= maxDeliveries) this.leave(call, "parked");
        else this.leave(call, "queued");
      }
    }
    return taken;
  }

  #terminal({ state }: ModelCall): boolean {
    return ["succeeded", "failed", "canceled", "expired", "parked"].includes(state);
  }

  #started({ attempt, deaths, suspect }: ModelCall): boolean {
    return attempt > 0 || deaths > 0 || suspect;
  }
}
