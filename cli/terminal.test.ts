import { createWorker } from "taskpact";
import { afterAll, beforeAll, expect, test, type TestContext, vi } from "vitest";
import { createTasks, implementText, implementTiming } from "../generated/index.ts";
import { commandsAtOnce, CommandStage } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";
import { type Terminal, withoutTerminal } from "../tests/terminal.ts";
import { barText, ProgressBar } from "./progress-bar.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write(
    "handlers.ts",
    `import { implementTiming } from "./generated/index.ts";
     export const timing = implementTiming({ asynchronous: ({ lagMs }) => lagMs });`,
  );
});

afterAll(() => stage.close());

/** The command in a terminal, on a broker that nobody else uses, and a client there. */
function onBroker(context: TestContext) {
  context.skip(withoutTerminal !== undefined, withoutTerminal);
  const namespace = namespaceUntil(context.onTestFinished);
  const broker = sharedRedisUrl();
  const all = createTasks({ broker, namespace });
  const tasks = all.with({ policy: "remote-only", timeoutMs: 100_000 });
  context.onTestFinished(() => tasks.client.close());
  const env = { TASKPACT_BROKER: broker, TASKPACT_NAMESPACE: namespace, TASKPACT_PROJECT: stage.builtProject };
  const inTerminal = (...args: readonly string[]): Terminal => stage.inTerminal(context, args, { env });
  return { namespace, all, tasks, env, inTerminal };
}

/** A worker whose handler tells of its progress in halves, and waits in the middle until it is told to go on. */
async function halves(context: TestContext, namespace: string): Promise<() => void> {
  let goOn = (): void => {};
  const middle = new Promise<void>((resolve) => (goOn = resolve));
  const timing = implementTiming({
    async asynchronous({ lagMs }, { progress, signal }) {
      progress({ current: 1, total: 2 });
      await Promise.race([middle, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
      signal.throwIfAborted();
      return lagMs;
    },
  });
  const text = implementText({
    wordCount: () => ({ words: 1, characters: 2, lines: 3 }),
    mergeRevisions: () => {
      throw new Error("none");
    },
  });
  const implementations = [timing, text];
  const worker = createWorker({ broker: sharedRedisUrl(), namespace, implementations, handleSignals: false });
  const running = worker.run();
  context.onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await running;
  });
  return goOn;
}

describeRedis("in a terminal, taskpact purge", () => {
  test.concurrent.for([
    ["yes\r", 0, "canceled"],
    ["y\r", 0, "canceled"],
    ["no\r", 6, "queued"],
    ["\r", 6, "queued"],
    ["\x03", 6, "queued"],
    ["\x04", 6, "queued"],
  ] as const)("asks, and after %j ends with code %i: the call is %s", async ([keys, code, state], context) => {
    const { all, inTerminal } = onBroker(context);
    const handle = await all.submit.addition(1, 2);
    await all.with({ delayMs: 3_600_000 }).submit.addition(1, 2);
    const terminal = inTerminal("purge", "math", "--state", "queued", "retrying");
    await terminal.until("Purge math of its calls that are queued (1) or retrying (0)? (yes/no) ");
    terminal.type(keys);
    await terminal.until(code === 0 ? "canceled 1, forgot 0" : "error: [canceled] nothing was purged");
    context.expect([await terminal.ended, (await handle.status()).state]).toEqual([code, state]);
    context.expect(terminal.shown).not.toContain("    at ");
  });
});

describeRedis("in a terminal, taskpact call", () => {
  test.concurrent("shows progress in a bar, and its result in the place of that", async (context) => {
    const { namespace, inTerminal } = onBroker(context);
    const goOn = await halves(context, namespace);
    const terminal = inTerminal("call", "asynchronous", "7");
    await terminal.until("\r\x1b[2K████████████░░░░░░░░░░░░  50 %  1/2");
    goOn();
    await terminal.until("\r\x1b[2K\x1b[33m7\x1b[39m\r\n");
    await context.expect(terminal.ended).resolves.toBe(0);
  });

  test.concurrent("leaves out colors where nobody wants them", async (context) => {
    const { namespace, env } = onBroker(context);
    await halves(context, namespace);
    const more = { env: { ...env, NO_COLOR: "1" } };
    const terminal = stage.inTerminal(context, ["call", "wordCount", "one"], more);
    await terminal.until("{ words: 1, characters: 2, lines: 3 }\r\n");
    await context.expect(terminal.ended).resolves.toBe(0);
  });

  test.concurrent("clears the bar and cancels the call at Ctrl-C", async (context) => {
    const { namespace, tasks, inTerminal } = onBroker(context);
    await halves(context, namespace);
    const terminal = inTerminal("call", "asynchronous", "7", "--id", "interrupted");
    await terminal.until("50 %");
    terminal.type("\x03");
    await terminal.until("\r\x1b[2Kerror: [canceled] timing.asynchronous");
    await context.expect(terminal.ended).resolves.toBe(6);
    const status = tasks.client.handle("asynchronous", "interrupted").status();
    await context.expect(status).resolves.toMatchObject({ state: "canceled" });
  });
});

describeRedis("in a terminal, taskpact worker", () => {
  test.concurrent("writes for people what it does, each call included, and stops at Ctrl-C", async (context) => {
    const { tasks, inTerminal } = onBroker(context);
    const terminal = inTerminal("worker", "handlers.ts");
    await terminal.until("listening");
    await tasks.asynchronous(1);
    await terminal.until("\x1b[32mINFO \x1b[0m done\x1b[2m task=timing.asynchronous callId=");
    terminal.type("\x03");
    await terminal.until("stopping: running calls may finish; a second signal hurries");
    await terminal.until("stopped");
    await context.expect(terminal.ended).resolves.toBe(0);
  });

  test.concurrent("writes JSON where it is told to", async (context) => {
    const { tasks, inTerminal } = onBroker(context);
    const terminal = inTerminal("worker", "handlers.ts", "--json");
    await terminal.until('"message":"listening"');
    await tasks.asynchronous(1);
    await terminal.until('"message":"done"');
    terminal.type("\x03");
    await context.expect(terminal.ended).resolves.toBe(0);
    const lines = terminal.shown.replaceAll("^C", "").trim().split("\r\n");
    const messages = lines.map((line) => (JSON.parse(line) as { readonly message: string }).message);
    context.expect(messages).toEqual(expect.arrayContaining(["starting", "listening", "done", "stopped"]));
  });
});

test("a bar is of what is countable; other progress is shown as it is, as far as the line goes", () => {
  expect(barText({ current: 21, total: 50 })).toBe("██████████░░░░░░░░░░░░░░  42 %  21/50");
  expect(barText({ current: 60, total: 50 })).toContain("100 %");
  expect(barText({ current: 1, total: 0 })).toBe('{"current":1,"total":0}');
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  const bar = (stream: object): ProgressBar => new ProgressBar({ write, ...stream } as never);
  bar({ isTTY: true, columns: 20 }).show("x".repeat(90));
  bar({ isTTY: true, columns: 0 }).show("x".repeat(90));
  bar({ isTTY: false }).show("unseen");
  expect(written.map((text) => text.replace("\r\x1b[2K", "").length)).toEqual([19, 79]);
});
