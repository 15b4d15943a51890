import { expect, onTestFinished, test } from "vitest";
import { createTasks } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { Undertaker } from "../../runtime/undertaker.ts";
import { quiet } from "../calls/lab.ts";
import { connectRedis } from "../redis/external.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { Child } from "./child.ts";

const leaseMs = 900;

/** Workers with queues of their own, each in a process of its own, and one who calls them. */
class Place {
  readonly namespace = namespaceUntil(onTestFinished);
  readonly broker = new RedisBroker(sharedRedisUrl(), { namespace: this.namespace });
  readonly tasks;

  constructor() {
    onTestFinished(() => this.broker.close());
    this.tasks = createTasks({ broker: this.broker });
    onTestFinished(() => this.tasks.client.close());
  }

  async worker(name = ""): Promise<{ child: Child; queue: string; ran: number[] }> {
    const child = new Child("node.ts", [sharedRedisUrl(), this.namespace, String(leaseMs), name]);
    onTestFinished(() => child.kill());
    const { nodeQueue } = (await child.said()) as { nodeQueue: string };
    const ran: number[] = [];
    const listen = async () => {
      for (;;) ran.push(((await child.said()) as { ran: number }).ran);
    };
    listen().catch(() => undefined);
    return { child, queue: nodeQueue, ran };
  }
}

describeRedis("processes with queues of their own", { timeout: 120_000 }, () => {
  test("a call that is sent to one of them runs there, and never in the other", async () => {
    const { tasks, worker } = bound(new Place());
    const [one, other] = await Promise.all([worker(), worker()]);
    const there = tasks.with({ queue: one.queue });
    const times = Array.from({ length: 200 }, (_, index) => 2 * index);
    const handles = await Promise.all(times.map((lagMs) => there.submit.asynchronous(lagMs)));
    await expect(Promise.all(times.map((lagMs) => there.asynchronous(lagMs)))).resolves.toEqual(times);
    await Promise.all(handles.map((handle) => handle.result()));
    await expect.poll(() => one.ran.length).toBe(400);
    expect(other.ran).toEqual([]);
    const [info, ...others] = await tasks.client.presence(other.queue);
    expect(others).toEqual([]);
    expect(info).toMatchObject({ pid: other.child.pid, nodeQueue: other.queue });
  });

  test("one that is killed leaves nobody waiting, no call lost, and nothing in Redis for ever", async () => {
    const place = new Place();
    const { broker, namespace } = place;
    const { tasks, worker } = bound(place);
    const [one, other] = await Promise.all([worker(), worker()]);
    const there = tasks.with({ queue: one.queue });
    const running = there.safe.asynchronous(1);
    const submitted = await there.submit.asynchronous(3);
    await expect.poll(() => one.ran.length).toBe(2);
    await tasks.client.pause({ queue: one.queue });
    const waiting = await there.submit.asynchronous(4);
    const awaited = there.safe.asynchronous(6);
    await one.child.kill();

    expect(await awaited).toMatchObject({ ok: false, error: { code: "unavailable" } });
    expect(await running).toMatchObject({ ok: false, error: { code: "worker_lost" } });
    await expect(there.submit.asynchronous(8)).rejects.toMatchObject({ code: "unavailable" });
    // Its first death parks what only it could run.
    await expect(submitted.result()).rejects.toMatchObject({ code: "worker_lost" });
    await expect(waiting.status()).resolves.toMatchObject({ state: "queued" });

    const undertaker = new Undertaker(broker, quiet, { everyMs: 50, absentMs: 50 });
    onTestFinished(() => undertaker.stop());
    undertaker.start();
    await expect(waiting.result()).rejects.toMatchObject({ code: "unavailable" });
    await undertaker.stop();
    const { calls } = await tasks.client.parked.list({ queue: one.queue });
    expect(calls.map(({ id }) => id)).toEqual(expect.arrayContaining([submitted.id, waiting.id]));
    expect(other.ran).toEqual([]);
    await expect(tasks.with({ queue: other.queue }).asynchronous(2)).resolves.toBe(2);

    const redis = await connectRedis(sharedRedisUrl());
    onTestFinished(() => redis.disconnect());
    const keys = await redis.keys(`${namespace}:{${one.queue}}:*`);
    expect(keys.length).toBeGreaterThan(0);
    const lasting = [];
    for (const key of keys) if ((await redis.pttl(key)) === -1) lasting.push(key);
    expect(lasting).toEqual([]);
  });

  test("a name that stays is served by the next process when the one before was killed", async () => {
    const { tasks, worker } = bound(new Place());
    const one = await worker("camera-7");
    const other = await worker("camera-7");
    expect([one.queue, other.queue]).toEqual(["node:camera-7", "node:camera-7"]);
    const there = tasks.with({ queue: "node:camera-7" });
    await expect(there.asynchronous(2)).resolves.toBe(2);
    expect([one.ran, other.ran]).toEqual([[2], []]);
    await one.child.kill();
    const handle = await there.submit.asynchronous(4);
    await expect(handle.result({ timeoutMs: 60_000 })).resolves.toBe(4);
    expect(other.ran).toEqual([4]);
  });
});

function bound(place: Place) {
  return { tasks: place.tasks, worker: (name?: string) => place.worker(name) };
}
