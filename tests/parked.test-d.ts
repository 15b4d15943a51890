/*
 * What `tasks.client.parked` is for TypeScript. Checked by `npm run check:types`; it is never run.
 */
import type { TaskErrorCode } from "taskpact";
import { createTasks } from "../generated/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

const { parked } = createTasks({ broker: "memory:" }).client;

export async function replays(): Promise<void> {
  const division = await parked.replay("division", "id", { local: true });
  prove<Same<Awaited<ReturnType<typeof division.result>>, number>>();
  const answer = await division.safeResult();
  if (!answer.ok && answer.error.name === "divisionByZero")
    prove<Same<typeof answer.error.data, { dividend: number }>>();
  const place = await parked.replay("place", "id");
  for await (const { step } of place.progress()) prove<Same<typeof step, "reserving" | "charging" | "confirming">>();
  // @ts-expect-error: there is no such task
  await parked.replay("multiplication", "id");
  // @ts-expect-error: nor for the others
  await parked.show("multiplication", "id");
  // @ts-expect-error: an id doesn't tell its queue
  await parked.discard("id");
  // @ts-expect-error: there is no such option
  await parked.replay("division", "id", { here: true });
}

export async function lists(): Promise<void> {
  const { calls, next } = await parked.list({ queue: "math", limit: 10, after: undefined });
  prove<Same<typeof next, string | undefined>>();
  for (const { task, reason } of calls) {
    prove<Same<typeof task, string | undefined>>();
    prove<Same<typeof reason.code, TaskErrorCode>>();
  }
  await parked.list({ task: "division" });
  await parked.list({ queue: "math", task: "division" });
  // @ts-expect-error: a list is one of a queue
  await parked.list({ limit: 10 });
  // @ts-expect-error: there is no such task
  await parked.list({ task: "multiplication" });
}
