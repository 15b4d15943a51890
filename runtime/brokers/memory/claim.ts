import type { ClaimedBatch, ServedQueue } from "../../broker.ts";
import { namedTask, tooLarge, writeReply } from "../../envelope.ts";
import type { Header, Rank } from "../../header.ts";
import type { ToldLimits } from "../../limits.ts";
import { awaitedBareTtlMs, parkedTtlMs } from "../retention.ts";
import type { Call, WaitingList, WaitingLists } from "./call.ts";
import type { Queue } from "./queue.ts";

/** What a claim asks of one queue. */
export interface Wish {
  readonly worker: string;
  readonly limit: number;
  readonly leaseMs: number;
  readonly suspect: boolean;
  readonly maxRecordBytes?: number | undefined;
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
  const terms = {
    now,
    limits,
    maxRecordBytes: wish.maxRecordBytes ?? Infinity,
    besideSuspects: wish.besideSuspects === true,
  };
  const fill = (list: WaitingList, limit: number) => fillFrom(queue, taken, list, { ...terms, limit });
  if (wish.suspect) fill(queue.suspects, Math.min(wish.limit, wish.mostSuspects ?? 1));
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
  readonly maxRecordBytes: number;
  readonly besideSuspects: boolean;
}

function fillFrom(queue: Queue, taken: Call[], list: WaitingList, terms: Terms): void {
  const { limit, now, limits, maxRecordBytes, besideSuspects } = terms;
  while (taken.length < limit) {
    const call = queue.take(list, now);
    if (call === undefined) return;
    const limited = call.header.limitKeys !== undefined;
    const task = limited || queue.pausedTasks.size > 0 ? namedTask(call.record) : undefined;
    if (task !== undefined && queue.pausedTasks.has(task)) queue.putAside(call, task);
    // One that waited elsewhere, as its task was paused, joins the others.
    else if (call.suspect && list !== queue.suspects) queue.enqueue(call);
    else if (call.record.length > maxRecordBytes) endTooLarge(queue, call, now, maxRecordBytes);
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

/** Ends a call whose record is larger than may be given: who waits for it is answered, else it is parked with its request. */
function endTooLarge(queue: Queue, call: Call, now: number, most: number): void {
  const { record } = call;
  const error = { code: "resource_exhausted", message: tooLarge(record.length, most) } as const;
  const isAnswered = call.header.awaited && !call.header.keepRequest;
  const header: Header = { ...call.header, state: isAnswered ? "failed" : "parked" };
  const reply = { record: writeReply(header, { error }, isAnswered ? undefined : record), header };
  queue.end(call, header.state, now, { reply, ttlMs: isAnswered ? awaitedBareTtlMs : parkedTtlMs });
}

/** The lists of calls that were put aside for these tasks. */
function asideFor(queue: Queue, tasks: readonly string[]): readonly WaitingLists[] {
  if (queue.aside.size === 0) return [];
  const served = new Set(tasks);
  const theirs = [...queue.aside].filter(([task]) => served.has(task) && !queue.pausedTasks.has(task));
  return theirs.map(([, lists]) => lists);
}
