import { createWorker } from "taskpact";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { createTasks, implementTiming } from "../generated/index.ts";
import { CommandStage, type Ended } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

/** The command on a broker that nobody else uses, and a client there. */
function onBroker() {
  const namespace = namespaceUntil(onTestFinished);
  const env = { TASKPACT_BROKER: sharedRedisUrl(), TASKPACT_NAMESPACE: namespace };
  const tasks = createTasks({ broker: sharedRedisUrl(), namespace });
  onTestFinished(() => tasks.client.close());
  const taskpact = (...args: readonly string[]): Promise<Ended> => stage.run(args, { env });
  const json = async (...args: readonly string[]): Promise<unknown> =>
    JSON.parse((await taskpact(...args, "--json")).stdout) as unknown;
  return { env, namespace, tasks, taskpact, json };
}

/** A worker of the timing contract; resolves when it listens. */
async function listening(namespace: string, tasks: ReturnType<typeof createTasks>): Promise<void> {
  const implementations = [implementTiming({ asynchronous: ({ lagMs }) => lagMs })];
  const worker = createWorker({ broker: sharedRedisUrl(), namespace, implementations, handleSignals: false });
  const running = worker.run();
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await running;
  });
  await tasks.with({ policy: "remote-only" }).asynchronous(0);
}

describeRedis("taskpact workers and queues", () => {
  test("tell who listens, and what waits", async () => {
    const { namespace, tasks, taskpact, json } = onBroker();
    expect((await taskpact("workers")).stdout).toBe("no worker listens\n");
    await listening(namespace, tasks);
    await tasks.submit.addition(1, 2);
    await tasks.with({ delayMs: 3_600_000 }).submit.addition(1, 2);
    expect(await json("workers")).toMatchObject([{ pid: process.pid, queues: ["timing"], concurrency: 100 }]);
    expect((await taskpact("workers")).stdout).toMatch(new RegExp(`^ID .*\\n.* ${process.pid} .* timing`));
    expect(await json("queues")).toMatchObject([
      { name: "math", waiting: { normal: 1 }, delayed: 1, workers: 0 },
      { name: "orders" },
      { name: "text" },
      { name: "timing", workers: 1 },
    ]);
    expect((await taskpact("queues")).stdout).toMatch(/^math +1 +0 +1 +0 +0 +0 /m);
  });
});

describeRedis("taskpact purge", () => {
  test("cancels what waits, but not unasked", async () => {
    const { tasks, taskpact, json } = onBroker();
    const handle = await tasks.submit.addition(1, 2);
    const { code, stderr } = await taskpact("purge", "math");
    expect([code, stderr]).toEqual([2, expect.stringContaining("--yes says so")]);
    await expect(handle.status()).resolves.toMatchObject({ state: "queued" });
    expect(await taskpact("purge", "math", "--state", "delayed", "--yes")).toMatchObject({
      stdout: "canceled 0, forgot 0 that were parked\n",
    });
    expect(await json("purge", "math", "--yes")).toEqual({ queue: "math", canceled: 1, forgotten: 0 });
    await expect(handle.status()).resolves.toMatchObject({ state: "canceled" });
    expect(await taskpact("purge", "nowhere", "--yes")).toMatchObject({ code: 2 });
  });
});

describeRedis("taskpact events", () => {
  test("prints what happens, until it is interrupted", async () => {
    const { env, namespace, tasks } = onBroker();
    const running = stage.start(["events", "asynchronous", "--follow", "--kind", "succeeded", "workerUp", "--json"], {
      env,
    });
    await listening(namespace, tasks);
    // When it begins to listen is its own affair: calls are made until one is told of.
    const told = running.until('"succeeded"');
    const call = tasks.with({ policy: "remote-only" }).safe.asynchronous;
    const again = setInterval(() => void call(1), 200);
    onTestFinished(() => clearInterval(again));
    expect(JSON.parse(await told)).toMatchObject({ kind: "succeeded", task: "timing.asynchronous" });
    clearInterval(again);
    running.signal("SIGINT");
    await expect(running.ended).resolves.toBe(0);
  });
});
