import type { ToldLimits } from "../../limits.ts";
import { namedTask } from "../../envelope.ts";
import type { Call, Lane } from "./call.ts";
import { DueHeap, type Due } from "./due-heap.ts";

/** One limit of those calls of a task that have the same key for it. */
interface Gate {
  readonly name: string;
  /** Lanes that wait until it opens, in turn. */
  readonly turns: Lane[];
  /** Those that wait with nested calls, before all others. */
  readonly nestedTurns: Lane[];
  /** The calls that run, under `maxConcurrency`. */
  readonly running: Set<Call>;
  /** When the last ones started, the oldest first, under `rateLimit`. `due` is when the next one may. */
  readonly starts: number[];
  /** How long the last of them matters, ms. */
  perMs: number;
  readonly opening: Due & { readonly gate: Gate };
}

/** What lanes need of their queue. */
export interface LanesSettings {
  /** Puts a call to the head of its list, if it stands in none. */
  invite(call: Call): void;
  /** A gate is now the first to open. */
  rearm(): void;
  /** A call waits in a line, or no more. */
  entered(call: Call): void;
  left(call: Call): void;
}

/** So many gates at least are there before those that nobody needs any more are looked for. */
const fewGates = 1_024;

/** How much sooner a call is in its turn than others that came at the same time, ms. */
const headStartMs = { nested: 0, high: 3_600_000, normal: 0, low: -3_600_000 } as const;

/** The limits of a queue: which calls may start, and which wait for what. As scripts/lanes.ts does it for Redis. */
export class Lanes {
  /** By task and keys, while calls wait. */
  readonly #lanes = new Map<string, Lane>();
  readonly #gates = new Map<string, Gate>();
  readonly #openings = new DueHeap<Gate["opening"]>();
  readonly #settings: LanesSettings;
  #blocked = 0;
  #lastPlace = 0;
  /** How many gates there may be before they are looked through. */
  #mostGates = fewGates;

  constructor(settings: LanesSettings) {
    this.#settings = settings;
  }

  /** How many calls wait in lines. */
  get blocked(): number {
    return this.#blocked;
  }

  /** When the next gate of starts opens. */
  get nextOpening(): number | undefined {
    return this.#openings.first?.due;
  }

