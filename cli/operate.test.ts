import { afterAll, beforeAll, expect, test, type TestContext, vi } from "vitest";
import { openBroker } from "../runtime/brokers/open.ts";
import { writeRequest } from "../runtime/envelope.ts";
import { newHeader } from "../runtime/header.ts";
import { commandsAtOnce, CommandStage, type Ended } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

const cleaning = `
import { task } from "taskpact";
import * as z from "zod";

/**
 * Forgets what is old.
 *
 * And nothing else.
 */
export const forget = task({
  params: { table: z.string(), dry: z.boolean().default(false) },
  result: z.string(),
  policy: "remote-only",
  queue: "night",
  schedule: { cron: "30 3 * * *", timezone: "Europe/Berlin", params: { table: "logs" } },
});
`;

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write("contracts/cleaning.ts", cleaning);
  const { code, stdout } = await stage.run(["gen"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("added cleaning.forget")]);
});

afterAll(() => stage.close());

/** The command on a broker that nobody else uses. */
function onBroker({ onTestFinished }: TestContext): {
  namespace: string;
  taskpact: (...args: readonly string[]) => Promise<Ended>;
  json: (...args: readonly string[]) => Promise<unknown>;
} {
  const namespace = namespaceUntil(onTestFinished);
  const env = { TASKPACT_BROKER: sharedRedisUrl(), TASKPACT_NAMESPACE: namespace };
  const taskpact = (...args: readonly string[]): Promise<Ended> => stage.run(args, { env });
  const json = async (...args: readonly string[]): Promise<unknown> => {
    const { stdout, stderr } = await taskpact(...args, "--json");
    return JSON.parse(stdout === "" ? stderr : stdout) as unknown;
  };
  return { namespace, taskpact, json };
}

