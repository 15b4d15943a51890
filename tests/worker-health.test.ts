import { expect, onTestFinished, test } from "vitest";
import { type Broker, createWorker, TaskError, type Worker, type WorkerOptions } from "taskpact";
import { createClient } from "taskpact/codegen";
import { openBroker } from "../runtime/brokers/open.ts";
import { CallLab, type LooseTasks, quiet, registry } from "./calls/lab.ts";
import { Proxy } from "./protocol/proxy.ts";
import { startRedis } from "./redis/server.ts";
import { describeRedis } from "./redis/suite.ts";

const namespace = "taskpact-health";
let stores = 0;

/** A worker of the lab's tasks that runs; `run` settles as its `run()` does. */
function start(lab: CallLab, options: Partial<WorkerOptions>): { worker: Worker; run: Promise<unknown> } {
  const broker = options.broker ?? `memory:health-${stores}`;
  const implementations = [lab.implementation("worker")];
  const worker = createWorker({ implementations, log: quiet, leaseMs: 300, ...options, broker });
  const run = worker.run().catch((error: unknown) => error);
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await run;
  });
  return { worker, run };
}

function open(): { readonly lab: CallLab; readonly tasks: LooseTasks; readonly url: string } {
  const url = `memory:health-${++stores}`;
  const lab = new CallLab(() => url);
  return { lab, url, tasks: lab.client() };
}

test("handlers that go on after their call was answered are stuck: more than may be make it unhealthy", async () => {
  const { lab, url, tasks } = open();
  const { worker } = start(lab, { broker: url, concurrency: 5, maxStuck: 1 });
  expect(worker.health()).toEqual({ healthy: true, problems: [], running: 0, waiting: 0, concurrency: 5, stuck: {} });
  await Promise.all(["a", "b"].map((latch) => expect(tasks.stubborn(latch)).rejects.toThrow("deadline_exceeded")));
  await expect.poll(() => worker.health().healthy, { timeout: 5_000 }).toBe(false);
  expect(worker.health()).toMatchObject({
    problems: ["2 of 5 slots are held by handlers past their end: lab.stubborn (2)"],
    running: 2,
    stuck: { "lab.stubborn": 2 },
  });
  lab.release("a");
  await expect.poll(() => worker.health().healthy).toBe(true);
  lab.release("b");
});

test("with stopWhenStuck its run rejects and says which tasks", async () => {
  const { lab, url, tasks } = open();
  const { run } = start(lab, { broker: url, concurrency: 5, maxStuck: 1, stopWhenStuck: true, graceMs: 50 });
  const other = tasks.held("fine");
  await Promise.all(["a", "b"].map((latch) => expect(tasks.stubborn(latch)).rejects.toThrow("deadline_exceeded")));
  expect(await run).toMatchObject({
    code: "resource_exhausted",
    message: expect.stringMatching(/lab\.stubborn \(2\)/),
  });
  // What else it ran went back.
  const { worker } = start(lab, { broker: url });
  lab.release("fine");
  await expect(other).resolves.toMatchObject({ attempt: 1 });
  await worker.stop();
});

test("where calls wait and none is claimed, it is unhealthy, and claims over new connections", async () => {
  const { lab, url, tasks } = open();
  const inner = openBroker(url, { namespace: "taskpact" });
  onTestFinished(() => inner.close());
  const afresh: boolean[] = [];
  // A claim that hangs, whatever becomes of its signal, as no broker should have it.
  const broken: Broker = Object.create(inner, {
    claim: {
      value: (request: Parameters<Broker["claim"]>[0]) => {
        afresh.push(request.afresh === true);
        return afresh.includes(true) ? inner.claim(request) : new Promise(() => undefined);
      },
    },
  }) as Broker;
  for (const name of ["submit", "finish", "renew", "subscribe", "close"] as const) {
    Object.defineProperty(broken, name, { value: (inner[name] as () => unknown).bind(inner) });
  }
  const { worker } = start(lab, { broker: broken, unhealthyAfterMs: 400 });
  const answer = tasks.addition(1, 2);
  await expect
    .poll(() => worker.health().problems, { interval: 5 })
    .toEqual([expect.stringMatching(/^calls wait, and none was claimed for \d s$/)]);
  await expect(answer).resolves.toBe(3);
  expect(worker.health().healthy).toBe(true);
  expect(afresh.slice(0, 2)).toEqual([false, true]);
});

