import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { createTasks, type Tasks } from "../generated/index.ts";
import { CommandStage, type Running } from "../tests/command-stage.ts";
import { namespaceUntil } from "../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../tests/redis/suite.ts";

// Processes of their own, on machines that have other things to do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

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
      if (lagMs === 60_000) while (performance.now() < Infinity);
      if (lagMs === 59_000) await once(signal, "abort");
      await new Promise((resolve) => setTimeout(resolve, lagMs));
      return process.pid;
    },
  }),
];
`;

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write("handlers/index.ts", handlers);
});

afterAll(() => stage.close());

interface Crew {
  readonly running: Running;
  readonly tasks: Tasks;
  /** The processes that have answered, asked until there are so many. */
  pids(count: number, known?: ReadonlySet<number>): Promise<Set<number>>;
}

function crew(...flags: readonly string[]): Crew {
  const namespace = namespaceUntil(onTestFinished);
  const args = ["worker", "handlers/index.ts", "--broker", sharedRedisUrl(), "--namespace", namespace, ...flags];
  const running = stage.start(args, { env: { TASKPACT_LOG: "debug" } });
  const tasks = createTasks({ broker: sharedRedisUrl(), namespace }).with({ policy: "remote-only" });
  onTestFinished(() => tasks.client.close());
  const pids = async (count: number, not: ReadonlySet<number> = new Set()): Promise<Set<number>> => {
    const found = new Set<number>();
    while (found.size < count) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => tasks.asynchronous(1)));
      for (const pid of answers) if (!not.has(pid)) found.add(pid);
    }
    return found;
  };
  return { running, tasks, pids };
}

describeRedis("taskpact worker", () => {
  test("runs a module's handlers in as many processes as it is told to", async () => {
    const { running, tasks, pids } = crew("--workers", "2", "--concurrency", "1");
    await expect(tasks.addition(4, 6)).resolves.toBe(10);
    const done = JSON.parse(await running.until('"done"')) as object;
    expect(done).toMatchObject({ level: "debug", task: "math.addition", attempt: 1, ms: expect.any(Number) as number });
    const found = await pids(2);
    expect(found).not.toContain(running.pid);
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
    for (const pid of found) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  test("starts another process for one that is killed", async () => {
    const { running, pids } = crew("--workers", "2", "--concurrency", "1");
    const before = await pids(2);
    const [victim] = before;
    process.kill(victim!, "SIGKILL");
    expect(JSON.parse(await running.until("another one follows"))).toMatchObject({ pid: victim, signal: "SIGKILL" });
    expect(await pids(1, before)).not.toContain(victim);
    running.signal("SIGINT");
    await expect(running.ended).resolves.toBe(0);
  });

  test("replaces a process after so many calls, and loses none", async () => {
    const { tasks, running } = crew("--max-calls", "10", "--concurrency", "4");
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

  test("lets what runs finish within the grace, and gives back at once when told again", async () => {
    const { running, tasks } = crew("--grace", "1m");
    const short = tasks.asynchronous(800);
    const long = await tasks.submit.asynchronous(59_000);
    await expect.poll(() => long.status(), { timeout: 20_000 }).toMatchObject({ state: "running" });
    running.signal("SIGTERM");
    await expect(short).resolves.toBeTypeOf("number");
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
    await expect(long.status()).resolves.toMatchObject({ state: "queued" });
  });

  test("stops once when the keyboard interrupts all of its processes, and it besides", async () => {
    const { running, tasks, pids } = crew("--grace", "1m");
    const [child] = await pids(1);
    const call = await tasks.submit.asynchronous(1_000);
    await expect.poll(() => call.status(), { timeout: 20_000 }).toMatchObject({ state: "running" });
    process.kill(child!, "SIGINT");
    running.signal("SIGINT");
    await expect(running.ended).resolves.toBe(0);
    await expect(call.result()).resolves.toBe(child);
  });

  test("stops its processes when it is killed itself", async () => {
    const { running, pids } = crew();
    const [child] = await pids(1);
    running.signal("SIGKILL");
    await expect.poll(() => isAlive(child!), { timeout: 20_000 }).toBe(false);
  });

  test("kills a process whose handler keeps it from hearing, and says so", async () => {
    const { running, tasks } = crew("--grace", "100ms");
    const call = await tasks.submit.asynchronous(60_000);
    await expect.poll(() => call.status(), { timeout: 20_000 }).toMatchObject({ state: "running" });
    running.signal("SIGTERM");
    await running.until("stopping");
    running.signal("SIGTERM");
    await running.until("it is killed");
    await expect(running.ended).resolves.toBe(1);
  });
});

describeRedis("taskpact worker's settings", () => {
  test("are those of the flag, else the variable, else the configuration", async () => {
    const namespace = namespaceUntil(onTestFinished);
    const worker = { module: "handlers/index.ts", workers: 3, concurrency: 7 };
    const config = { broker: sharedRedisUrl(), namespace, worker };
    await stage.write("configured/taskpact.config.ts", `export default ${JSON.stringify(config)};`);
    await stage.write("configured/handlers/index.ts", 'export { math } from "../../handlers/index.ts";');
    const running = stage.start(["worker", "--project", "configured", "--workers", "1"], {
      env: { TASKPACT_WORKERS: "2", TASKPACT_CONCURRENCY: "5" },
    });
    expect(JSON.parse(await running.until("starting"))).toMatchObject({ workers: 1 });
    expect(JSON.parse(await running.until("listening"))).toMatchObject({ concurrency: 5, queues: ["math"] });
    running.signal("SIGTERM");
    await expect(running.ended).resolves.toBe(0);
  });
});

test.for([
  [["handlers/gone.ts"], "there is no handlers/gone.ts"],
  [["handlers/nothing.ts"], "exports no implementations"],
  [["handlers/broken.ts"], "no database"],
  [["handlers/index.ts", "--workers", "none"], "It is a whole number, at least 1."],
  [["handlers/index.ts", "--broker", "memory:"], "a memory: broker is of one process alone"],
  [["handlers/index.ts", "--broker", "http://127.0.0.1"], "brokers that are known"],
] as const)("taskpact worker %j ends with code 2, and says: %s", async ([args, reason]) => {
  await stage.write("handlers/nothing.ts", "export const nothing = 1;");
  await stage.write("handlers/broken.ts", 'throw new Error("no database");');
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
