import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { createTasks } from "../generated/index.ts";
import { CommandStage, type Ended } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const handlers = `
import { implementMath } from "../generated/index.ts";

export const math = implementMath({
  addition: ({ a, b }, { log, nodeQueue }) => {
    log.info({ nodeQueue }, "adding");
    return a + b;
  },
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});
`;

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write("handlers/math.ts", handlers);
});

afterAll(() => stage.close());

describeRedis("taskpact with node queues", () => {
  test("serves one, and calls, looks and clears by its name", async () => {
    const namespace = namespaceUntil(onTestFinished);
    const env = { TASKPACT_BROKER: sharedRedisUrl(), TASKPACT_NAMESPACE: namespace };
    const taskpact = (...args: readonly string[]): Promise<Ended> => stage.run(args, { env });
    const json = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await taskpact(...args, "--json")).stdout) as unknown;
    const worker = stage.start({ onTestFinished }, ["worker", "handlers/math.ts", "--node-queue", "camera-7"], { env });
    await worker.until('"listening"');
    const queue = "node:camera-7";

    expect(await taskpact("call", "addition", "4", "6", "--queue", queue)).toMatchObject({ code: 0, stdout: "10\n" });
    expect(JSON.parse(await worker.until("adding"))).toMatchObject({ nodeQueue: queue });
    expect(await json("workers", "--queue", queue)).toMatchObject([{ nodeQueue: queue, queues: [queue] }]);
    expect(await json("workers")).toMatchObject([{ queues: ["math", queue] }]);
    expect((await taskpact("queues")).stdout).toMatch(/^node:camera-7 +0 +0 /m);

    expect(await taskpact("pause", "--queue", queue)).toMatchObject({ code: 0 });
    const { id } = (await json("submit", "addition", "1", "2", "--queue", queue)) as { id: string };
    expect(await json("status", "addition", id, "--queue", queue)).toMatchObject({ state: "queued" });
    expect(await taskpact("status", "addition", id)).toMatchObject({ code: 7 });
    expect(await json("cancel", "addition", id, "--queue", queue)).toMatchObject({ state: "canceled" });
    const tasks = createTasks({ broker: sharedRedisUrl(), namespace });
    onTestFinished(() => tasks.client.close());
    await tasks.with({ queue }).submit.addition(3, 4);
    expect(await json("purge", queue, "--yes")).toMatchObject({ canceled: 1 });
    expect(await json("parked", "ls", queue)).toEqual([]);

    worker.signal("SIGTERM");
    await expect(worker.ended).resolves.toBe(0);
    expect(await json("workers", "--queue", queue)).toEqual([]);
  });

  test("says what can't be a name", async () => {
    const env = { TASKPACT_BROKER: sharedRedisUrl() };
    const bad = await stage.run(["worker", "handlers/math.ts", "--node-queue", "a:b"], { env });
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining("nodeQueue must be") });
    const call = await stage.run(["call", "addition", "1", "2", "--queue", "no queue"], { env });
    expect(call).toMatchObject({ code: 2, stderr: expect.stringContaining("queue must be") });
  });
});
