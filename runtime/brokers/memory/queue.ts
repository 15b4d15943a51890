import type { HeardEvent, Notice, Presence } from "../../broker.ts";
import { bareRecord, namedTask } from "../../envelope.ts";
import type { Header } from "../../header.ts";
import { clientChannel, eventsChannel } from "../../keys.ts";
import { type CallState, isTerminal } from "../../state.ts";
import type { TimetableEntry } from "../../timetable.ts";
import { awaitedBareTtlMs, bareTtlMs, largestToldBytes } from "../retention.ts";
import { type Bound, type Call, isExpired, type Lease, type WaitingList, type WaitingLists } from "./call.ts";
import { Deque } from "./deque.ts";
import { DueHeap } from "./due-heap.ts";
import { Lanes } from "./lanes.ts";
import { QueueLocks } from "./queue-locks.ts";

/** What a queue needs of the store around it. */
export interface Surroundings {
  /** Whether anybody hears a channel. */
  hears(channel: string): boolean;
  /** Tells whoever hears a channel. */
  tell(channel: string, notice: Notice): void;
  now(): number;
  /** There may be something to claim. */
  ring(): void;
  /** A delayed call is now the first to be due. */
  rearm(): void;
}

/** A worker as it last made itself known. */
export interface Listener extends Presence {
  readonly until: number;
}

/** What is told of an event, besides its call. */
interface Happening {
  /** Attempts begun. @default those that have ended */
  readonly begun?: number;
  readonly worker?: string | undefined;
  readonly bytes?: Uint8Array | undefined;
}

/** With what a call ends. */
export interface Ending {
  /** What its worker says. @default a record that is its header alone */
  readonly reply?: { readonly record: Uint8Array; readonly header: Header } | undefined;
  /** How long it can be read, ms. */
  readonly ttlMs?: number;
}

/** Ghosts that a list may hold before it is looked through. */
const fewGhosts = 64;

/** One queue's calls, and the moves that the steps (submit, claim, report, cancel, renew) are made of. */
export class Queue {
  readonly name: string;
  readonly surroundings: Surroundings;
  readonly calls = new Map<string, Call>();
  readonly waiting: WaitingLists = newLists();
  /** Calls that a worker held when it died: claimed one at a time. */
  readonly suspects = newList();
  /** Calls that a worker took but does not implement, or whose task is paused, by task. */
  readonly aside = new Map<string, WaitingLists>();
  /** When those end that stand in no list by priority, where no claim may ever come by. */
  readonly bounds = new DueHeap<Bound>();
  /** Calls in state delayed or retrying. */
  readonly delayed = new DueHeap<Call>();
  /** Calls that ended, by when they are forgotten. */
  readonly ended = new DueHeap<Call>();
  /** Calls that nobody can run or whose workers died, in the order in which they were parked. */
  readonly parked = new Set<Call>();
  readonly leases = new Map<number, Lease>();
  readonly lapses = new DueHeap<Lease>();
  readonly listeners = new Map<string, Listener>();
  /** How many suspects each worker runs. */
  readonly suspected = new Map<string, number>();
  /**
   * Workers that died with a suspect, and until when the other calls that they held are not blamed; and whether they had several,
   * of which none is known to be to blame.
   */
  readonly excused = new Map<string, { readonly until: number; readonly several: boolean }>();
  /** How schedules stand, by their tasks. */
  readonly schedules = new Map<string, TimetableEntry>();
  readonly locks = new QueueLocks((owner) => this.calls.get(owner.id)?.lease?.fence === owner.fence);
  /** Tasks that are paused, by name. */
  readonly pausedTasks = new Set<string>();
  paused = false;
  /** What waits for limits. */
  readonly lanes: Lanes;
  /** The last fence that was given. */
  fence = 0;
  /** Counts the claims of each worker, for their weights. */
  readonly turns = new Map<string, number>();
  /** Where {@link lookOver} goes on. */
  #over: Iterator<Call> | undefined;

  constructor(name: string, surroundings: Surroundings) {
    this.name = name;
    this.surroundings = surroundings;
    this.lanes = new Lanes({
      invite: (call) => {
        if (call.list === undefined) this.enqueue(call, "head");
      },
      rearm: () => surroundings.rearm(),
      entered: (call) => this.#bind(call),
      left: (call) => this.#unbind(call),
    });
  }

  /** How many calls wait for their turn. */
  get waitingLength(): number {
    return lengthOf(this.waiting);
  }

  /** How many calls wait for their time or their turn. */
  get length(): number {
    let length = this.waitingLength + this.delayed.size + this.lanes.blocked;
    for (const lists of this.aside.values()) length += lengthOf(lists);
    return length;
  }

