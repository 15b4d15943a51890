import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { text } from "../../examples/handlers/text.ts";
import { timing } from "../../examples/handlers/timing.ts";
import { implementMath, isDeclared } from "../../generated/index.ts";
import { Place } from "../protocol/place.ts";
import { writeRecord } from "../protocol/record.ts";
import { startRedis } from "../redis/server.ts";
import { cutPython, describePython, Program, python } from "./program.ts";

/** examples/python/worker.py, which listens by now. */
async function pythonWorker({ url, namespace }: Place, ...args: readonly string[]): Promise<Program> {
  const worker = new Program("worker.py", url, "--namespace", namespace, ...args);
  await Promise.all([worker.printed("listening to math"), worker.printed("listening to text")]);
  return worker;
}

/** A worker whose one task is a function `handler(params, context)`. SIGTERM stops it. */
async function workerOf({ url, namespace }: Place, task: string, handler: string): Promise<Program> {
  const [queue] = task.split(".");
  const worker = python(`
import signal, threading
from taskpact import Task, TaskError, Worker
${handler}
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
worker = Worker("${url}", "${queue}", {"${task}": Task(handler)}, namespace="${namespace}")
thread = threading.Thread(target=worker.run, args=(0.1,))
thread.start()
signal.sigwait({signal.SIGTERM})
worker.stop()
thread.join()
say("stopped")`);
  await worker.printed("listening");
  return worker;
}

const revision = (number: bigint, day: number) => ({
  number,
  savedAt: new Date(Date.UTC(2026, 0, day, 3, 4, 5, 678)),
  paragraphs: new Map([
    ["intro", `Grüße 早上好 ${day}`],
    [`p${day}`, ""],
  ]),
  authors: new Set(["Ann", `author ${day}`]),
  attachment: new Uint8Array(day * 9_000).fill(day),
  review: { by: "Bo", note: { text: "fine", at: new Date(-1) } },
});

