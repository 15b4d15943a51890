import { afterAll, beforeAll, test, type TestContext, vi } from "vitest";
import { type AwaitedTasks, createTasks, type SubmitTasks } from "../generated/index.ts";
import { commandsAtOnce, CommandStage, type Running } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

// Processes of their own, on machines that have other things to do.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000, maxConcurrency: commandsAtOnce });

/** Answers with the process that it runs in, after a while; 60 s is until it is told to stop. */
const handlers = `
import { once } from "node:events";
import { implementMath, implementTiming } from "../generated/index.ts";
export const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});
export default [
  implementTiming({
    async asynchronous({ lagMs }, { signal, progress }) {
      progress({ current: 1, total: 2 });
      if (lagMs === 60_000) {
        console.error("it blocks");
        while (performance.now() < Infinity);
      }
      if (lagMs === 59_000) await once(signal, "abort");
      await new Promise((resolve) => setTimeout(resolve, lagMs));
      return process.pid;
    },
  }),
];
`;

/** A contract in two parts, which leave a task out. */
const parts = `
import { implementMath } from "../generated/index.ts";
export const sums = implementMath.partial({ addition: ({ a, b }) => a + b });
export default [sums, implementMath.partial({ division: ({ dividend, divisor }) => dividend / divisor })];
`;

/** A task that is due five times a second. */
const scheduled = `
import { task } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import * as z from "zod";
const tick = task({ params: {}, result: z.number(), schedule: { everyMs: 200 } });
export const ticking = implement(contractOf("ticking", { tick }, ["tick"]), { tick: () => 1 });
`;

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write("handlers/index.ts", handlers);
  await stage.write("handlers/parts.ts", parts);
  await stage.write("handlers/nothing.ts", "export const nothing = 1;");
  await stage.write("handlers/broken.ts", 'throw new Error("no database");');
  await stage.write("scheduled/handlers.ts", scheduled);
});

afterAll(() => stage.close());

interface Crew {
  readonly running: Running;
  readonly tasks: AwaitedTasks;
  readonly submit: SubmitTasks;
  /** The processes that have answered, asked until there are so many. */
  pids(count: number, known?: ReadonlySet<number>): Promise<Set<number>>;
}

function crew(context: TestContext, ...flags: readonly string[]): Crew {
  const { onTestFinished } = context;
  const namespace = namespaceUntil(onTestFinished);
  const args = ["worker", "handlers/index.ts", "--broker", sharedRedisUrl(), "--namespace", namespace, ...flags];
  const running = stage.start(context, args, { env: { TASKPACT_LOG: "debug" } });
  const all = createTasks({ broker: sharedRedisUrl(), namespace });
  const tasks = all.with({ policy: "remote-only", timeoutMs: 120_000 });
  onTestFinished(() => tasks.client.close());
  const pids = async (count: number, not: ReadonlySet<number> = new Set()): Promise<Set<number>> => {
    const found = new Set<number>();
    while (found.size < count) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => tasks.asynchronous(1)));
      for (const pid of answers) if (!not.has(pid)) found.add(pid);
    }
    return found;
  };
  return { running, tasks, submit: all.submit, pids };
}

