import type { Schedule } from "../runtime/schedule.ts";
import { momentText, print } from "./output.ts";
import { type CommonOptions, withSession } from "./session.ts";
import { tableText } from "./table.ts";

/** Lists the tasks that are called by themselves. */
export async function list(options: CommonOptions): Promise<void> {
  await withSession(options, async ({ client }) => {
    const tasks = (await client.schedules.list()).map((entry) => ({
      task: entry.task,
      schedule: entry.schedule,
      paused: entry.paused,
      nextSlot: momentText(entry.nextSlot),
      lastSlot: momentText(entry.lastSlot),
      lastCall: entry.lastCall,
    }));
    print(options, tasks, () =>
      tasks.length === 0
        ? "no task has a schedule"
        : tableText(
            ["task", "schedule", "state", "next", "last"],
            tasks.map(({ task, schedule, paused, nextSlot, lastSlot }) => ({
              task,
              schedule: scheduleText(schedule),
              state: paused ? "paused" : "on",
              next: nextSlot,
              last: lastSlot,
            })),
          ),
    );
  });
}

/** Lets a schedule's slots pass without a call. */
export async function pause(options: CommonOptions, task: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    await client.schedules.pause(name);
    print(options, { task: name, paused: true }, () => "paused");
  });
}

/** Goes on with a schedule. */
export async function resume(options: CommonOptions, task: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    await client.schedules.resume(name);
    print(options, { task: name, paused: false }, () => "goes on");
  });
}

/** Calls a scheduled task now, as its schedule would. */
export async function run(options: CommonOptions, task: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    const { id } = await client.schedules.trigger(name);
    print(options, { id, task: name }, () => id);
  });
}

function scheduleText({ cron, everyMs, timezone }: Schedule): string {
  return cron === undefined ? `every ${everyMs} ms` : `${cron} ${timezone ?? "UTC"}`;
}