  /** When something that waits for its time is to be looked at next. */
  get nextDue(): number | undefined {
    const due = Math.min(this.delayed.first?.due ?? Infinity, this.lanes.nextOpening ?? Infinity);
    return this.paused || due === Infinity ? undefined : due;
  }

  /** The call of an id as it stands now: gone after its time, expired after its deadline. */
  find(id: string, now: number): Call | undefined {
    const call = this.calls.get(id);
    if (call === undefined) return undefined;
    if (isTerminal(call.state) && call.due <= now) {
      this.forget(call);
      return undefined;
    }
    if (isExpired(call, now)) this.end(call, "expired", now);
    return call;
  }

  /** Lets an open call wait in its list: at the end, or, when it is nested or given back, at the head. */
  enqueue(
    call: Call,
    place: "end" | "head" = call.header.priority === "nested" && !call.suspect ? "head" : "end",
  ): void {
    this.enlist(call, call.suspect ? this.suspects : this.waiting[call.header.priority], place);
  }

  /** Puts a call aside, for a worker that implements its task. */
  putAside(call: Call, task: string): void {
    let lists = this.aside.get(task);
    if (lists === undefined) this.aside.set(task, (lists = newLists(task)));
    this.enlist(call, lists[call.header.priority]);
    this.#bind(call);
  }

  enlist(call: Call, list: WaitingList, place: "end" | "head" = "end"): void {
    call.state = "queued";
    call.list = list;
    if (place === "end") list.calls.pushBack(call);
    else list.calls.pushFront(call);
    this.surroundings.ring();
  }

  /** Holds a call back. */
  delay(call: Call, state: "delayed" | "retrying", due: number): void {
    call.state = state;
    this.delayed.add(call, due);
    if (this.delayed.first === call) this.surroundings.rearm();
  }

  /** Queues delayed calls that are due, a bounded number of them. */
  promote(now: number, most: number): void {
    this.lanes.promote(now);
    for (let count = 0; count < most; count++) {
      const call = this.delayed.first;
      if (call === undefined || call.due > now) return;
      this.delayed.remove(call);
      this.enqueue(call);
    }
  }

  /** The first call of a list that is still to be run; ghosts are dropped on the way, and expired ones ended. */
  take(list: WaitingList, now: number): Call | undefined {
    for (;;) {
      const call = list.calls.popFront();
      if (call === undefined) return undefined;
      call.list = undefined;
      this.#unbind(call);
      const isGhost = isTerminal(call.state);
      if (isGhost) list.ghosts--;
      this.#forgetAside(list);
      if (isGhost) continue;
      if (!isExpired(call, now)) return call;
      this.end(call, "expired", now);
    }
  }

  /** A fence that is larger than any before even if this queue's past is lost: no clock goes back by a microsecond a claim. */
  newFence(now: number): number {
    return (this.fence = Math.max(this.fence + 1, Math.floor(now * 1_000)));
  }

  lease(calls: readonly Call[], worker: string, now: number, leaseMs: number): Lease {
    const lease: Lease = { fence: this.newFence(now), worker, calls: new Set(calls), due: 0, slot: -1 };
    for (const call of calls) {
      call.lease = lease;
      call.state = "running";
      if (call.suspect) this.suspected.set(worker, (this.suspected.get(worker) ?? 0) + 1);
    }
    this.leases.set(lease.fence, lease);
    this.lapses.add(lease, now + leaseMs);
    return lease;
  }

  /** Takes a call from its worker. */
  unlease(call: Call): void {
    const lease = call.lease;
    if (lease === undefined) return;
    call.lease = undefined;
    lease.calls.delete(call);
    if (call.suspect) {
      const left = this.suspected.get(lease.worker)! - 1;
      if (left > 0) this.suspected.set(lease.worker, left);
      else this.suspected.delete(lease.worker);
    }
    if (lease.calls.size > 0) return;
    this.leases.delete(lease.fence);
    this.lapses.remove(lease);
  }

  /** Ends a call, and tells whoever waits for it. */
  end(call: Call, state: CallState, now: number, { reply, ttlMs }: Ending = {}): void {
    this.unlease(call);
    this.lanes.freed(call);
    this.delayed.remove(call);
    const { fingerprint, deadline, awaited } = call.header;
    const bytes = state === "failed" || state === "parked" ? reply?.record : undefined;
    this.happened(state, call, { begun: reply?.header.attempt ?? call.header.attempt, bytes });
    call.header = { ...call.header, ...reply?.header, state, fingerprint, deadline };
    call.record = reply?.record ?? bareRecord(call.header);
    call.state = state;
    call.progress = undefined;
    if (state === "parked") this.#park(call, now);
    else call.failures = [];
    // Not before its deadline, until when its submit may be sent again: it would run once more.
    this.ended.add(call, Math.max(now + (ttlMs ?? (awaited ? awaitedBareTtlMs : bareTtlMs)), deadline));
    this.#unbind(call);
    const { list } = call;
    if (list !== undefined) {
      this.#addGhost(list);
      this.#forgetAside(list);
    }
    const record = call.record.length > largestToldBytes ? undefined : call.record;
    this.tellWaiting(call, { kind: "ended", id: call.id, record });
    call.waiters = undefined;
  }

