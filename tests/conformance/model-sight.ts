import type { StoredCall } from "../../runtime/broker.ts";
import { decode } from "../../runtime/codec.ts";
import { readReply, readRequest } from "../../runtime/envelope.ts";
import { readHeader } from "../../runtime/header.ts";
import { isTerminal, type Origin } from "./model-call.ts";
import type { Model } from "./model.ts";

/** Tasks that a worker may put a call aside for. */
export const asideTasks = ["q.other", "q.third"] as const;

/** From which lists a claim may take, in order: one of the priorities is its first, and tasks put aside have no order. */
export function possibleOrigins(
  lists: ReadonlyMap<Origin, readonly unknown[]>,
  limit: number,
  suspect: boolean,
): readonly (readonly Origin[])[] {
  const [other, third] = asideTasks.map((task): Origin => `aside ${task}`) as [Origin, Origin];
  const orders: Origin[][] = [];
  for (const first of ["high", "normal", "low"] as const) {
    orders.push([other, third, first, "high", "normal", "low"], [third, other, first, "high", "normal", "low"]);
  }
  const suspects: Origin[] = suspect && lists.has("suspects") ? ["suspects"] : [];
  return orders.map((order) =>
    [...suspects, ...[...new Set(order)].flatMap((origin) => (lists.get(origin) ?? []).map(() => origin))].slice(
      0,
      limit,
    ),
  );
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
