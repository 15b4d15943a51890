import type { ClaimedBatch, ServedQueue } from "../../broker.ts";
import { namedTask } from "../../envelope.ts";
import type { Rank } from "../../header.ts";
import type { ToldLimits } from "../../limits.ts";
import type { Call, WaitingList, WaitingLists } from "./call.ts";
import type { Queue } from "./queue.ts";

/** What a claim asks of one queue. */
export interface Wish {
  readonly worker: string;
  readonly limit: number;
  readonly leaseMs: number;
  readonly suspect: boolean;
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
  const fill = (list: WaitingList, limit: number) => fillFrom(queue, taken, list, { limit, now, limits });
  if (wish.suspect) fill(queue.suspects, 1);
  const before = taken.length;
  const turn = queue.turns.get(wish.worker) ?? 0;
  const order = wish.nestedOnly === true ? nestedAlone : [startOf(turn), ...ranks];
  const aside = asideFor(queue, served.tasks);
  for (const rank of order) {
    // What comes back from aside comes in its turn, as it would have without that.
    for (const lists of aside) fill(lists[rank], wish.limit);
    fill(queue.waiting[rank], wish.limit);
  }
  if (wish.nestedOnly !== true && taken.length > before) queue.turns.set(wish.worker, turn + 1);
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
}

function fillFrom(queue: Queue, taken: Call[], list: WaitingList, { limit, now, limits }: Terms): void {
  while (taken.length < limit) {
    const call = queue.take(list, now);
    if (call === undefined) return;
    const limited = call.header.limitKeys !== undefined;
    const task = limited || queue.pausedTasks.size > 0 ? namedTask(call.record) : undefined;
    if (task !== undefined && queue.pausedTasks.has(task)) queue.putAside(call, task);
    // One that waited elsewhere, as its task was paused, joins the others.
    else if (call.suspect && list !== queue.suspects) queue.enqueue(call);
    else if (!limited || queue.lanes.mayStart(call, limits.get(task ?? ""), now)) taken.push(call);
  }
}

/** The lists of calls that were put aside for these tasks. */
function asideFor(queue: Queue, tasks: readonly string[]): readonly WaitingLists[] {
  if (queue.aside.size === 0) return [];
  const served = new Set(tasks);
  const theirs = [...queue.aside].filter(([task]) => served.has(task) && !queue.pausedTasks.has(task));
  return theirs.map(([, lists]) => lists);
}
