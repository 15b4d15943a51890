import { afterAll, beforeAll, test, type TestContext, vi } from "vitest";
import { createWorker, type Implementation } from "taskpact";
import { createTasks, implementMath, implementText, implementTiming } from "../generated/index.ts";
import { commandsAtOnce, CommandStage, type Ended, type Surroundings } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

// Each start of a command takes a processor for a while: they go side by side.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

const implementations: readonly Implementation[] = [
  implementMath({
    addition: ({ a, b }) => a + b,
    subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
    division({ dividend, divisor }, { errors }) {
      if (divisor === 0) throw errors.divisionByZero({ dividend });
      if (divisor < 0) throw new Error("no negative divisors today");
      return dividend / divisor;
    },
  }),
  implementText({
    wordCount: ({ text }) => ({ words: text.split(" ").length, characters: text.length, lines: 1 }),
    mergeRevisions: ({ ours, theirs }) => ({
      revision: { ...ours, authors: new Set([...ours.authors, ...theirs.authors]) },
      conflicts: new Set([...ours.paragraphs.keys()].filter((id) => theirs.paragraphs.has(id))),
      apartMs: theirs.savedAt.getTime() - ours.savedAt.getTime(),
    }),
  }),
  implementTiming({
    asynchronous: ({ lagMs }, { signal }) =>
      new Promise((resolve, reject) => {
        setTimeout(() => resolve(lagMs), lagMs);
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      }),
  }),
];

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

type Taskpact = (args: readonly string[], surroundings?: Surroundings) => Promise<Ended>;

/** The command with a broker that nobody else uses, and a worker there. */
async function served({ onTestFinished }: TestContext): Promise<{
  taskpact: Taskpact;
  env: Readonly<Record<string, string>>;
  tasks: ReturnType<typeof createTasks>;
}> {
  const namespace = namespaceUntil(onTestFinished);
  const broker = sharedRedisUrl();
  const worker = createWorker({ broker, namespace, implementations, handleSignals: false });
  const running = worker.run();
  const tasks = createTasks({ broker, namespace });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await running;
    await tasks.client.close();
  });
  const env = { TASKPACT_BROKER: broker, TASKPACT_NAMESPACE: namespace, TASKPACT_PROJECT: stage.builtProject };
  return { env, tasks, taskpact: (args, more) => stage.run(args, { ...more, env: { ...env, ...more?.env } }) };
}

