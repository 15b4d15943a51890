import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Broker } from "taskpact";
import { expect, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import type { ClaimedCall, ClaimRequest, Report } from "../../runtime/broker.ts";
import { readHeader } from "../../runtime/header.ts";
import { queue, reply, submission } from "../../runtime/testing/conformance/lab.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { Proxy } from "../protocol/proxy.ts";
import { shaOf } from "../protocol/by-hand.ts";
import { writePlain } from "../protocol/record.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { reported, reportedOnBrokers } from "./reported.ts";

const generous = 60_000;
const { signal } = new AbortController();

/** What a claim asks, but for its queue. */
const wish = { worker: "w", limit: 1_000, waitMs: 0, leaseMs: 60_000, suspect: false, signal };

async function claim(broker: Broker, request: Partial<ClaimRequest> = {}): Promise<readonly ClaimedCall[]> {
  const queues = [{ name: queue, tasks: ["q.task"] }];
  return (await broker.claim({ ...wish, queues, ...request })).flatMap(({ calls }) => calls);
}

const beat = { worker: "reaper", queues: [{ name: queue, tasks: [], fences: [] }], leaseMs: 60_000 };
const reap = (broker: Broker) => broker.renew({ ...beat, presenceMs: 0, maxDeliveries: 3, reap: true });

/** Resolves when so many calls of dead workers have been taken back. */
async function takenBack(broker: Broker, count: number): Promise<void> {
  let reaped = 0;
  await expect.poll(async () => (reaped += (await reap(broker)).reaped)).toBe(count);
}

/** A worker dies with what it claims, and is found out. */
async function dieWith(broker: Broker): Promise<void> {
  await takenBack(broker, (await claim(broker, { leaseMs: 1 })).length);
}

reportedOnBrokers(
  "A6",
  "a call that began on a worker that stopped runs on another worker, not at its caller",
  async ({ lab, got }) => {
    const worker = await lab.worker();
    const tasks = lab.client({ implementations: [lab.implementation("here")] });
    const patient = tasks.with({ policy: "remote-first", fallbackAfterMs: 1_500, timeoutMs: generous });
    const answer = patient.held("x");
    await lab.begun("x");
    await worker.stop(0);
    // Its own turn to fall back comes after that of the call before it.
    expect(await patient.movable([])).toBe("here");
    const ranUntilThen = [...lab.ran];
    lab.release("x");
    await lab.worker({}, "another worker");
    const { place } = (await answer) as { readonly place: string };
    got(`it ran on a worker, then ${place === "here" ? "at its caller" : `on ${place}`}`);
    expect(ranUntilThen).toEqual(["held:x:worker", "movable:here"]);
    expect(place).toBe("another worker");
  },
  generous,
);

reportedOnBrokers(
  "A6",
  "a submitted call that began on a worker that stopped runs again, also past the time by which it was to start",
  async ({ lab, got }) => {
    const worker = await lab.worker();
    const tasks = lab.client();
    const handle = await tasks.with({ expiresInMs: 1_000 }).submit.held("x");
    await lab.begun("x");
    await worker.stop(0);
    await sleep(1_100);
    lab.release("x");
    await lab.worker({}, "another worker");
    await expect.poll(async () => (await handle.status()).state, { timeout: 10_000 }).toBe("succeeded");
    got(lab.ran.join(", "));
    expect(lab.ran).toEqual(["held:x:worker", "held:x:another worker"]);
  },
  generous,
);

reportedOnBrokers(
  "A6",
  "a call whose worker died, excused and then put aside by another, can't be revoked",
  async ({ lab, got }) => {
    const broker = lab.broker();
    const submit = (id: string) => broker.submit(queue, { calls: [submission(id)], acknowledged: [] });
    await submit("suspect");
    await dieWith(broker);
    expect((await claim(broker, { worker: "dying", suspect: true, leaseMs: 1 })).length).toBe(1);
    await submit("excused");
    expect((await claim(broker, { worker: "dying", leaseMs: 1 })).length).toBe(1);
    await takenBack(broker, 2);
    let fence = 0;
    for (const _ of [1, 2]) {
      const batches = await broker.claim({ ...wish, queues: [{ name: queue, tasks: ["q.task"] }], suspect: true });
      if (batches[0]?.calls[0]?.id === "excused") ({ fence } = batches[0]);
    }
    const aside: Report = { kind: "aside", id: "excused", fence, task: "q.other" };
    expect(await broker.finish(queue, [aside])).toEqual(["accepted"]);
    const revoked = await broker.revoke(queue, "excused", "n");
    got(revoked ? "revoked, to be run by its caller, too" : "not revoked");
    expect(revoked).toBe(false);
  },
  generous,
);

reportedOnBrokers(
  "A13",
  "100 calls of a worker that died run 1, 2, 4, 8 at a time as they succeed",
  async ({ lab, got }) => {
    const broker = lab.broker();
    const names = Array.from({ length: 100 }, (_, index) => `c${index}`);
    const tasks = lab.client();
    const running: (() => void)[] = [];
    lab.acts["run"] = () => new Promise<void>((resolve) => running.push(resolve));
    const handles = await Promise.all(names.map((id) => tasks.with({ id }).submit.acting("run", null)));
    expect((await claim(broker, { leaseMs: 1, queues: [{ name: "lab", tasks: ["lab.acting"] }] })).length).toBe(100);
    await lab.worker();
    const rounds: number[] = [];
    for (let left = 100; left > 0;) {
      const round = Math.min(left, 2 ** rounds.length);
      await expect.poll(() => running.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(round);
      // Had it claimed more of them, they would run by the time that others have come and gone.
      for (const _ of [1, 2]) await tasks.addition(1, 2);
      rounds.push(running.length);
      left -= running.length;
      for (const end of running.splice(0)) end();
    }
    await Promise.all(handles.map((handle) => handle.result()));
    got(`${rounds.join(", ")} at a time`);
    expect(rounds).toEqual([1, 2, 4, 8, 16, 32, 37]);
  },
  generous,
);

reportedOnBrokers(
  "A13",
  "one of 100 that kills its workers is parked at the third death, and no other one",
  async ({ lab, got }) => {
    const broker = lab.broker();
    const names = Array.from({ length: 100 }, (_, index) => `c${index}`);
    await broker.submit(queue, { calls: names.map((id) => submission(id)), acknowledged: [] });
    let deaths = 0;
    for (let size = 1, worker = "w0"; ;) {
      const given = await broker.claim({
        ...wish,
        worker,
        queues: [{ name: queue, tasks: ["q.task"] }],
        limit: 100,
        leaseMs: 20,
        suspect: true,
        mostSuspects: size,
      });
      const calls = given.flatMap((batch) => batch.calls.map((call) => ({ ...call, fence: batch.fence })));
      if (calls.length === 0) break;
      if (calls.some(({ id }) => id === "c41")) {
        // Each life of a worker ends with it, and the next one begins with one at a time.
        worker = `w${++deaths}`;
        size = 1;
        await takenBack(broker, calls.length);
        continue;
      }
      const record = reply("done");
      await broker.finish(
        queue,
        calls.map(({ id, fence }) => ({ kind: "finish", id, fence, record, ttlMs: 60_000 })),
      );
      size += calls.length;
    }
    const states = (await broker.read(queue, names)).map((call) => call?.state);
    const parked = names.filter((_, index) => states[index] === "parked");
    got(`${deaths} deaths; parked: ${parked.join()}`);
    expect(parked).toEqual(["c41"]);
    expect(deaths).toBe(3);
    expect(states.filter((state) => state === "succeeded").length).toBe(99);
  },
  generous,
);

describeRedis("over a real Redis", () => {
  /** A broker, a connection of the test's own, and the keys of the queue. */
  function open() {
    const namespace = namespaceUntil(onTestFinished);
    const broker = new RedisBroker(sharedRedisUrl(), { namespace });
    const redis = new Redis(sharedRedisUrl());
    onTestFinished(async () => {
      redis.disconnect();
      await broker.close();
    });
    const key = (name: string): string => `${namespace}:{${queue}}:${name}`;
    const submit = (...ids: readonly string[]) =>
      broker.submit(queue, { calls: ids.map((id) => submission(id)), acknowledged: [] });
    return { namespace, broker, redis, key, submit };
  }

  reported("F1", "leases that can't be taken back keep no other one waiting", async (got) => {
    const { broker, redis, key, submit } = open();
    const names = Array.from({ length: 130 }, (_, index) => `c${index}`);
    await submit(...names, "sound");
    for (const name of names) {
      expect((await claim(broker, { limit: 1, leaseMs: 1 })).map(({ id }) => id)).toEqual([name]);
      await redis.set(key(`failures:${name}`), "of a wrong type");
    }
    expect((await claim(broker, { leaseMs: 1 })).map(({ id }) => id)).toEqual(["sound"]);
    let beats = 0;
    for (const _ of names) {
      await reap(broker).catch(() => undefined);
      beats += 1;
      const [sound] = await broker.read(queue, ["sound"]);
      if (sound?.state === "queued") break;
    }
    const [call] = await broker.read(queue, ["sound"]);
    got(`${call?.state} after ${beats} beats`);
    expect(call?.state).toBe("queued");
    // Nor do those of one claim.
    await submit(...names.map((name) => `${name}'`), "z");
    expect((await claim(broker, { leaseMs: 1 })).length).toBe(131);
    for (const name of names) await redis.set(key(`failures:${name}'`), "of a wrong type");
    await expect
      .poll(async () => {
        await reap(broker).catch(() => undefined);
        return (await broker.read(queue, ["z"]))[0]?.state;
      })
      .toBe("queued");
  });

  reported("F1", "a beat that can't take back lapsed calls still renews the worker's own leases", async (got) => {
    const { broker, redis, key, submit } = open();
    await submit("held");
    await claim(broker, { leaseMs: 10_000 });
    const fence = (await redis.zscore(key("leases"), "held"))!;
    const due = async () => Number(await redis.zscore(key("expiry"), fence));
    const before = await due();
    await redis.set(key("excused"), "of a wrong type");
    const queues = [{ name: queue, tasks: [], fences: [Number(fence)] }];
    const { lost, failed } = await broker.renew({
      ...beat,
      worker: "w",
      queues,
      presenceMs: 0,
      maxDeliveries: 3,
      reap: true,
    });
    got(`renewed by ${Math.round(((await due()) - before) / 1_000)} s; kept: ${failed?.[0]?.kept}`);
    expect(lost).toEqual([]);
    expect(failed).toMatchObject([{ queue, kept: true, error: { code: "internal" } }]);
    expect((await due()) - before).toBeGreaterThan(40_000);
  });

  reported("F6", "a worker that stops gives back what a claim was given whose reply was lost", async (got) => {
    const { namespace, broker, redis, key, submit } = open();
    const proxy = await Proxy.to(sharedRedisUrl(), onTestFinished);
    const stopping = new RedisBroker(proxy.url, { namespace });
    onTestFinished(() => stopping.close());
    expect(await claim(stopping, { worker: "stopping" })).toEqual([]);
    const { sent, lost } = proxy.loseReplyTo(await shaOf(redis, "claim"));
    const stop = new AbortController();
    const claiming = claim(stopping, { worker: "stopping", waitMs: 10_000, signal: stop.signal });
    await sent;
    await submit("a", "b");
    await lost;
    stop.abort();
    expect(await claiming).toEqual([]);
    await stopping.renew({ ...beat, worker: "stopping", presenceMs: 0, maxDeliveries: 3, reap: false });
    const calls = await claim(broker, { worker: "other" });
    got(`${calls.length} of 2 calls can be claimed, ${await redis.zcard(key("expiry"))} claims hold some`);
    expect(calls.map(({ id, record }) => [id, readHeader(record)?.deaths])).toEqual([
      ["a", 0],
      ["b", 0],
    ]);
  });

  reported("F8", "a suspect whose record is lost is forgotten with its attempt", async (got) => {
    const { broker, redis, key, submit } = open();
    for (const end of ["finish", "release", "reap"] as const) {
      await submit(end);
      await dieWith(broker);
      const queues = [{ name: queue, tasks: ["q.task"] }];
      const leaseMs = end === "reap" ? 1 : 60_000;
      const [batch] = await broker.claim({ ...wish, worker: end, queues, suspect: true, leaseMs });
      expect(batch?.calls).toMatchObject([{ id: end, suspect: true }]);
      await redis.del(key(`result:${end}`));
      const about = { id: end, fence: batch!.fence };
      if (end === "finish") await broker.finish(queue, [{ ...about, kind: end, record: reply("x"), ttlMs: 60_000 }]);
      else if (end === "release") await broker.finish(queue, [{ ...about, kind: end }]);
      else await expect.poll(async () => (await reap(broker)).reaped).toBe(1);
    }
    const left = await redis.hgetall(key("suspected"));
    got(`left: ${JSON.stringify(left)}`);
    expect(left).toEqual({});
  });

  reported("F9", "what a plain listener has answered stays its answer, whoever held the call", async (got) => {
    const { broker, redis, key } = open();
    const request = writePlain({ task: "q.task", params: {} });
    await redis.set(key("result:a"), request);
    // As it is where a plain client sends it twice.
    await redis.rpush(key("queue"), "a", "a");
    expect((await claim(broker, { limit: 1, leaseMs: 1 })).map(({ id }) => id)).toEqual(["a"]);
    expect(await redis.lpop(key("queue"))).toBe("a");
    const answer = writePlain({ value: 10 });
    await redis.setex(key("result:a"), 60, answer);
    await expect
      .poll(async () => {
        await reap(broker);
        return redis.zcard(key("expiry"));
      })
      .toBe(0);
    const stays = (await redis.getBuffer(key("result:a")))?.equals(answer) === true;
    got(stays ? "the answer stays" : "it is parked, without its answer");
    expect(stays).toBe(true);
    expect(await claim(broker, { suspect: true })).toEqual([]);
  });
});
