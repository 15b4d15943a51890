import type { CallState } from "../../runtime/state.ts";
import {
  bareTtl,
  forgottenAt,
  hasStarted,
  hourMs,
  isLate,
  isTerminal,
  type ModelCall,
  type ModelLease,
  type ModelReport,
  type ModelSubmission,
  type Origin,
} from "./model-call.ts";

/** The task of all calls. */
export const pausedTask = "q.task";

/**
 * What a queue does, in the plainest words that could be found: one map of calls, looked through at each step. It
 * says which calls a claim may give, and in which order those of one list come; between lists, it leaves the choice.
 */
export class Model {
  now = 0;
  /** Whether the queue is paused. */
  paused = false;
  /** The last number of a submission or a progress. */
  number = 0;
  /** The last fence. */
  fence = 0;
  readonly calls = new Map<string, ModelCall>();
  /** Every lease ever given, for late reports. */
  readonly leases: { readonly id: string; readonly fence: number; readonly worker: string }[] = [];
  /**
   * Ids of calls that ended while they stood in a list, and whether that was another than those by priority. They may
   * stand there still: an id that is used again may then be claimed from its forerunner's place.
   */
  readonly #ghosts = new Map<string, boolean>();
  /** Workers that died with suspects, until when nobody else is charged for them, and whether they had several. */
  readonly #excused = new Map<string, { readonly until: number; readonly several: boolean }>();
  #first = 0;
  #last = 0;

  /** The call after whatever time has done to it, as a look at it finds it. */
  look(id: string): ModelCall | undefined {
    const call = this.calls.get(id);
    if (call === undefined) return undefined;
    if (isLate(call, this.now)) this.#end(call, "expired", bareTtl(call), call.metAt);
    if (!isTerminal(call.state) || this.now < call.forgotten[1]) return call;
    this.calls.delete(id);
    return undefined;
  }

  /** Whether only the broker knows when it expired, and so whether it is still there. */
  isVague(id: string): boolean {
    const call = this.calls.get(id);
    if (call === undefined) return false;
    if (isLate(call, this.now)) return call.metAt !== undefined;
    return isTerminal(call.state) && this.now >= call.forgotten[0] && this.now < call.forgotten[1];
  }

  submit(one: ModelSubmission): { readonly outcome: "accepted" | "conflict"; readonly ended: boolean } {
    const known = this.look(one.id);
    if (known !== undefined && known.fingerprint !== one.fingerprint) return { outcome: "conflict", ended: false };
    if (known !== undefined) return { outcome: "accepted", ended: isTerminal(known.state) };
    this.calls.set(one.id, {
      ...one,
      deadline: one.deadlineMs > 0 ? this.now + one.deadlineMs : Infinity,
      generation: 0,
      parkedByWord: false,
      state: one.delayMs > 0 ? "delayed" : "queued",
      due: this.now + one.delayMs,
      place: ++this.#last,
      aside: undefined,
      attempt: 0,
      deaths: 0,
      suspect: false,
      begun: false,
      beside: false,
      lost: false,
      progress: undefined,
      revokedBy: undefined,
      lease: undefined,
      metAt: undefined,
      forgotten: [0, 0],
    });
    return { outcome: "accepted", ended: false };
  }

  /** Nested calls of one batch stand at the head of their list, in their order. */
  putFirst(ids: readonly string[]): void {
    for (const id of ids.toReversed()) {
      const call = this.calls.get(id)!;
      if (call.priority === "nested" && call.state === "queued") call.place = --this.#first;
    }
  }