describeRedis("taskpact worker", () => {
  test.concurrent("runs a module's handlers in as many processes as it is told to", async (context) => {
    const { expect } = context;
    const { running, tasks, pids } = crew(context, "--workers", "2", "--concurrency", "1");
    await expect(tasks.addition(4, 6)).resolves.toBe(10);
    const done = JSON.parse(await running.until('"done"')) as object;
    expect(done).toMatchObject({ level: "debug", task: "math.addition", attempt: 1, ms: expect.any(Number) as number });
    const found = await pids(2);
    expect(found).not.toContain(running.pid);
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
    for (const pid of found) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  test.concurrent("serves and lists the tasks of partial implementations, and no others", async (context) => {
    const { expect, onTestFinished } = context;
    const namespace = namespaceUntil(onTestFinished);
    const args = ["worker", "handlers/parts.ts", "--broker", sharedRedisUrl(), "--namespace", namespace];
    const running = stage.start(context, args, { env: { TASKPACT_LOG: "info" } });
    const tasks = createTasks({ broker: sharedRedisUrl(), namespace });
    onTestFinished(() => tasks.client.close());
    const awaited = tasks.with({ policy: "remote-only", timeoutMs: 120_000 });
    await expect(Promise.all([awaited.addition(4, 6), awaited.division(4, 8)])).resolves.toEqual([10, 0.5]);
    await expect(awaited.subtraction(4, 6)).rejects.toMatchObject({ code: "unimplemented" });
    expect((await tasks.client.workers()).map((worker) => worker.tasks)).toEqual([["math.addition", "math.division"]]);
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
  });

  test.concurrent("starts another process for one that is killed", async (context) => {
    const { expect } = context;
    const { running, pids } = crew(context, "--workers", "2", "--concurrency", "1");
    const before = await pids(2);
    const [victim] = before;
    process.kill(victim!, "SIGKILL");
    expect(JSON.parse(await running.until("another one follows"))).toMatchObject({ pid: victim, signal: "SIGKILL" });
    expect(await pids(1, before)).not.toContain(victim);
    running.signal("SIGINT");
    await expect(running.ended).resolves.toBe(0);
  });

  test.concurrent("replaces a process after so many calls, and loses none", async (context) => {
    const { expect } = context;
    const { tasks, running } = crew(context, "--max-calls", "10", "--concurrency", "4");
    const answers = await Promise.all(Array.from({ length: 60 }, () => tasks.asynchronous(5)));
    expect(answers).toHaveLength(60);
    const calls = new Map<number, number>();
    for (const pid of answers) calls.set(pid, (calls.get(pid) ?? 0) + 1);
    expect(calls.size).toBeGreaterThanOrEqual(4);
    // What was claimed before the tenth began is run, too: at most as many as run at a time.
    for (const count of calls.values()) expect(count).toBeLessThanOrEqual(13);
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
  });

  test.concurrent("lets what runs finish within the grace, and gives back at once when told again", async (context) => {
    const { expect } = context;
    const { running, tasks, submit } = crew(context, "--grace", "1m");
    const short = tasks.asynchronous(800);
    const long = await submit.asynchronous(59_000);
    await expect.poll(() => long.status(), { timeout: 60_000 }).toMatchObject({ state: "running" });
    running.signal("SIGTERM");
    await expect(short).resolves.toBeTypeOf("number");
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
    await expect(long.status()).resolves.toMatchObject({ state: "queued" });
  });

  test.concurrent("stops once when the keyboard interrupts all of its processes, and it besides", async (context) => {
    const { expect } = context;
    const { running, submit, pids } = crew(context, "--grace", "1m");
    const [child] = await pids(1);
    const call = await submit.asynchronous(1_000);
    await expect.poll(() => call.status(), { timeout: 60_000 }).toMatchObject({ progress: { current: 1 } });
    process.kill(child!, "SIGINT");
    running.signal("SIGINT");
    await expect(running.ended).resolves.toBe(0);
    await expect(call.result()).resolves.toBe(child);
  });

  test.concurrent("goes on when nobody reads its log any more", async (context) => {
    const { expect } = context;
    const { running, tasks, pids } = crew(context);
    const [child] = await pids(1);
    running.deafen();
    // Each call would be told of.
    for (let call = 0; call < 5; call++) expect(await tasks.asynchronous(1)).toBe(child);
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
  });

  test.concurrent("stops its processes when it is killed itself", async (context) => {
    const { expect } = context;
    const { running, pids } = crew(context);
    const [child] = await pids(1);
    running.signal("SIGKILL");
    await expect.poll(() => isAlive(child!), { timeout: 60_000 }).toBe(false);
  });

  test.concurrent("kills a process whose handler keeps it from hearing, and says so", async (context) => {
    const { expect } = context;
    const { running, submit } = crew(context, "--grace", "100ms");
    await submit.asynchronous(60_000);
    // That it is claimed is not enough: a worker that is told to stop before it begins would give it back.
    await running.until("it blocks");
    running.signal("SIGTERM");
    await running.until("stopping");
    running.signal("SIGTERM");
    await running.until("it is killed");
    await expect(running.ended).resolves.toBe(1);
  });
});

describeRedis("taskpact worker, of what is scheduled,", () => {
  const told = {
    "--no-schedule": [["--no-schedule"], {}],
    TASKPACT_NO_SCHEDULE: [[], { TASKPACT_NO_SCHEDULE: "1" }],
  } as const;

  test.concurrent.for(["--no-schedule", "TASKPACT_NO_SCHEDULE"] as const)(
    "fires nothing with %s",
    async (name, context) => {
      const { expect } = context;
      const [flags, env] = told[name];
      const start = (namespace: string, args: readonly string[], more: object): Running =>
        stage.start(
          context,
          ["worker", "scheduled/handlers.ts", "--broker", sharedRedisUrl(), "--namespace", namespace, ...args],
          { env: { TASKPACT_LOG: "debug", ...more } },
        );
      const unscheduled = start(namespaceUntil(context.onTestFinished), flags, env);
      await unscheduled.until('"listening"');
      let fired = false;
      void unscheduled.until('"done"').then(
        () => (fired = true),
        () => undefined,
      );
      // One that was told nothing of the kind, or no, fires meanwhile.
      const scheduled = start(namespaceUntil(context.onTestFinished), [], { TASKPACT_NO_SCHEDULE: "0" });
      for (let slot = 0; slot < 3; slot++) await scheduled.until('"done"');
      expect(fired).toBe(false);
      for (const running of [unscheduled, scheduled]) running.signal("SIGTERM");
      expect(await Promise.all([unscheduled.ended, scheduled.ended])).toEqual([0, 0]);
    },
  );
});

describeRedis("taskpact worker's settings", () => {
  test.concurrent("are those of the flag, else the variable, else the configuration", async (context) => {
    const { expect } = context;
    const namespace = namespaceUntil(context.onTestFinished);
    const worker = { module: "handlers/index.ts", workers: 3, concurrency: 7 };
    const config = { broker: sharedRedisUrl(), namespace, worker };
    await stage.write("configured/taskpact.config.ts", `export default ${JSON.stringify(config)};`);
    await stage.write("configured/handlers/index.ts", 'export { math } from "../../handlers/index.ts";');
    const running = stage.start(context, ["worker", "--project", "configured", "--workers", "1"], {
      env: { TASKPACT_WORKERS: "2", TASKPACT_CONCURRENCY: "5" },
    });
    expect(JSON.parse(await running.until("starting"))).toMatchObject({ workers: 1 });
    expect(JSON.parse(await running.until("listening"))).toMatchObject({ concurrency: 5, queues: ["math"] });
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
  });
});

test.concurrent.for([
  [["handlers/gone.ts"], "there is no handlers/gone.ts"],
  [["handlers"], "handlers is a folder, and no module\n  name a file in it, like handlers/index.ts"],
  [["handlers/nothing.ts"], "exports no implementations"],
  [["handlers/broken.ts"], "no database"],
  [["handlers/index.ts", "--workers", "none"], "It is a whole number, at least 1."],
  [["handlers/index.ts", "--broker", "memory:"], "a memory: broker is of one process alone"],
  [["handlers/index.ts", "--broker", "http://127.0.0.1"], "brokers that are known"],
] as const)("taskpact worker %j ends with code 2, and says: %s", async ([args, reason], { expect }) => {
  const broker = args.includes("--broker" as never) ? [] : ["--broker", "redis://127.0.0.1:1"];
  const { code, stderr } = await stage.run(["worker", ...args, ...broker]);
  expect(stderr).toContain(reason);
  expect(code).toBe(2);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
