/*
 * What pausing is for TypeScript. Checked by `npm run check:types`; it is never run.
 */
import { createTasks } from "../generated/index.ts";

const { client } = createTasks({ broker: "memory:" });

export async function pauses(): Promise<void> {
  await client.pause({ task: "addition" });
  await client.resume({ queue: "math" });
  const { tasks, queues } = await client.paused();
  if (tasks[0] !== undefined) await client.resume({ task: tasks[0] });
  if (queues[0] !== undefined) await client.resume({ queue: queues[0] });
  // @ts-expect-error: there is no such task
  await client.pause({ task: "multiplication" });
  // @ts-expect-error: one of the two
  await client.pause({ task: "addition", queue: "math" });
  // @ts-expect-error: what is to be paused
  await client.pause({});
}
