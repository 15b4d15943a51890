import {
  type ClaimedBatch,
  type ClaimRequest,
  namedTask,
  type Rank,
  type ServedQueue,
  type ToldLimits,
} from "taskpact/broker";
import { isExpired, type ShelvedCall } from "./call.ts";
import { isHeldBack, type ShelfQueue } from "./queue.ts";

/** What a claim asks of one queue. */
export type Wish = Omit<ClaimRequest, "queues" | "waitMs" | "signal" | "afresh">;

const ranks: readonly Rank[] = ["high", "nested", "normal", "low"];

/** Of 16 claims 12 begin with the high priority, 3 with the normal and 1 with the low one: none starves. */
function firstRank(turn: number): Rank {
  const place = turn % 16;
  if (place === 15) return "low";
  return place % 5 === 4 ? "normal" : "high";
}

/** Leases waiting calls; undefined for none. */
export function claim(queue: ShelfQueue, served: ServedQueue, wish: Wish, now: number): ClaimedBatch | undefined {
  queue.promote(now);
  const waiting: ShelvedCall[] = [];
  for (const call of queue.calls.values()) {
    if (call.state !== "queued") continue;
    if (isExpired(call, now)) queue.end(call, "expired", now);
    else waiting.push(call);
  }
  waiting.sort((one, other) => one.place - other.place);

  const gates = new Gates(queue, waiting, served.limits ?? [], now);
  const taken = new Set<ShelvedCall>();
  const take = (calls: readonly ShelvedCall[], most: number): void => {
    for (const call of calls) {
      if (taken.size >= most) return;
      if (taken.has(call)) continue;
      call.held = !gates.enter(call);
      if (!call.held) taken.add(call);
    }
  };
  if (wish.suspect) {
    const suspects = waiting.filter(({ suspect }) => suspect);
    const firstAlone = suspects.findIndex(({ header }) => !header.besideOthers || header.deaths > 1);
    // Before one that runs alone, those that come before it; it comes when they have ended.
    if (firstAlone !== 0) take(firstAlone < 0 ? suspects : suspects.slice(0, firstAlone), mostSuspects(wish));
    else if (wish.besideSuspects !== true) take(suspects.slice(0, 1), 1);
  }
  const others = waiting.filter(({ suspect }) => !suspect);
  const before = taken.size;
  const turn = queue.turns.get(wish.worker) ?? 0;
  // What was put aside for its tasks comes in its turn, before what was not.
  const theirs = others.filter(({ aside }) => aside !== undefined && served.tasks.includes(aside));
  for (const rank of wish.nestedOnly === true ? (["nested"] as const) : [firstRank(turn), ...ranks])
    for (const some of [theirs, others.filter(({ aside }) => aside === undefined)])
      take(
        some.filter(({ header }) => header.priority === rank),
        wish.limit,
      );
  if (taken.size > before && wish.nestedOnly !== true) queue.turns.set(wish.worker, turn + 1);
  if (taken.size === 0) return undefined;

  const fence = ++queue.fence;
  for (const call of taken) {
    call.state = "running";
    call.aside = undefined;
    call.lease = { fence, worker: wish.worker, until: now + wish.leaseMs };
  }
  const calls = [...taken].map(({ id, record, suspect }) => ({ id, record, suspect }));
  return { queue: queue.name, fence, now, calls };
}

function mostSuspects({ limit, mostSuspects = 1 }: Wish): number {
  return Math.min(limit, mostSuspects);
}

/** When a claim that waits is to look again, epoch ms; Infinity if only something that happens can help it. */
export function nextLook(queue: ShelfQueue, { limits = [] }: ServedQueue, now: number): number {
  let next = Infinity;
  for (const { state, due } of queue.calls.values()) if (isHeldBack(state)) next = Math.min(next, due);
  for (const { task, rate } of limits) {
    if (rate === undefined) continue;
    for (const [gate, starts] of queue.starts)
      if (gate.startsWith(`${task} `))
        for (const start of starts) if (start + rate.perMs > now) next = Math.min(next, start + rate.perMs);
  }
  return next;
}

/** The limits of a queue, as one claim's worker tells them. */
class Gates {
  readonly #queue: ShelfQueue;
  readonly #now: number;
  readonly #told: ReadonlyMap<string, ToldLimits>;
  /** How many calls run, by task and key. */
  readonly #running = new Map<string, number>();
  /** How many nested calls wait, by task and keys: they go before all others of the same. */
  readonly #nested = new Map<string, number>();

  constructor(queue: ShelfQueue, waiting: readonly ShelvedCall[], limits: readonly ToldLimits[], now: number) {
    this.#queue = queue;
    this.#now = now;
    this.#told = new Map(limits.map((told) => [told.task, told]));
    for (const call of queue.calls.values()) {
      const keys = call.lease === undefined ? undefined : keysOf(call);
      if (keys !== undefined) add(this.#running, keys.slots, 1);
    }
    for (const call of waiting) {
      const keys = isNested(call) ? keysOf(call) : undefined;
      if (keys !== undefined) add(this.#nested, keys.all, 1);
    }
  }

  /** Whether a call may start. If so, it has. */
  enter(call: ShelvedCall): boolean {
    const keys = keysOf(call);
    if (keys === undefined) return true;
    const { maxConcurrency = Infinity, rate } = this.#told.get(keys.task) ?? {};
    if (!isNested(call) && (this.#nested.get(keys.all) ?? 0) > 0) return false;
    if ((this.#running.get(keys.slots) ?? 0) >= maxConcurrency) return false;
    if (rate !== undefined) {
      const starts = this.#queue.starts.get(keys.starts)?.filter((start) => start + rate.perMs > this.#now) ?? [];
      if (starts.length >= rate.limit) return false;
      this.#queue.starts.set(keys.starts, [...starts, this.#now]);
    }
    add(this.#running, keys.slots, 1);
    if (isNested(call)) add(this.#nested, keys.all, -1);
    return true;
  }
}

/** What tells limited calls apart; undefined for a call without limits, or whose record hides its task. */
function keysOf({ header: { limitKeys }, record }: ShelvedCall) {
  const task = limitKeys === undefined ? undefined : namedTask(record);
  if (limitKeys === undefined || task === undefined) return undefined;
  const [slots, starts] = [limitKeys.slice(0, 8), limitKeys.slice(8)];
  return { task, all: `${task} ${limitKeys}`, slots: `${task} ${slots}`, starts: `${task} ${starts}` };
}

function isNested({ header, suspect }: ShelvedCall): boolean {
  return header.priority === "nested" && !suspect;
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
