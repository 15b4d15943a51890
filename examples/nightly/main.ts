/** What runs at night, without waiting for it: `npm run example:nightly`, maybe with `-- --redis auto`. */
import { openStage } from "../stage.ts";
import { createTasks } from "./generated/index.ts";
import { nightly } from "./handlers.ts";
import { playNights } from "./nights.ts";

const stage = await openStage(import.meta.url, [nightly]);
const tasks = createTasks({ broker: stage.broker });
const { schedules } = tasks.client;

console.log(`Now, on ${stage.description}`);
// As an operator would: once, by hand, and answered as any call.
const handle = await schedules.trigger("closeDay");
const { day, orders } = await handle.result();
console.log(`  triggered: closed ${day}, ${orders} orders`);
await schedules.pause("forgetSessions");
for (const { task, schedule, paused, nextSlot } of await schedules.list()) {
  const rule =
    schedule.cron === undefined
      ? `every ${schedule.everyMs / 3_600_000} h`
      : `"${schedule.cron}", ${schedule.timezone}`;
  const next = nextSlot === undefined ? "when a worker has told" : new Date(nextSlot).toISOString();
  console.log(`  ${task} (${rule}): next ${next}${paused ? ", paused" : ""}`);
}
await schedules.resume("forgetSessions");
await tasks.client.close();
await stage.close();

await playNights();