  forget(call: Call): void {
    this.ended.remove(call);
    this.parked.delete(call);
    if (this.calls.get(call.id) === call) this.calls.delete(call.id);
  }

  /** Ends calls past their deadlines that are put aside or stand in a line. */
  endLate(now: number): void {
    for (let first = this.bounds.first; first !== undefined && first.due <= now; first = this.bounds.first) {
      this.#unbind(first.call);
      if (isExpired(first.call, now)) this.end(first.call, "expired", now);
    }
  }

  /** Ends those that are past their deadlines of a bounded number of calls, and goes on with others the next time. */
  lookOver(now: number, most: number): void {
    for (let count = 0; count < most; count++) {
      this.#over ??= this.calls.values();
      const { value: call, done } = this.#over.next();
      if (done === true) {
        this.#over = undefined;
        return;
      }
      if (isExpired(call, now)) this.end(call, "expired", now);
    }
  }

  /** Forgets calls whose time is over, a bounded number of them. @returns whether there are more. */
  sweep(now: number, most: number): boolean {
    for (let count = 0; count < most; count++) {
      const call = this.ended.first;
      if (call === undefined || call.due > now) return false;
      this.forget(call);
    }
    return (this.ended.first?.due ?? Infinity) <= now;
  }

  /** Tells those who listen to the queue what has happened to a call. */
  happened(kind: string, call: Call, { begun = call.header.attempt, worker = "", bytes }: Happening = {}): void {
    const { id } = call;
    if (!this.surroundings.hears(eventsChannel(this.name))) return;
    const told = bytes !== undefined && bytes.length <= largestToldBytes ? bytes : undefined;
    this.#tellEvent({ name: kind, id, task: namedTask(call.record) ?? "", attempt: begun, worker, bytes: told });
  }

  /** The same of a worker. */
  workerHappened(kind: string, worker: string): void {
    this.#tellEvent({ name: kind, id: worker, task: "", attempt: 0, worker, bytes: undefined });
  }

  #tellEvent(event: Omit<HeardEvent, "kind" | "at">): void {
    this.surroundings.tell(eventsChannel(this.name), { kind: "event", at: this.surroundings.now(), ...event });
  }

  tellWaiting(call: Call, notice: Notice): void {
    if (call.to !== undefined) this.surroundings.tell(clientChannel(call.to), notice);
    for (const waiter of call.waiters ?? []) this.surroundings.tell(clientChannel(waiter), notice);
  }

  #bind(call: Call): void {
    const { deadline } = call.header;
    if (deadline === 0 || call.bound !== undefined) return;
    call.bound = { call, due: 0, slot: -1 };
    this.bounds.add(call.bound, deadline);
  }

  #unbind(call: Call): void {
    if (call.bound === undefined) return;
    this.bounds.remove(call.bound);
    call.bound = undefined;
  }

  /** Forgets for which task calls are put aside if none is, now that one of this list has gone. */
  #forgetAside({ aside: task }: WaitingList): void {
    const lists = task === undefined ? undefined : this.aside.get(task);
    if (lists !== undefined && lengthOf(lists) === 0) this.aside.delete(task!);
  }

  #park(call: Call, now: number): void {
    call.parkedAt = now;
    this.parked.add(call);
  }

  #addGhost(list: WaitingList): void {
    list.ghosts++;
    if (list.ghosts <= fewGhosts || list.ghosts * 2 <= list.calls.size) return;
    list.calls.retain((call) => {
      if (!isTerminal(call.state)) return true;
      call.list = undefined;
      return false;
    });
    list.ghosts = 0;
  }
}

/** Empty lists, of calls that are put aside for a task if there is one. */
function newLists(aside?: string): WaitingLists {
  return { high: newList(aside), nested: newList(aside), normal: newList(aside), low: newList(aside) };
}

function newList(aside?: string): WaitingList {
  return { calls: new Deque(), ghosts: 0, aside };
}

/** How many calls wait in a list: its ghosts do not. */
export function waitingIn({ calls, ghosts }: WaitingList): number {
  return calls.size - ghosts;
}

/** The same of some lists. */
export function lengthOf({ high, nested, normal, low }: WaitingLists): number {
  return waitingIn(high) + waitingIn(nested) + waitingIn(normal) + waitingIn(low);
}
