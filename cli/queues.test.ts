import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWorker } from "taskpact";
import { afterAll, beforeAll, test, type TestContext, vi } from "vitest";
import { createTasks, implementTiming } from "../generated/index.ts";
import { commandsAtOnce, CommandStage, type Ended } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

/** The command on a broker that nobody else uses, and a client there. */
function onBroker({ onTestFinished }: TestContext) {
  const namespace = namespaceUntil(onTestFinished);
  const env = {
    TASKPACT_BROKER: sharedRedisUrl(),
    TASKPACT_NAMESPACE: namespace,
    TASKPACT_PROJECT: stage.builtProject,
  };
  const tasks = createTasks({ broker: sharedRedisUrl(), namespace });
  onTestFinished(() => tasks.client.close());
  const taskpact = (...args: readonly string[]): Promise<Ended> => stage.run(args, { env });
  const json = async (...args: readonly string[]): Promise<unknown> =>
    JSON.parse((await taskpact(...args, "--json")).stdout) as unknown;
  return { env, namespace, tasks, taskpact, json };
}

/** A worker of the timing contract; resolves when it listens. */
async function listening(
  { onTestFinished }: TestContext,
  namespace: string,
  tasks: ReturnType<typeof createTasks>,
): Promise<void> {
  const implementations = [
    implementTiming({
      asynchronous({ lagMs }) {
        if (lagMs === 13) throw new Error("thirteen");
        return lagMs;
      },
    }),
  ];
  const worker = createWorker({ broker: sharedRedisUrl(), namespace, implementations, handleSignals: false });
  const running = worker.run();
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await running;
  });
  await tasks.with({ policy: "remote-only", timeoutMs: 100_000 }).asynchronous(0);
}

describeRedis("taskpact workers and queues", () => {
  test.concurrent("tell who listens, and what waits", async (context) => {
    const { expect } = context;
    const { namespace, tasks, taskpact, json } = onBroker(context);
    expect((await taskpact("workers")).stdout).toBe("no worker listens\n");
    await listening(context, namespace, tasks);
    await tasks.submit.addition(1, 2);
    await tasks.with({ delayMs: 3_600_000 }).submit.addition(1, 2);
    expect(await json("workers")).toMatchObject([{ pid: process.pid, queues: ["timing"], concurrency: 100 }]);
    expect((await taskpact("workers")).stdout).toMatch(new RegExp(`^ID .* VERSION .*\\n.* ${process.pid} .* timing`));
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
  test.concurrent("cancels what waits, but not unasked", async (context) => {
    const { expect } = context;
    const { tasks, taskpact, json } = onBroker(context);
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
  test.concurrent("prints what happens, until it is interrupted", async (context) => {
    const { expect } = context;
    const { env, namespace, tasks } = onBroker(context);
    const running = stage.start(
      context,
      ["events", "asynchronous", "--follow", "--kind", "succeeded", "workerUp", "--json"],
      {
        env,
      },
    );
    await listening(context, namespace, tasks);
    // When it begins to listen is its own affair: calls are made until one is told of.
    const told = running.until('"succeeded"');
    const call = tasks.with({ policy: "remote-only", timeoutMs: 100_000 }).safe.asynchronous;
    const again = setInterval(() => void call(1), 200);
    context.onTestFinished(() => clearInterval(again));
    expect(JSON.parse(await told)).toMatchObject({ kind: "succeeded", task: "timing.asynchronous" });
    clearInterval(again);
    running.signal("SIGINT");
    await expect(running.ended).resolves.toBe(0);
  });

  test.concurrent("tells people what failed and why, and ends when nobody reads on", async (context) => {
    const { expect } = context;
    const { env, namespace, tasks } = onBroker(context);
    const child = spawn(process.execPath, [stage.main, "events", "--kind", "workerUp", "failed"], {
      cwd: stage.root,
      env: { ...process.env, ...env, TASKPACT_LOG: "silent" },
    });
    context.onTestFinished(() => void child.kill("SIGKILL"));
    const ended = once(child, "close");
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    await listening(context, namespace, tasks);
    const call = tasks.with({ policy: "remote-only", timeoutMs: 100_000 }).safe.asynchronous;
    const again = setInterval(() => void call(13), 200);
    context.onTestFinished(() => clearInterval(again));
    const line =
      /^\d\d:\d\d:\d\d\.\d{3} failed {5}timing\.asynchronous \S+ queue=timing attempt=1 error=".*thirteen.*"$/m;
    await expect.poll(() => stdout, { timeout: 60_000 }).toMatch(line);
    child.stdout.destroy();
    await expect(ended).resolves.toEqual([0, null]);
    expect(stderr).toBe("");
  });

  test.concurrent("a kind that does not exist is refused with those that there are", async ({ expect }) => {
    const { code, stderr } = await stage.run(["events", "--kind", "exploded"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("Allowed choices are queued, delayed, started,")]);
  });
});
