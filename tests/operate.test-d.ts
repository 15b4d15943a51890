/*
 * What looking after tasks and queues is for TypeScript. Checked by `npm run check:types`; it is never run.
 */
import type { AnyTaskError, QueueInfo, TaskDescription } from "taskpact";
import { createTasks, type Signatures } from "../generated/index.ts";

const { client } = createTasks({ broker: "memory:" });

function same<T>(value: T): T {
  return value;
}

export async function events(): Promise<void> {
  const listening = await client.events.on("succeeded", ({ kind, task, id, at }) => {
    same<"succeeded">(kind);
    same<keyof Signatures>(task);
    same<[string, number]>([id, at]);
  });
  await listening.stop();
  await client.events.on("failed", { task: "division" }, ({ task, error }) => {
    same<"division">(task);
    same<AnyTaskError>(error);
  });
  await client.events.on(["started", "workerDown"], { task: /^math\./ }, (event) => {
    same<string>(event.worker);
    if (event.kind === "started") same<number>(event.attempt);
  });
  await client.events.on("progress", { task: "addition" }, ({ progress }) => same<number>(progress.current));
  for await (const event of client.events.stream(["gap", "parked"])) {
    if (event.kind === "parked") same<AnyTaskError>(event.error);
    // @ts-expect-error: a gap is no call's
    else same<string>(event.id);
  }
  // @ts-expect-error: there is no such event
  await client.events.on("exploded", () => undefined);
  // @ts-expect-error: there is no such task
  await client.events.on("failed", { task: "multiplication" }, () => undefined);
}

export async function overview(): Promise<void> {
  const [task] = await client.describeTasks();
  same<TaskDescription<keyof Signatures> | undefined>(task);
  const infos: readonly QueueInfo[] = await client.queues();
  same<number | undefined>(infos[0]?.waiting.high);
  const { canceled, forgotten } = await client.queue("math").purge({ states: ["queued"], olderThanMs: 60_000 });
  same<number>(canceled + forgotten);
  // @ts-expect-error: what runs is canceled by its handle
  await client.queue("math").purge({ states: ["running"] });
  const handle = client.handle("addition", "x");
  same<boolean>((await handle.exists()) && (await handle.forget()));
  same<number>(await handle.result({ once: true }));
}
