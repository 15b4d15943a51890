/*
 * What node queues are for TypeScript. Checked by `npm run check:types`; it is never run.
 */
import { createWorker, type Handle, type WorkerInfo } from "taskpact";
import { createTasks, implementMath } from "../generated/index.ts";

const math = implementMath({
  addition: ({ a, b }, context) => {
    same<string | undefined>(context.nodeQueue);
    return a + b;
  },
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});
const tasks = createTasks({ broker: "memory:", implementations: [math], nodeQueue: true });

function same<T>(value: T): T {
  return value;
}

export async function nodeQueues(): Promise<void> {
  const worker = createWorker({ broker: "memory:", implementations: [math], nodeQueue: "camera-7" });
  same<string | undefined>(worker.nodeQueue);
  same<string | undefined>(tasks.client.nodeQueue);
  // @ts-expect-error: a name or true
  createWorker({ broker: "memory:", implementations: [math], nodeQueue: 7 });

  // What is undefined is no queue: the name of a worker may be given as it is.
  const there = tasks.with({ queue: worker.nodeQueue });
  same<number>(await there.addition(4, 6));
  const handle = await there.submit.addition(4, 6);
  same<Handle<number>>(handle);
  same<number>(
    await tasks
      .with({ queue: "node:camera-7", delayMs: 10 })
      .submit.addition(1, 2)
      .then((one) => one.result()),
  );
  same<number>(await tasks.client.handle("addition", handle.id, { queue: worker.nodeQueue }).result());
  // @ts-expect-error: an id's place has a queue alone
  tasks.client.handle("addition", handle.id, { broker: "memory:" });
  const { parked, events } = tasks.client;
  const replayed = await parked.replay("addition", handle.id, { queue: "node:camera-7", local: true });
  same<number>(await replayed.result());
  await parked.discard("addition", handle.id, { queue: "node:camera-7" });
  same<string | undefined>((await parked.show("addition", handle.id, { queue: "node:camera-7" })).task);
  await events.on("succeeded", { queue: "node:camera-7", task: "addition" }, ({ task }) => same<"addition">(task));
  // @ts-expect-error: no queue's name
  tasks.with({ queue: 7 });
}

export async function presence(): Promise<void> {
  const listeners: readonly WorkerInfo[] = await tasks.client.presence("math");
  same<string | undefined>(listeners[0]?.nodeQueue);
  same<number | undefined>(listeners[0]?.pid);
  same<readonly string[] | undefined>(listeners[0]?.tasks);
  // @ts-expect-error: of a queue
  await tasks.client.presence();
}