test("that a worker which is stopping claims nothing is no fault of it", async () => {
  const { lab, url, tasks } = open();
  const inner = openBroker(url, { namespace: "taskpact" });
  onTestFinished(() => inner.close());
  let beats = 0;
  const broker: Broker = Object.create(inner) as Broker;
  for (const name of ["submit", "claim", "finish", "renew", "subscribe", "close"] as const) {
    const method = (inner[name] as (...args: unknown[]) => unknown).bind(inner);
    const value = (...args: unknown[]) => {
      if (name === "renew") beats += 1;
      return method(...args);
    };
    Object.defineProperty(broker, name, { value });
  }
  const { worker } = start(lab, { broker, unhealthyAfterMs: 100 });
  const running = tasks.held("running");
  await lab.begun("running");
  const stopped = worker.stop({ graceMs: 60_000 });
  const waiting = tasks.safe.held("waiting");
  const before = beats;
  await expect.poll(() => beats, { timeout: 5_000 }).toBeGreaterThan(before + 5);
  expect(worker.health()).toMatchObject({ healthy: true, running: 1 });
  lab.release("running");
  await expect(running).resolves.toMatchObject({ latch: "running" });
  await stopped;
  await tasks.client.close();
  expect(await waiting).toMatchObject({ ok: false });
});

test("what a worker could not give back at its end is not kept by its last beat", async () => {
  const { lab, url, tasks } = open();
  const inner = openBroker(url, { namespace: "taskpact" });
  onTestFinished(() => inner.close());
  const beats: Parameters<Broker["renew"]>[0][] = [];
  const broker: Broker = Object.create(inner, {
    finish: { value: () => Promise.reject(new TaskError("unavailable", "it is away")) },
    renew: { value: (beat: Parameters<Broker["renew"]>[0]) => (beats.push(beat), inner.renew(beat)) },
  }) as Broker;
  for (const name of ["claim", "subscribe", "close"] as const) {
    Object.defineProperty(broker, name, { value: (inner[name] as () => unknown).bind(inner) });
  }
  const { worker } = start(lab, { broker, leaseMs: 15_000 });
  const answer = tasks.safe.held("a");
  await lab.begun("a");
  await worker.stop({ graceMs: 0 });
  expect(beats.at(-1)).toMatchObject({ presenceMs: 0, queues: beats[0]!.queues.map(() => ({ fences: [] })) });
  await tasks.client.close();
  expect(await answer).toMatchObject({ ok: false });
});

test("options that can't be followed are refused", () => {
  const { lab } = open();
  const make = (options: object) => () =>
    createWorker({ broker: "memory:", implementations: [lab.implementation("x")], ...options });
  expect(make({ maxStuck: 0 })).toThrow(/maxStuck must be a whole number, at least 1; got 0/);
  expect(make({ stopWhenStuck: "yes" })).toThrow(/stopWhenStuck must be one of true, false; got "yes"/);
  expect(make({ unhealthyAfterMs: -1 })).toThrow(/unhealthyAfterMs must be a positive number/);
  expect(make({ graceMs: -1 })).toThrow(/graceMs must be a positive number/);
  expect(make({ concurency: 5 })).toThrow(/there is no option "concurency"; there are broker, /);
});

describeRedis("a worker whose Redis is there and does not answer", () => {
  test("stops at once when told to, and says what is wrong until then", { timeout: 30_000 }, async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const proxy = await Proxy.to(server.url, onTestFinished);
    const lab = new CallLab(() => server.url);
    const tasks = createClient<LooseTasks>(registry, { broker: server.url, namespace, log: quiet });
    onTestFinished(() => tasks.client.close());
    const { worker, run } = start(lab, { broker: proxy.url, namespace, leaseMs: 15_000, unhealthyAfterMs: 500 });
    const answer = tasks.safe.held("x");
    await lab.begun("x");
    proxy.freeze();
    await expect
      .poll(() => worker.health().problems, { timeout: 5_000 })
      .toEqual([expect.stringMatching(/^the broker has answered no beat for \d s: /)]);
    const begun = performance.now();
    await worker.stop({ graceMs: 0 });
    await run;
    expect(performance.now() - begun).toBeLessThan(5_000);
    await tasks.client.close();
    expect(await answer).toMatchObject({ ok: false, error: { code: "canceled" } });
  });
});