test.concurrent("taskpact ls lists the tasks with their queues, policies and docs", async ({ expect }) => {
  const { code, stdout } = await stage.run(["ls"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^TASK +QUEUE +POLICY +DOC$/m);
  expect(stdout).toMatch(/^cleaning\.forget +night +remote-only +Forgets what is old\.$/m);
  expect(stdout).toMatch(/^math\.addition +math +local-first +Adds two numbers\.$/m);
});

test.concurrent("taskpact ls tells all of a task that is named", async ({ expect }) => {
  const { stdout } = await stage.run(["ls", "forget"]);
  expect(stdout).toContain("Forgets what is old.\n\nAnd nothing else.");
  expect(stdout).toContain("taskpact call cleaning.forget --table <string> [--dry]");
  const described = JSON.parse((await stage.run(["ls", "division", "--json"])).stdout) as object;
  expect(described).toMatchObject({
    name: "math.division",
    doc: "Divides one number by another.",
    signature: "(dividend: number, divisor: number) => Promise<number>",
    params: [{ name: "dividend", flag: "--dividend <number>", required: true }, { name: "divisor" }],
    errors: ["divisionByZero"],
    schemas: { params: { required: ["dividend", "divisor"] }, errors: { divisionByZero: { type: "object" } } },
  });
});

test.concurrent("taskpact reads what a build has made of the project, without tsx", async ({ expect }) => {
  await stage.write("dist/package.json", '{ "type": "module" }');
  await stage.write("dist/taskpact.config.js", 'export default { generated: "out" };');
  await stage.write(
    "dist/out/math.js",
    `import { task } from "taskpact";
     import { contractOf } from "taskpact/codegen";
     import * as z from "zod";
     const twice = task({ params: { of: z.number() }, result: z.number() });
     export const mathContract = contractOf("math", { twice }, ["twice"]);`,
  );
  await stage.write("dist/out/index.js", "export {};");
  const { stdout } = await stage.run(["ls", "--project", "dist", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject([{ name: "math.twice", queue: "math" }]);
});

describeRedis("taskpact parked", () => {
  test.concurrent("lists, shows, replays and discards what is parked", async (context) => {
    const { expect } = context;
    const { namespace, taskpact, json } = onBroker(context);
    expect(await taskpact("parked", "ls")).toMatchObject({ code: 0, stdout: "nothing is parked\n" });
    await park(namespace, "first", "second");
    const listed = await taskpact("parked", "ls");
    expect(listed.stdout).toMatch(/^second +math\.division +20\S+Z +3 +\[worker_lost\]/m);
    expect(await json("parked", "ls", "math", "--limit", "1")).toMatchObject([{ id: "second", deaths: 3 }]);
    expect(await json("parked", "ls", "--task", "addition")).toEqual([]);
    expect(await json("parked", "show", "division", "first")).toMatchObject({ params: { dividend: 1, divisor: 4 } });
    expect((await taskpact("parked", "show", "division", "first")).stdout).toContain(
      'params      {"dividend":1,"divisor":4}',
    );
    expect(await taskpact("parked", "replay", "division", "first")).toMatchObject({ code: 0, stdout: "queued\n" });
    expect(await json("status", "division", "first")).toMatchObject({ state: "queued" });
    expect(await taskpact("parked", "discard", "division", "second")).toMatchObject({ code: 0, stdout: "discarded\n" });
    expect(await json("parked", "ls")).toEqual([]);
    expect(await taskpact("parked", "show", "division", "second")).toMatchObject({ code: 7 });
    expect(await taskpact("parked", "ls", "nowhere")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there are"),
    });
  });
});

describeRedis("taskpact schedule", () => {
  test.concurrent("lists schedules, pauses and resumes them, and calls at once", async (context) => {
    const { expect } = context;
    const { taskpact, json } = onBroker(context);
    expect((await taskpact("schedule", "ls")).stdout).toMatch(/^cleaning\.forget +30 3 \* \* \* Europe\/Berlin +on/m);
    expect(await taskpact("schedule", "pause", "forget")).toMatchObject({ code: 0, stdout: "paused\n" });
    expect(await json("schedule", "ls")).toMatchObject([{ task: "cleaning.forget", paused: true }]);
    expect(await taskpact("schedule", "resume", "forget")).toMatchObject({ code: 0, stdout: "goes on\n" });
    expect(await json("schedule", "ls")).toMatchObject([{ paused: false }]);
    const { id } = (await json("schedule", "run", "forget")) as { id: string };
    expect(await json("status", "forget", id)).toMatchObject({ state: "queued" });
    const { code, stderr } = await taskpact("schedule", "pause", "addition");
    expect([code, stderr]).toEqual([2, expect.stringContaining("it has no schedule")]);
  });
});

describeRedis("taskpact pause and resume", () => {
  test.concurrent("are of a task or a queue; pause alone tells what is paused", async (context) => {
    const { expect } = context;
    const { taskpact, json } = onBroker(context);
    expect(await taskpact("pause", "addition")).toMatchObject({ code: 0, stdout: "paused\n" });
    expect(await taskpact("pause", "--queue", "night")).toMatchObject({ code: 0 });
    expect((await taskpact("pause")).stdout).toBe("queue night\ntask math.addition\n");
    expect(await taskpact("resume", "--queue", "night")).toMatchObject({ stdout: "goes on\n" });
    expect(await json("pause")).toEqual({ tasks: ["math.addition"], queues: [] });
    expect(await taskpact("resume")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("name a task or a queue"),
    });
    expect(await taskpact("pause", "--queue", "day")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there are"),
    });
  });
});

/** Leaves calls behind with which three workers have died. */
async function park(namespace: string, ...ids: readonly string[]): Promise<void> {
  const broker = openBroker(sharedRedisUrl(), { namespace });
  try {
    for (const id of ids) {
      const record = writeRequest(newHeader({}), { task: "math.division", params: { dividend: 1, divisor: 4 } });
      await broker.submit("math", { calls: [{ id, record, priority: "normal", delayMs: 0 }], acknowledged: [] });
      const queues = [{ name: "math", tasks: ["math.division"], fences: [] }];
      const { signal } = new AbortController();
      for (const worker of ["first", "second", "third"]) {
        await broker.claim({ worker, queues, limit: 1, waitMs: 0, leaseMs: 1, suspect: true, signal });
        const beat = { worker: "reaper", queues, leaseMs: 1_000, presenceMs: 0, maxDeliveries: 3, reap: true };
        await expect.poll(async () => (await broker.renew(beat)).reaped).toBe(1);
      }
    }
  } finally {
    await broker.close();
  }
}