  /** How many calls wait that are not past their deadlines, suspects left out: as a limit of length has it. */
  get waiting(): number {
    const open = [...this.calls.values()].filter(({ state, lease }) => !isTerminal(state) && lease === undefined);
    return open.filter((call) => !isLate(call, this.now) && !this.#isSuspect(call)).length;
  }

  /** A submit to a full queue ends calls past their deadlines to make room. Whether it had to is not known here. */
  meetLate(): void {
    for (const call of this.calls.values()) this.#met(call);
  }

  /** Calls past their deadlines that wait end now. */
  endLate(which: (call: ModelCall) => boolean): void {
    for (const call of this.calls.values())
      if (isLate(call, this.now) && which(call)) this.#end(call, "expired", bareTtl(call), call.metAt);
  }

  /** A claim comes by while the calls' task is paused, and puts aside what it could have. */
  hold(tasks: readonly string[], suspect: boolean, nestedOnly: boolean): void {
    const lists = [...this.claimable(tasks.filter((task) => task !== pausedTask)).values()];
    const waiting = lists.flat().toSorted((one, other) => one.place - other.place);
    // Those of other tasks' lists come first, nobody knows in which order.
    const place = ++this.#last;
    // Calls that became due at the same time keep an equal place: only the broker knows their order.
    const places = new Map<number, number>();
    for (const call of waiting) {
      if (call.suspect ? !suspect : nestedOnly && call.priority !== "nested") continue;
      if (this.#ghosts.has(call.id)) continue;
      if (call.aside === undefined && !places.has(call.place)) places.set(call.place, ++this.#last);
      call.place = call.aside === undefined ? places.get(call.place)! : place;
      call.aside = pausedTask;
      // Some claim sends it back to the other suspects, nobody knows which.
      if (call.suspect) this.#ghosts.set(call.id, true);
    }
    for (const call of waiting) if (call.suspect && this.#ghosts.has(call.id)) call.place = place;
  }

  /** A client has received its reply. What is parked stays, for whoever looks after it, and what was run again. */
  acknowledge(id: string): void {
    const call = this.calls.get(id);
    if (call === undefined || !isTerminal(call.state) || call.state === "parked") return;
    if (call.generation === 0) this.calls.delete(id);
  }

  /** The ids of calls that are parked, as a list of them has them: it looks at no others. */
  parked(): readonly string[] {
    const parked = [...this.calls.values()].filter(
      ({ state, forgotten }) => state === "parked" && this.now < forgotten[1],
    );
    return parked.map(({ id }) => id).toSorted();
  }

  /** A parked call is run again. One whose workers died is a suspect from the start, but for one that runs at most once. */
  replay(id: string): void {
    const call = this.calls.get(id)!;
    this.calls.set(id, {
      ...call,
      // Nobody waits for it any more.
      priority: call.priority === "nested" ? "normal" : call.priority,
      awaited: false,
      deadline: Infinity,
      generation: call.generation + 1,
      parkedByWord: false,
      state: "queued",
      place: ++this.#last,
      attempt: 0,
      deaths: 0,
      suspect: !call.parkedByWord && !call.atMostOnce,
      begun: false,
      beside: false,
      lost: false,
      metAt: undefined,
    });
  }

  /** @returns the state that it was in. */
  discard(id: string): CallState | undefined {
    const state = this.look(id)?.state;
    if (state === "parked") this.calls.delete(id);
    return state;
  }

  /** The calls that a claim may give, by where it finds them; and those that it may find in a place that is not theirs. */
  claimable(tasks: readonly string[]): ReadonlyMap<Origin, readonly ModelCall[]> {
    this.#promote();
    const lists = new Map<Origin, ModelCall[]>();
    for (const call of this.calls.values()) {
      if (call.state !== "queued") continue;
      if (this.#met(call)) continue;
      if (this.#ghosts.has(call.id)) {
        lists.set("haunted", [...(lists.get("haunted") ?? []), call]);
        continue;
      }
      if (call.aside !== undefined && !tasks.includes(call.aside)) continue;
      const origin = call.suspect
        ? "suspects"
        : call.aside === undefined
          ? call.priority
          : (`${call.priority} aside ${call.aside}` as const);
      lists.set(origin, [...(lists.get(origin) ?? []), call]);
    }
    for (const calls of lists.values()) calls.sort((one, other) => one.place - other.place);
    return lists;
  }

  claim(id: string, fence: number, worker: string, leaseMs: number): void {
    const call = this.calls.get(id)!;
    call.state = "running";
    call.aside = undefined;
    call.lease = { fence, worker, due: this.now + leaseMs };
    this.leases.push({ id, fence, worker });
    this.fence = fence;
  }

  /** Whether an open call may stand in a list twice. A claim may then give fewer than it could: what else waits is for the next. */
  get haunted(): boolean {
    return [...this.calls.values()].some(({ id, state }) => this.#ghosts.has(id) && !isTerminal(state));
  }

  /** A claim has found no more in the lists by priority, and in the others, too, if it was `everywhere`. */
  drained(everywhere: boolean): void {
    for (const [id, elsewhere] of this.#ghosts) if (everywhere || !elsewhere) this.#ghosts.delete(id);
  }

  /** The call, if this fence holds it. */
  held(id: string, fence: number): ModelCall | undefined {
    const call = this.calls.get(id);
    return call?.lease?.fence === fence ? call : undefined;
  }

  /** The leases that a worker holds. */
  heldBy(worker: string): readonly ModelLease[] {
    return [...this.calls.values()].flatMap(({ lease }) => (lease?.worker === worker ? [lease] : []));
  }

  /** Takes reports in their order; what is given back stands in this order at the head of its list. */
  report(reports: readonly { readonly id: string; readonly fence: number; readonly what: ModelReport }[]): boolean[] {
    const released: ModelCall[] = [];
    const accepted = reports.map(({ id, fence, what }) => {
      const call = this.held(id, fence);
      if (call !== undefined) this.#report(call, what, released);
      else this.#met(this.calls.get(id));
      return call !== undefined;
    });
    for (const call of released.toReversed()) call.place = --this.#first;
    return accepted;
  }

  cancel(id: string): CallState | undefined {
    const call = this.look(id);
    if (call !== undefined && !isTerminal(call.state)) this.#end(call, "canceled", bareTtl(call));
    return call?.state;
  }

  revoke(id: string, nonce: string): boolean {
    const call = this.look(id);
    if (call === undefined) return false;
    if (call.revokedBy !== undefined) return call.revokedBy === nonce;
    if (isTerminal(call.state) || call.lease !== undefined || hasStarted(call)) return false;
    call.revokedBy = nonce;
    this.#end(call, "canceled", bareTtl(call));
    return true;
  }

  /** @returns how many calls were taken back. */
  reap(maxDeliveries: number, leaseMs: number): number {
    const lapsed = [...this.calls.values()].filter(({ lease }) => lease !== undefined && lease.due <= this.now);
    const place = ++this.#last;
    for (const worker of new Set(lapsed.map(({ lease }) => lease!.worker))) {
      const suspects = [...this.calls.values()].filter((call) => call.suspect && call.lease?.worker === worker).length;
      const before = this.#excused.get(worker);
      const known = before !== undefined && before.until > this.now ? before : undefined;
      const several = suspects > 1 || known?.several === true;
      const excused = suspects > 0 || known !== undefined;
      if (suspects > 0) this.#excused.set(worker, { until: this.now + leaseMs, several });
      for (const call of lapsed.filter(({ lease }) => lease?.worker === worker)) {
        const wasSuspect = call.suspect;
        const toBlame = call.atMostOnce || (wasSuspect ? !several || call.lost : !excused);
        if (toBlame) call.deaths += wasSuspect && call.lost ? 2 : 1;
        const allowed = call.maxDeliveries > 0 && maxDeliveries > 0 ? call.maxDeliveries : maxDeliveries;
        call.lost = wasSuspect && !toBlame;
        call.beside = !wasSuspect && call.deaths + 1 < allowed;
        call.suspect = true;
        call.begun = true;
        call.place = place;
        if (call.awaited && call.deadline <= this.now) this.#end(call, "expired", bareTtl(call));
        else if (toBlame && (call.atMostOnce || call.deaths >= allowed)) this.#end(call, "parked", 7 * 24 * hourMs);
        else this.#leave(call, "queued");
      }
    }
    // Nobody else may ever come by.
    this.endLate(({ id, aside }) => this.paused || (aside !== undefined && !this.#ghosts.has(id)));
    for (const call of this.calls.values()) if (this.#ghosts.has(call.id)) this.#met(call);
    return lapsed.length;
  }

  /** Whether it waits among the suspects: in a time when it counts nowhere. */
  #isSuspect({ suspect, state }: ModelCall): boolean {
    return suspect && state === "queued";
  }

  /** A step comes by that may look at a call, or not. @returns whether it is late. */
  #met(call: ModelCall | undefined): boolean {
    const late = call !== undefined && isLate(call, this.now);
    if (late) call.metAt ??= this.now;
    return late;
  }

  #promote(): void {
    const due = [...this.calls.values()].filter(
      (call) => (call.state === "delayed" || call.state === "retrying") && call.due <= this.now,
    );
    let last: number | undefined;
    for (const call of due.sort((one, other) => one.due - other.due)) {
      call.state = "queued";
      if (call.due !== last) [this.#first, this.#last] = [this.#first - 1, this.#last + 1];
      call.place = call.priority === "nested" && !call.suspect ? this.#first : this.#last;
      last = call.due;
    }
  }

  #report(call: ModelCall, what: ModelReport, released: ModelCall[]): void {
    switch (what.kind) {
      case "finish":
        call.attempt++;
        return this.#end(call, what.failed ? "failed" : "succeeded", what.ttlMs);
      case "park":
        call.parkedByWord = true;
        return this.#end(call, "parked", what.ttlMs);
      case "retry":
        call.attempt++;
        this.#clear(call);
        call.due = this.now + what.delayMs;
        return this.#leave(call, "retrying");
      case "release":
        call.begun ||= what.begun;
        released.push(call);
        return this.#leave(call, "queued");
      case "aside":
        this.#clear(call);
        call.aside = what.task;
        call.place = ++this.#last;
        return this.#leave(call, "queued");
      case "progress":
        call.progress = what.value;
    }
  }

  #clear(call: ModelCall): void {
    call.begun ||= call.suspect;
    call.suspect = false;
    call.beside = false;
    call.lost = false;
  }

  #leave(call: ModelCall, state: CallState): void {
    call.lease = undefined;
    call.state = state;
  }

  #end(call: ModelCall, state: CallState, ttlMs: number, earliest = this.now): void {
    const elsewhere = call.suspect || call.aside !== undefined || this.#ghosts.get(call.id) === true;
    if (call.state === "queued") this.#ghosts.set(call.id, elsewhere);
    call.aside = undefined;
    this.#leave(call, state);
    call.progress = undefined;
    call.forgotten = [forgottenAt(call, earliest, ttlMs), forgottenAt(call, this.now, ttlMs)];
  }
}