describeRedis("taskpact call", () => {
  test.concurrent.for([
    [["addition", "--a", "4", "--b", "6"], "10\n"],
    [["math.addition", "--a=-4"], "-4\n"],
    [["addition", "4", "-6"], "-2\n"],
    [["addition", "-4", "-6"], "-10\n"],
    [["addition"], "0\n"],
    [["addition", '{"a":4,"b":6}', "--b", "7"], "11\n"],
    [["asynchronous", "--lag-ms", "1"], "1\n"],
    [["asynchronous", "--lagMs", "1", "--json"], "1\n"],
    [["wordCount", "--text", "two words", "--json"], '{"words":2,"characters":9,"lines":1}\n'],
  ] as const)("%j prints %j", async ([args, printed], context) => {
    const { taskpact } = await served(context);
    const { expect } = context;
    expect(await taskpact(["call", ...args])).toEqual({ code: 0, stdout: printed, stderr: "" });
  });

  test.concurrent("takes JSON from standard input, and makes of it what JSON has no word for", async (context) => {
    const { expect } = context;
    const { taskpact } = await served(context);
    expect(await taskpact(["call", "addition", "-"], { input: '{ "a": 4, "b": 6 }' })).toMatchObject({
      stdout: "10\n",
    });
    const revision = { number: "90071992547409930", savedAt: "2026-01-02T03:04:05.000Z", authors: ["Ada"] };
    const ours = { ...revision, paragraphs: [["p1", "one"]], attachment: "AQID" };
    const theirs = { ...revision, savedAt: "2026-01-02T03:04:06.000Z", paragraphs: { p1: "uno" }, authors: ["Bo"] };
    const { stdout, stderr } = await taskpact(["call", "mergeRevisions", "-", "--json"], {
      input: JSON.stringify({ ours, theirs }),
    });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      revision: { ...ours, authors: ["Ada", "Bo"] },
      conflicts: ["p1"],
      apartMs: 1_000,
    });
  });

  test.concurrent("ends with a code of its own for what its contract declares, and what it does not", async (context) => {
    const { expect } = context;
    const { taskpact } = await served(context);
    const declared = await taskpact(["call", "division", "1", "0"]);
    expect(declared).toMatchObject({ code: 3, stdout: "" });
    expect(declared.stderr).toMatch(/^error: \[declared\] math\.division: .*\n {2}divisionByZero: \{"dividend":1\}\n$/);
    const data = JSON.parse((await taskpact(["call", "division", "1", "0", "--json"])).stderr) as object;
    expect(data).toMatchObject({ error: { code: "declared", name: "divisionByZero", data: { dividend: 1 } } });
    const failed = await taskpact(["call", "division", "1", "-1"]);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("no negative divisors today") as string });
  });

  test.concurrent("reads contracts as they are written, too", async (context) => {
    const { taskpact } = await served(context);
    const ended = await taskpact(["call", "addition", "--b", "6"], { env: { TASKPACT_PROJECT: stage.root } });
    context.expect(ended).toEqual({ code: 0, stdout: "6\n", stderr: "" });
  });

  test.concurrent("gives up after its timeout", async (context) => {
    const { expect } = context;
    const { taskpact } = await served(context);
    const { code, stderr } = await taskpact(["call", "asynchronous", "50000", "--timeout", "5s"]);
    expect([code, stderr]).toEqual([5, expect.stringContaining("[deadline_exceeded] timing.asynchronous")]);
  });

  test.concurrent("cancels the call when it is interrupted", async (context) => {
    const { expect } = context;
    const { env, tasks } = await served(context);
    const running = stage.start(context, ["call", "asynchronous", "50000", "--id", "interrupted"], { env });
    const handle = tasks.client.handle("asynchronous", "interrupted");
    const state = (): Promise<string> =>
      handle.status().then(
        (found) => found.state,
        () => "unknown",
      );
    await expect.poll(state, { timeout: 60_000 }).toBe("running");
    running.signal("SIGINT");
    await running.until("[canceled]");
    await expect(running.ended).resolves.toBe(6);
    await expect(state()).resolves.toBe("canceled");
  });
});

describeRedis("taskpact submit", () => {
  test.concurrent("prints the id, by which status, show and cancel find the call", async (context) => {
    const { expect } = context;
    const { taskpact } = await served(context);
    const { stdout } = await taskpact(["submit", "division", "1", "4", "--delay", "1h"]);
    const id = stdout.trim();
    expect(await taskpact(["status", "division", id])).toMatchObject({ code: 0, stdout: "delayed\n" });
    expect(await taskpact(["cancel", "division", id])).toMatchObject({ code: 0, stdout: "canceled\n" });
    const status = await taskpact(["status", "math.division", id, "--json"]);
    expect(JSON.parse(status.stdout)).toMatchObject({ id, task: "math.division", state: "canceled", attempt: 0 });
  });

  test.concurrent("takes an id, and behind -- parameters of that name; show tells the answer", async (context) => {
    const { expect } = context;
    const { taskpact, tasks } = await served(context);
    expect(await taskpact(["submit", "addition", "--id", "four", "--", "--a", "4"])).toMatchObject({
      stdout: "four\n",
    });
    await tasks.client.handle("addition", "four").result();
    expect(await taskpact(["show", "addition", "four"])).toMatchObject({ stdout: "succeeded, attempt 1\nresult: 4\n" });
    const shown = JSON.parse((await taskpact(["show", "addition", "four", "--json"])).stdout) as object;
    expect(shown).toMatchObject({ id: "four", state: "succeeded", result: 4 });
    const asked = await taskpact(["submit", "cancelOrder", "--json", "--", "--id", "4711"]);
    expect(JSON.parse(asked.stdout)).toMatchObject({ task: "orders.cancelOrder" });
  });

  test.concurrent("status of an id that nobody knows ends with code 7", async (context) => {
    const { expect } = context;
    const { taskpact } = await served(context);
    const { code, stderr } = await taskpact(["status", "addition", "unknown"]);
    expect([code, stderr]).toEqual([7, expect.stringContaining("[not_found] math.addition")]);
  });
});
