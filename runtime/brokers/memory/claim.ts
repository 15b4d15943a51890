import type { ClaimedBatch, ServedQueue } from "../../broker.ts";
import { namedTask } from "../../envelope.ts";
import type { Rank } from "../../header.ts";
import type { ToldLimits } from "../../limits.ts";
import type { Call, WaitingList } from "./call.ts";
import type { Queue } from "./queue.ts";

/** What a claim asks of one queue. */
export interface Wish {
  readonly worker: string;
  readonly limit: number;
  readonly leaseMs: number;
  readonly suspect: boolean;
  readonly mostSuspects?: number | undefined;
  readonly besideSuspects?: boolean | undefined;
  readonly nestedOnly?: boolean | undefined;
}

/** Delayed calls that one claim queues: the next one goes on. */
const promotedAtOnce = 1_000;

const ranks: readonly Rank[] = ["high", "nested", "normal", "low"];
const nestedAlone: readonly Rank[] = ["nested"];

/** Of 16 claims, 12 begin with the high priority, 3 with the normal and 1 with the low one, so that none starves. */
function startOf(turn: number): Rank {
  const place = turn % 16;
  if (place === 15) return "low";
  return place % 5 === 4 ? "normal" : "high";
}

/** Leases up to `limit` calls of a queue; undefined for none. */
export function claim(queue: Queue, served: ServedQueue, wish: Wish, now: number): ClaimedBatch | undefined {
  if (queue.paused) return undefined;
  queue.promote(now, promotedAtOnce);
  const limits = new Map(served.limits?.map((told) => [told.task, told]));
  const taken: Call[] = [];
  const terms = { now, limits, besideSuspects: wish.besideSuspects === true };
  const fill = (list: WaitingList, limit: number) => fillFrom(queue, taken, list, { ...terms, limit });
  if (wish.suspect) fill(queue.suspects, Math.min(wish.limit, wish.mostSuspects ?? 1));
  for (const [task, list] of asideFor(queue, served.tasks)) {
    fill(list, wish.limit);
    if (list.calls.size === 0) queue.aside.delete(task);
  }
  const before = taken.length;
  if (wish.nestedOnly !== true) fill(queue.waiting[startOf(queue.turn)], wish.limit);
  for (const rank of wish.nestedOnly === true ? nestedAlone : ranks) fill(queue.waiting[rank], wish.limit);
  if (taken.length > before) queue.turn++;
  if (taken.length === 0) return undefined;
  const { fence } = queue.lease(taken, wish.worker, now, wish.leaseMs);
  for (const call of taken) queue.happened("started", call, { begun: call.header.attempt + 1, worker: wish.worker });
  const calls = taken.map(({ id, record, suspect }) => ({ id, record, suspect }));
  return { queue: queue.name, fence, now, calls };
}

/** What decides of a call whether it is taken. */
interface Terms {
  readonly limit: number;
  readonly now: number;
  readonly limits: ReadonlyMap<string, ToldLimits>;
  readonly besideSuspects: boolean;
}

function fillFrom(queue: Queue, taken: Call[], list: WaitingList, terms: Terms): void {
  const { limit, now, limits, besideSuspects } = terms;
  while (taken.length < limit) {
    const call = queue.take(list, now);
    if (call === undefined) return;
    const limited = call.header.limitKeys !== undefined;
    const task = limited || queue.pausedTasks.size > 0 ? namedTask(call.record) : undefined;
    if (task !== undefined && queue.pausedTasks.has(task)) queue.putAside(call, task);
    // One that waited elsewhere, as its task was paused, joins the others.
    else if (call.suspect && list !== queue.suspects) queue.enqueue(call);
    else if (runsAlone(call) && (taken.length > 0 || besideSuspects)) return putBack(call, list);
    else if (!limited || queue.lanes.mayStart(call, limits.get(task ?? ""), now)) {
      taken.push(call);
      if (runsAlone(call)) return;
    }
  }
}

/** Whether it is a suspect that no worker may run beside others. */
function runsAlone({ suspect, header: { besideOthers, deaths } }: Call): boolean {
  return suspect && (!besideOthers || deaths > 1);
}

/** Lets a call wait at the head of its list as if it had not been taken. */
function putBack(call: Call, list: WaitingList): void {
  list.calls.pushFront(call);
  call.list = list;
}

/** The lists of calls that were put aside for these tasks. */
function asideFor(queue: Queue, tasks: readonly string[]): readonly (readonly [string, WaitingList])[] {
  if (queue.aside.size === 0) return [];
  const served = new Set(tasks);
  return [...queue.aside].filter(([task]) => served.has(task) && !queue.pausedTasks.has(task));
}
