/*
 * What `tasks.client.schedules` is for TypeScript. Checked by `npm run check:types`; it is never run.
 */
import { createTasks } from "../generated/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

const tasks = createTasks({ broker: "memory:" });
const { schedules } = tasks.client;

export async function operates(): Promise<void> {
  await schedules.pause("addition");
  await schedules.resume("addition");
  const handle = await schedules.trigger("division");
  prove<Same<Awaited<ReturnType<typeof handle.result>>, number>>();
  // @ts-expect-error: there is no such task
  await schedules.pause("multiplication");
  // @ts-expect-error: nor for the others
  await schedules.trigger("multiplication");
  const [first] = await schedules.list();
  if (first?.schedule.cron !== undefined) prove<Same<typeof first.schedule.everyMs, undefined>>();
  if (first !== undefined) await tasks.client.handle(first.task, first.lastCall ?? "").status();
}
