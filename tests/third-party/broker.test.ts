import { expect, onTestFinished, test } from "vitest";
import type { Notice, TaskError } from "taskpact/broker";
import { createTasks, implementMath } from "../../generated/index.ts";
import { createWorker } from "taskpact";
import { quiet } from "../calls/lab.ts";
import { ShelfBroker } from "./broker.ts";
import "./open.ts";
import { startShelf } from "./stage.ts";

const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }, { errors }) => {
    if (divisor === 0) throw errors.divisionByZero({ dividend });
    return dividend / divisor;
  },
});

test("serves generated tasks by its URL alone", { timeout: 30_000 }, async () => {
  await using server = await startShelf();
  const broker = `shelf://${server.path}`;
  const worker = createWorker({ broker, implementations: [math], log: quiet });
  const running = worker.run();
  const tasks = createTasks({ broker, log: quiet });
  expect(await tasks.addition(4, 6)).toBe(10);
  expect(await tasks.safe.division(1, 0)).toMatchObject({ ok: false, error: { name: "divisionByZero" } });
  const handle = await tasks.with({ delayMs: 60_000 }).submit.addition(1, 1);
  expect((await handle.status()).state).toBe("delayed");
  expect(await handle.cancel()).toBe("canceled");
  await expect(tasks.client.parked.list({ task: "addition" })).rejects.toMatchObject({ code: "unimplemented" });
  await tasks.client.close();
  await worker.stop();
  await running;
});

test("goes on after its connections broke: calls that wait are answered", { timeout: 30_000 }, async () => {
  await using server = await startShelf();
  const broker = `shelf://${server.path}`;
  const tasks = createTasks({ broker, log: quiet });
  onTestFinished(() => tasks.client.close());
  const answers = Promise.all([tasks.addition(1, 2), tasks.addition(3, 4)]);
  const probe = new ShelfBroker(server.path, JSON.stringify(["taskpact", null]));
  await expect
    .poll(async () => (await probe.renew({ ...beat, queues: [{ name: "math", tasks: [], fences: [] }] })).waiting)
    .toBe(2);
  server.drop();
  const worker = createWorker({ broker, implementations: [math], log: quiet });
  const running = worker.run();
  expect(await answers).toEqual([3, 7]);
  server.drop();
  expect(await tasks.addition(5, 6)).toBe(11);
  await worker.stop();
  await running;
  await probe.close();
});

const beat = { worker: "probe", leaseMs: 1_000, presenceMs: 0, maxDeliveries: 3, reap: true };

test("tells listeners that they were deaf, and what was asked that nobody knows of it", async () => {
  await using server = await startShelf();
  const broker = new ShelfBroker(server.path, "n");
  onTestFinished(() => broker.close());
  const heard: Notice[] = [];
  await broker.subscribe("client:c", (notice) => heard.push(notice));
  const { signal } = new AbortController();
  const claim = broker.claim({
    worker: "w",
    queues: [{ name: "q", tasks: [] }],
    limit: 1,
    waitMs: 60_000,
    leaseMs: 1_000,
    suspect: false,
    signal,
  });
  const told = claim.then(
    () => "calls",
    (error: TaskError) => error.code,
  );
  await broker.presence("q");
  server.drop();
  expect(await told).toBe("outcome_unknown");
  await expect.poll(() => heard).toEqual([{ kind: "resumed" }]);
});

test("is unavailable where no server is, and says so", async () => {
  const broker = new ShelfBroker("/nowhere/shelf.sock", "n");
  await expect(broker.presence("q")).rejects.toMatchObject({ code: "unavailable" });
  await broker.close();
});