  /** Lets in those who wait for gates that are open by now. */
  promote(now: number): void {
    for (let first = this.#openings.first; first !== undefined && first.due <= now; first = this.#openings.first) {
      this.#openings.remove(first);
      this.#pass(first.gate);
    }
    if (this.#gates.size > this.#mostGates) this.#forgetGates(now);
  }

  /** Whether a limited call may start. If so, it has; else it waits in its lane's line. */
  mayStart(call: Call, told: ToldLimits | undefined, now: number): boolean {
    const key = keyOf(call);
    if (key === undefined) return true;
    const waiting = this.#lanes.get(key.lane);
    const isNew = waiting !== undefined && call.lane !== waiting;
    if (isNew) this.#lineUp(waiting, call, now);
    // A nested one is not to wait for those that were let go on before it, of its lane or of others: they may need a slot
    // which is not lent.
    // Nor is any other to wait for a suspect, which may wait until somebody tries it.
    const isFirst = waiting !== undefined && (firstOf(waiting) === call || firstForAll(waiting) === call);
    if (!isFirst || call.header.priority !== "nested") {
      // Else it was let go on, and another one of its lane was judged before it.
      if (waiting?.waitsAt !== undefined || (isNew && !isFirst)) return false;
    }
    const lane = waiting ?? newLane(key);
    const slots = this.#gate(key.slots);
    const starts = this.#gate(key.starts);
    const shut = opensAt(starts, told) > now ? key.starts : isFull(slots, told) ? key.slots : undefined;
    if (shut !== undefined) {
      this.#lanes.set(key.lane, lane);
      if (waiting === undefined) this.#lineUp(lane, call, now);
      this.#waitAt(shut, lane);
      this.#handOn(slots, starts, told, now);
      return false;
    }
    if (told?.maxConcurrency !== undefined) slots.running.add(call);
    if (told?.rate !== undefined) {
      starts.starts.push(now);
      starts.starts.splice(0, Math.max(0, starts.starts.length - told.rate.limit));
      starts.perMs = told.rate.perMs;
    }
    if (waiting !== undefined) {
      this.#leave(lane, call);
      // The next of the lane waits behind other lanes.
      if (isEmpty(lane)) this.#lanes.delete(key.lane);
      else if (told === undefined) this.#inviteFirst(lane);
      else this.#waitAt(told.rate === undefined ? key.slots : key.starts, lane);
      this.#handOn(slots, starts, told, now);
    }
    return true;
  }

  /** A call is with no worker any more, or has ended: its slot is free, and it waits in no line. */
  freed(call: Call): void {
    const key = keyOf(call);
    if (key === undefined) return;
    const slots = this.#gate(key.slots);
    const hadSlot = slots.running.delete(call);
    const { lane } = call;
    const reached = reachOf(lane);
    if (lane !== undefined) this.#leave(lane, call);
    const wasInvited = lane !== undefined && lane.waitsAt === undefined;
    const isLast = lane !== undefined && isEmpty(lane);
    if (isLast) this.#lanes.delete(key.lane);
    // One that was invited and comes no more leaves its turn to the next; and, where some who could have taken it can't
    // take that one, to the next lane, too.
    if (wasInvited && !isLast) this.#inviteFirst(lane);
    const gone = wasInvited && reachOf(lane) < reached;
    if (hadSlot || gone) this.#pass(slots);
    if (gone) this.#pass(this.#gate(key.starts));
  }

  /**
   * A call is given back unrun: its slot is free, and it comes first in its lane's line. @returns false if it is to be judged
   * by the next claim: there is none, or it is nested, or suspects alone were let go on.
   */
  givenBack(call: Call): boolean {
    const key = keyOf(call);
    if (key === undefined) return false;
    const slots = this.#gate(key.slots);
    const hadSlot = slots.running.delete(call);
    const lane = this.#lanes.get(key.lane);
    const areUntried = lane !== undefined && lane.waitsAt === undefined && firstForAll(lane) === undefined;
    if (lane !== undefined) this.#enter(lane, call, (lineOf(lane, call).first?.due ?? 0) - 1);
    if (hadSlot) this.#pass(slots);
    return lane !== undefined && call.header.priority !== "nested" && (call.suspect || !areUntried);
  }

  #gate(name: string): Gate {
    let gate = this.#gates.get(name);
    if (gate === undefined) {
      const made = { name, turns: [], nestedTurns: [], running: new Set<Call>(), starts: [], perMs: 0 };
      gate = Object.assign(made, { opening: { due: 0, slot: -1, gate: made as unknown as Gate } });
      this.#gates.set(name, gate);
    }
    return gate;
  }