describePython("a worker in Python serves a taskpact client", { timeout: 30_000 }, () => {
  test("with values, progress and declared errors", async () => {
    const place = new Place();
    await pythonWorker(place);
    const progress: unknown[] = [];
    const tasks = place.tasks().with({ policy: "remote-only", onProgress: (value) => void progress.push(value) });
    expect(await tasks.division(1, 8)).toBe(0.125);
    expect(progress.at(-1)).toEqual({ current: 1, total: 1 });
    expect(await tasks.division(2 ** 53 - 1, 1)).toBe(2 ** 53 - 1);
    expect(await tasks.division(-1, 2 ** 31)).toBe(-1 / 2 ** 31);
    const error: unknown = await tasks.division(7.5, 0).catch((thrown: unknown) => thrown);
    expect(isDeclared(error, "division", "divisionByZero") && error.data).toEqual({ dividend: 7.5 });
  });

  test.each([0n, 127n, 128n, 255n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 200n])(
    "as TypeScript would, with a bigint of %d, dates, maps, sets and bytes",
    async (number) => {
      const place = new Place();
      await pythonWorker(place);
      const there = place.tasks().with({ policy: "remote-only" });
      const here = place.tasks(place.url, [text]).with({ policy: "local-only" });
      const drafts = [revision(number, 2), revision(number + 1n, 1)] as const;
      expect(await there.mergeRevisions(...drafts)).toEqual(await here.mergeRevisions(...drafts));
      const same = await there.safe.mergeRevisions(drafts[0], drafts[0]);
      expect(same).toMatchObject({ ok: false, error: { name: "sameRevision", data: { number } } });
    },
  );

  test("with attempts that fail, and those whose time is up", async () => {
    const place = new Place();
    await workerOf(
      place,
      "timing.asynchronous",
      `
def handler(params, context):
    if params["lagMs"] == 1 and context.attempt < 3:
        raise ValueError("once more")
    if params["lagMs"] == 2:
        raise TaskError("invalid_argument", "no", issues=[{"path": ["lagMs"], "message": "is two"}])
    if params["lagMs"] == 3:
        return object()
    context.canceled.wait(params["lagMs"] / 1000)
    return context.attempt`,
    );
    const tasks = place.tasks();
    const retry = { attempts: 3, backoff: { type: "fixed", delayMs: 1 } } as const;
    expect(await tasks.with({ retry }).asynchronous(1)).toBe(3);
    expect(await tasks.safe.asynchronous(1)).toMatchObject({
      error: { code: "failed", attempt: 1, reason: "once more" },
    });
    expect(await tasks.with({ retry }).safe.asynchronous(2)).toMatchObject({
      error: { code: "invalid_argument", attempt: 1, issues: [{ path: ["lagMs"], message: "is two" }] },
    });
    expect(await tasks.safe.asynchronous(3)).toMatchObject({ error: { code: "invalid_result" } });
    const late = tasks.with({ attemptTimeoutMs: 20, retry: { attempts: 2, backoff: { type: "fixed", delayMs: 1 } } });
    expect(await late.safe.asynchronous(20_000)).toMatchObject({ error: { code: "deadline_exceeded", attempt: 2 } });
    const kept = await tasks.with({ keepRequest: true }).submit.asynchronous(0);
    expect(await kept.result()).toBe(1);
    expect(await (await tasks.client.parked.replay("asynchronous", kept.id)).result()).toBe(1);
  });

  test("with a call that is canceled while it runs, and one that is given back when it stops", async () => {
    const place = new Place();
    const worker = await workerOf(
      place,
      "timing.asynchronous",
      `
def handler(params, context):
    say("began", context.id)
    context.canceled.wait()
    say("left", context.id)`,
    );
    const tasks = place.tasks();
    const canceled = await tasks.submit.asynchronous(1);
    await worker.printed(`began ${canceled.id}`);
    expect(await canceled.cancel()).toBe("canceled");
    await worker.printed(`left ${canceled.id}`);
    const released = await tasks.submit.asynchronous(2);
    await worker.printed(`began ${released.id}`);
    worker.kill("SIGTERM");
    await worker.printed("stopped");
    expect(await released.status()).toMatchObject({ state: "queued" });
    const redis = new Redis(place.url);
    onTestFinished(() => redis.disconnect());
    expect(await redis.zcard(place.key("timing", "workers"))).toBe(0);
    await place.worker([timing]);
    expect(await released.result()).toBeGreaterThanOrEqual(1);
  });

  test("and parks what it can't read, puts newer records aside, and answers their neighbours", async () => {
    const place = new Place();
    const redis = new Redis(place.url);
    onTestFinished(() => redis.disconnect());
    const tasks = place.tasks();
    const before = await tasks.submit.division(1, 2);
    const records = {
      bytes: Buffer.from("hello, is this a queue?"),
      nameless: writeRecord({}, { params: {} } as never),
      stateless: writeRecord({ state: 200 }, { task: "math.division", params: {} }),
      newer: writeRecord({ version: 2 }, { task: "math.division", params: {} }),
    };
    for (const [id, record] of Object.entries(records)) {
      await redis.set(place.key("math", `result:${id}`), record);
      await redis.rpush(place.key("math", "queue"), id);
    }
    const after = await tasks.submit.division(1, 4);
    await pythonWorker(place);
    expect([await before.result(), await after.result()]).toEqual([0.5, 0.25]);
    const parked = await redis.zrange(place.key("math", "parked"), "0", "-1");
    expect(parked.toSorted()).toEqual(["bytes", "nameless", "stateless"]);
    expect(await redis.lrange(place.key("math", "aside:@protocol-2"), 0, -1)).toEqual(["newer"]);
    expect(await redis.zcard(place.key("math", "expiry"))).toBe(0);
  });

  test("beside one in TypeScript: 500 calls, each run once, and each by who can", async () => {
    const place = new Place();
    const ran: number[] = [];
    const sums = implementMath({
      addition: ({ a, b }) => a + b,
      subtraction: () => 0,
      division: ({ dividend, divisor }) => {
        ran.push(dividend);
        return dividend / divisor;
      },
    });
    const stranger = await workerOf(
      place,
      "math.division",
      `
def handler(params, context):
    say("ran", params["dividend"])
    return params["dividend"] / params["divisor"]`,
    );
    await place.worker([sums], { concurrency: 4 });
    const tasks = place.tasks();
    const numbers = Array.from({ length: 500 }, (_, number) => number);
    const answers = await Promise.all(
      numbers.map((n) => (n % 5 === 0 ? tasks.addition(n, 0.25) : tasks.division(n, 4))),
    );
    expect(answers).toEqual(numbers.map((n) => (n % 5 === 0 ? n + 0.25 : n / 4)));
    // Printed before it was answered, but read a moment later.
    await expect.poll(() => ran.length + there(stranger).length).toBe(400);
    expect(ran.length).toBeGreaterThan(0);
    expect(there(stranger).length).toBeGreaterThan(0);
    expect([...ran, ...there(stranger)].sort((a, b) => a - b)).toEqual(numbers.filter((n) => n % 5 !== 0));
  });

  test("though its connections are cut again and again: each call runs once, and none waits for a lease", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const place = new Place(server.url, "taskpact");
    const stranger = await workerOf(
      place,
      "math.division",
      `
def handler(params, context):
    say("ran", params["dividend"])
    return params["dividend"] / params["divisor"]`,
    );
    const tasks = place.tasks();
    const numbers = Array.from({ length: 300 }, (_, number) => number);
    let answered = 0;
    const began = performance.now();
    const answers = await Promise.all(
      numbers.map(async (number) => {
        const answer = await tasks.division(number, 4);
        if (++answered % 20 === 0) await cutPython(server.url);
        return answer;
      }),
    );
    expect(performance.now() - began).toBeLessThan(14_000);
    expect(answers).toEqual(numbers.map((number) => number / 4));
    await expect.poll(() => [...there(stranger)].sort((a, b) => a - b)).toEqual(numbers);
  });

  test("and is killed: a worker in TypeScript takes its calls over", async () => {
    const place = new Place();
    const stranger = await pythonWorker(place, "--slow", "60", "--lease-ms", "1000");
    const tasks = place.tasks();
    const handles = await Promise.all([1, 2, 3].map((dividend) => tasks.submit.division(dividend, 2)));
    for (const handle of handles) await expect.poll(() => handle.status()).toMatchObject({ state: "running" });
    stranger.kill("SIGKILL");
    await place.worker([math]);
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([0.5, 1, 1.5]);
  });
});

/** What a worker says that it ran. */
function there(worker: Program): readonly number[] {
  return [...worker.output.matchAll(/^ran (\d+)$/gm)].map(([, number]) => Number(number));
}
