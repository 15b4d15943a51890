import type { StoredCall } from "../../runtime/broker.ts";
import { decode } from "../../runtime/codec.ts";
import { readReply, readRequest } from "../../runtime/envelope.ts";
import { type Rank, readHeader } from "../../runtime/header.ts";
import { isTerminal, type ModelCall, type Origin, runsAlone } from "./model-call.ts";
import type { Model } from "./model.ts";

/** Tasks that a worker may put a call aside for. */
export const asideTasks = ["q.other", "q.third"] as const;

/** All tasks for which calls may be put aside: those of the calls, too, as they may be paused. */
const tasks = ["q.task", ...asideTasks] as const;
const taskOrders = tasks.flatMap((first) => {
  const [second, third] = tasks.filter((task) => task !== first) as [string, string];
  return [
    [first, second, third],
    [first, third, second],
  ];
});

/** From which lists a claim may take, in order: one of the priorities is its first, and tasks put aside have no order. */
export function possibleOrigins(
  lists: ReadonlyMap<Origin, readonly unknown[]>,
  { limit, suspects, nestedOnly }: { readonly limit: number; readonly suspects: number; readonly nestedOnly: boolean },
): readonly (readonly Origin[])[] {
  const firsts: readonly Rank[] = nestedOnly ? ["nested"] : ["high", "normal", "low"];
  const ranks = nestedOnly ? [] : (["high", "nested", "normal", "low"] as const);
  const before = Array.from({ length: suspects }, (): Origin => "suspects");
  return firsts.flatMap((first) =>
    taskOrders.map((order) => {
      // What was put aside is before what is not, of one priority.
      const origins = [first, ...ranks].flatMap((rank): Origin[] =>
        order.map((task): Origin => `${rank} aside ${task}`).concat(rank),
      );
      const calls = [...new Set(origins)].flatMap((origin) => (lists.get(origin) ?? []).map(() => origin));
      return [...before, ...calls].slice(0, limit);
    }),
  );
}

/**
 * How many suspects a claim may give, of those that wait: the first ones, up to one that is to run alone; more than one number
 * where some have one place, as their order is not known.
 */
export function suspectCounts(waiting: readonly ModelCall[], most: number, beside: boolean): readonly number[] {
  const counts: number[] = [];
  const asks = Math.min(most, waiting.length);
  for (let count = 0; count <= asks; count++) {
    const isLast = count === asks;
    const last = waiting.filter(({ place }) => place === waiting[count - 1]?.place);
    const next = waiting.filter(({ place }) => place === waiting[count]?.place);
    // The first one alone, or those before one that is to run alone.
    const isOneAlone = count === 1 && !beside && last.some(runsAlone);
    if (isLast || isOneAlone || ((count > 0 || beside) && next.some(runsAlone))) counts.push(count);
  }
  return counts;
}

/** What the model says of a call, in the same words. */
export function expected(model: Model, id: string): unknown {
  const call = model.look(id);
  if (call === undefined) return { id, state: "gone" };
  const { state, attempt, deaths, progress, number } = call;
  return { id, state, attempt, deaths, progress, ...(bearsNumber(state) && { number }) };
}

/** What a broker says of a call. */
export function told(id: string, call: StoredCall | undefined): unknown {
  if (call === undefined) return { id, state: "gone" };
  const { state, record } = call;
  const { attempt, deaths } = readHeader(record)!;
  const progress = call.progress === undefined ? undefined : decode(call.progress);
  return { id, state, attempt, deaths, progress, ...(bearsNumber(state) && { number: numberIn(call) }) };
}

/** Whether the record of a call in this state still shows which submission it was. */
function bearsNumber(state: StoredCall["state"]): boolean {
  return !isTerminal(state) || state === "succeeded" || state === "failed";
}

function numberIn({ state, record }: StoredCall): unknown {
  const reply = isTerminal(state) ? readReply(record) : undefined;
  const bearer = reply === undefined ? readRequest(record).params : "value" in reply ? reply.value : reply.error.data;
  return (bearer as { readonly number: unknown }).number;
}