  #forgetGates(now: number): void {
    for (const [name, gate] of this.#gates) {
      const { running, starts, perMs } = gate;
      if (!isAwaited(gate) && running.size === 0 && (starts.at(-1) ?? 0) + perMs <= now) this.#gates.delete(name);
    }
    this.#mostGates = Math.max(fewGates, 2 * this.#gates.size);
  }

  #lineUp(lane: Lane, call: Call, now: number): void {
    this.#lastPlace = Math.max(this.#lastPlace + 1, Math.floor(now * 1_000));
    this.#enter(lane, call, this.#lastPlace - headStartMs[call.header.priority] * 1_000);
  }

  #enter(lane: Lane, call: Call, place: number): void {
    call.lane = lane;
    call.state = "queued";
    lineOf(lane, call).add(call, place);
    this.#blocked++;
    this.#settings.entered(call);
  }

  #leave(lane: Lane, call: Call): void {
    call.lane = undefined;
    lineOf(lane, call).remove(call);
    this.#blocked--;
    this.#settings.left(call);
  }

  #waitAt(gate: string, lane: Lane): void {
    lane.waitsAt = gate;
    const { turns, nestedTurns } = this.#gate(gate);
    if (lane.nested.first === undefined) turns.push(lane);
    else nestedTurns.unshift(lane);
  }

  /** Of a lane that is not empty. */
  #inviteFirst(lane: Lane): void {
    lane.waitsAt = undefined;
    const first = firstOf(lane)!;
    this.#settings.invite(first);
    // A suspect may have to wait until somebody may try it: the first of the others goes, too.
    if (first.suspect && lane.others.first !== undefined) this.#settings.invite(lane.others.first);
  }

  /**
   * Invites the first lane that waits at a gate. What has nested calls no more waits as all others do: where all slots are
   * lent, nobody could take what it has. And no lane waits for suspects to be tried.
   */
  #pass({ name, turns, nestedTurns }: Gate): void {
    for (let lane = nestedTurns.shift(); lane !== undefined; lane = nestedTurns.shift()) {
      if (lane.waitsAt !== name || isEmpty(lane)) continue;
      if (lane.nested.first !== undefined) return this.#inviteFirst(lane);
      turns.push(lane);
    }
    for (let lane = turns.shift(); lane !== undefined; lane = turns.shift()) {
      if (lane.waitsAt !== name || isEmpty(lane)) continue;
      this.#inviteFirst(lane);
      if (firstForAll(lane) !== undefined) return;
    }
  }

  /** What is still free of a lane's limits goes to those who wait for it. */
  #handOn(slots: Gate, starts: Gate, told: ToldLimits | undefined, now: number): void {
    if (!isFull(slots, told)) this.#pass(slots);
    if (told?.rate === undefined) return this.#pass(starts);
    const due = opensAt(starts, told);
    if (due <= now) return this.#pass(starts);
    if (!isAwaited(starts)) return;
    this.#openings.remove(starts.opening);
    this.#openings.add(starts.opening, due);
    if (this.#openings.first === starts.opening) this.#settings.rearm();
  }
}

function newLane({ slots, starts }: Pick<Lane, "slots" | "starts">): Lane {
  return { slots, starts, nested: new DueHeap(), suspects: new DueHeap(), others: new DueHeap(), waitsAt: undefined };
}

function lineOf(lane: Lane, { suspect, header }: Call): DueHeap<Call> {
  if (suspect) return lane.suspects;
  return header.priority === "nested" ? lane.nested : lane.others;
}

function firstOf({ nested, suspects, others }: Lane): Call | undefined {
  return nested.first ?? suspects.first ?? others.first;
}

/** The first one that waits for nobody who may try a suspect. */
function firstForAll({ nested, others }: Lane): Call | undefined {
  return nested.first ?? others.first;
}

/** Who can take something of a lane that was let go on: 3 all claims, 2 those that take more than nested calls, 1 who may try suspects. */
function reachOf(lane: Lane | undefined): number {
  if (lane === undefined) return 0;
  const { nested, suspects, others } = lane;
  if (nested.first !== undefined) return 3;
  if (others.first !== undefined) return 2;
  return suspects.first === undefined ? 0 : 1;
}

function isEmpty(lane: Lane): boolean {
  return firstOf(lane) === undefined;
}

/** The names of a call's lane and gates; undefined for one without limits, or whose record hides its task. */
function keyOf({ header: { limitKeys }, record }: Call): { lane: string; slots: string; starts: string } | undefined {
  if (limitKeys === undefined) return undefined;
  const task = namedTask(record);
  if (task === undefined) return undefined;
  return {
    lane: `${task} ${limitKeys}`,
    slots: `slots ${task} ${limitKeys.slice(0, 8)}`,
    starts: `starts ${task} ${limitKeys.slice(8)}`,
  };
}

/** Whether lanes wait until a gate opens. */
function isAwaited({ turns, nestedTurns }: Gate): boolean {
  return turns.length + nestedTurns.length > 0;
}

function isFull({ running }: Gate, told: ToldLimits | undefined): boolean {
  return told?.maxConcurrency !== undefined && running.size >= told.maxConcurrency;
}

/** When the window that begins with the last but (limit - 1) start is over. */
function opensAt({ starts }: Gate, told: ToldLimits | undefined): number {
  const first = told?.rate === undefined ? undefined : starts.at(-told.rate.limit);
  return first === undefined ? 0 : first + told!.rate!.perMs;
}
