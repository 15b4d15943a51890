import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { implementText, implementTiming } from "../../generated/index.ts";
import { type RedisServer, startRedis } from "../redis/server.ts";
import { describeRedis } from "../redis/suite.ts";
import { ByHand, redisAt, shaOf } from "./by-hand.ts";
import { countedSums } from "./counted-sums.ts";
import { packed } from "./packed.ts";
import { Place } from "./place.ts";
import { Signal } from "./signal.ts";
import { Proxy } from "./proxy.ts";
import { Published } from "./published.ts";
import { parse, writeRecord } from "./record.ts";

describeRedis("hole 1: a submit is sent twice", () => {
  test("as its reply was lost: the id stands in the list once, and the call runs once", async () => {
    const place = new Place();
    const redis = redisAt(place.url);
    const proxy = await Proxy.to(place.url, onTestFinished);
    const tasks = place.tasks(proxy.url);
    const { lost } = proxy.loseReplyTo(await shaOf(redis, "submit"));
    const sum = tasks.addition(4, 6);
    await lost;
    await expect.poll(() => redis.llen(place.key("math", "queue"))).toBe(1);
    const { implementation, ran } = countedSums();
    await place.worker([implementation]);
    expect(await sum).toBe(10);
    expect([...ran]).toEqual([[4, 1]]);
  });

  test("and the second time after its end: the reply stays a reply", async () => {
    const hand = new ByHand();
    await hand.submit("c");
    const { fence } = await hand.claim();
    expect(await hand.finish("c", fence)).toBe(true);
    const [, kind, record] = await hand.submit("c");
    expect(String(kind)).toBe("ended");
    expect(parse(record as Buffer).entries).toEqual({ value: "c" });
    expect((await hand.claim()).records.size).toBe(0);
  });
});

describeRedis("hole 2: workers wait on connections that are half open", () => {
  test("and the bells and calls that go to them are not lost", async () => {
    const place = new Place();
    const { implementation, ran } = countedSums();
    const proxy = await Proxy.to(place.url, onTestFinished);
    // Their leases are short, so that what a frozen one claims need not be waited for.
    for (let count = 0; count < 5; count++) await place.worker([implementation], { url: proxy.url, leaseMs: 600 });
    await expect.poll(() => proxy.linesThatSent(place.key("math", "bell"))).toBe(5);
    proxy.freeze();
    const tasks = place.tasks();
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const sums = Promise.all(numbers.map((number) => tasks.with({ id: `c${number}` }).addition(number, 1)));
    await place.worker([implementation], { leaseMs: 600 });
    expect(await sums).toEqual(numbers.map((number) => number + 1));
    expect([...ran].sort(([a], [b]) => a - b)).toEqual(numbers.map((number) => [number, 1]));
    // So that they can stop in peace.
    proxy.cut("");
  });
});

describeRedis("hole 3: calls are judged lost by their place in a list", () => {
  test("one that is given back does not cast doubt on those that wait behind it", async () => {
    const hand = new ByHand();
    const ids = Array.from({ length: 50 }, (_, index) => `c${index}`);
    for (const id of ids) await hand.submit(id);
    await hand.claim({ worker: "dying", limit: 1, leaseMs: 1 });
    expect(await hand.reap()).toBe(1);
    const rest = await hand.claim({ worker: "living" });
    expect([...rest.records.keys()]).toEqual(ids.slice(1));
    const back = await hand.claim({ worker: "living", suspect: true });
    expect([...back.records.keys()]).toEqual(["c0"]);
  });
});

describeRedis("hole 4: a call that kills its workers has neighbours", () => {
  test("it is parked after three deaths, and none of the 49 beside it", async () => {
    const hand = new ByHand();
    const ids = Array.from({ length: 50 }, (_, index) => `c${index}`);
    for (const id of ids) await hand.submit(id);
    await hand.claim({ worker: "first", limit: 50, leaseMs: 1 });
    expect(await hand.reap()).toBe(50);
    for (let worker = 0; worker < 100; worker++) {
      // Whoever holds the poison dies of it, with the one suspect that each may hold.
      const { fence, records } = await hand.claim({ worker: `w${worker}`, suspect: true, leaseMs: 5 });
      if (records.size === 0) break;
      expect(records.size).toBe(1);
      if (records.has("c7")) await hand.reap();
      else for (const id of records.keys()) expect(await hand.finish(id, fence)).toBe(true);
    }
    const ends = await Promise.all(ids.map(async (id) => [id, await hand.stored(id)] as const));
    expect(ends.filter(([, stored]) => stored?.state === 8).map(([id]) => id)).toEqual(["c7"]);
    expect(ends.filter(([, stored]) => stored?.state === 4).length).toBe(49);
    expect((await hand.stored("c7"))?.deaths).toBe(3);
    expect(await hand.redis.zrange(hand.place.key("math", "parked"), "0", "-1")).toEqual(["c7"]);
  });
});

describeRedis("hole 5: Redis is over its memory limit", () => {
  test("submits are refused as resource_exhausted, and what runs still ends", async () => {
    const server = await privateRedis(["maxmemory-policy noeviction"]);
    const place = new Place(server.url, "full");
    const begun = new Signal();
    const go = new Signal();
    await place.worker([
      implementTiming({
        asynchronous: async ({ lagMs }) => {
          begun.give();
          await go.given;
          return lagMs;
        },
      }),
    ]);
    const tasks = place.tasks();
    const running = tasks.asynchronous(7);
    await begun.given;
    const redis = redisAt(server.url);
    await redis.config("SET", "maxmemory", "1mb");
    expect(await tasks.safe.asynchronous(8)).toMatchObject({ ok: false, error: { code: "resource_exhausted" } });
    await expect(tasks.submit.asynchronous(8)).rejects.toMatchObject({ code: "resource_exhausted" });
    go.give();
    expect(await running).toBe(7);
    await redis.config("SET", "maxmemory", "0");
    expect(await tasks.asynchronous(9)).toBe(9);
  });
});

describeRedis("hole 6: a connection that subscribes has its output limited", () => {
  test("large replies arrive all the same, as they are read on another, in parts", async () => {
    const server = await privateRedis(["client-output-buffer-limit pubsub 1mb 256kb 1"]);
    const place = new Place(server.url, "large");
    const attachment = new Uint8Array(900_000);
    const revision = { number: 1n, savedAt: new Date(0), paragraphs: new Map(), authors: new Set<string>() };
    await place.worker([
      implementText({
        wordCount: () => ({ words: 0, characters: 0, lines: 0 }),
        mergeRevisions: ({ ours }) => ({
          revision: { ...ours, attachment },
          conflicts: new Set(),
          apartMs: 0,
        }),
      }),
    ]);
    const redis = redisAt(server.url);
    const tasks = place.tasks();
    await tasks.mergeRevisions(revision, revision);
    const connections = await connectionsMade(redis);
    const merged = await Promise.all(
      Array.from({ length: 40 }, (_, index) => tasks.mergeRevisions({ ...revision, number: BigInt(index) }, revision)),
    );
    expect(merged.map((one) => one.revision.number)).toEqual(merged.map((_, index) => BigInt(index)));
    expect(merged.every((one) => one.revision.attachment?.length === attachment.length)).toBe(true);
    // None was cut and made again.
    expect(await connectionsMade(redis)).toBe(connections);
  });
});

async function connectionsMade(redis: Redis): Promise<string | undefined> {
  return /total_connections_received:(\d+)/.exec(await redis.info("stats"))?.[1];
}

describeRedis("hole 7: the reply to a claim is lost", () => {
  test("the next claim, which names it, is given the same calls under the same fence, and nobody is charged", async () => {
    const hand = new ByHand();
    for (const id of ["a", "b", "c"]) await hand.submit(id);
    const first = await hand.claim({ limit: 2, token: "lost" });
    const second = await hand.claim({ token: "next", lost: "lost" });
    expect(second.fence).toBe(first.fence);
    expect([...second.records]).toEqual([...first.records]);
    expect([...(await hand.claim({ lost: "never sent" })).records.keys()]).toEqual(["c"]);
    expect(await hand.finish("a", second.fence)).toBe(true);
    expect(await hand.stored("b")).toMatchObject({ deaths: 0 });
  });

  test("a worker that loses one with its connection does not wait for the lease to lapse", async () => {
    const place = new Place();
    const redis = redisAt(place.url);
    const proxy = await Proxy.to(place.url, onTestFinished);
    const { lost } = proxy.loseReplyTo(await shaOf(redis, "claim"));
    const handle = await place.tasks().submit.addition(4, 6);
    const { implementation, ran } = countedSums();
    await place.worker([implementation], { url: proxy.url, leaseMs: 60_000 });
    await lost;
    expect(await handle.result()).toBe(10);
    expect([...ran]).toEqual([[4, 1]]);
    expect(await handle.status()).toMatchObject({ state: "succeeded", attempt: 1, deaths: 0 });
  });

  test("nor does one that waits for the bell, and claims in the same write", async () => {
    const place = new Place();
    const redis = redisAt(place.url);
    const proxy = await Proxy.to(place.url, onTestFinished);
    const sha = await shaOf(redis, "claim");
    const { implementation, ran } = countedSums();
    await place.worker([implementation], { url: proxy.url, leaseMs: 60_000 });
    await expect.poll(() => proxy.linesThatSent(place.key("math", "bell"))).toBe(1);
    const { sent, lost } = proxy.loseReplyTo(sha);
    await sent;
    const handle = await place.tasks().submit.addition(4, 6);
    await lost;
    expect(await handle.result()).toBe(10);
    expect([...ran]).toEqual([[4, 1]]);
    expect(await handle.status()).toMatchObject({ state: "succeeded", attempt: 1, deaths: 0 });
  });
});

describeRedis("hole 8: an id is used again when its record is gone", () => {
  test("and the finish of its first life is refused: fences only grow, whatever is forgotten", async () => {
    const hand = new ByHand();
    await hand.submit("c");
    const stale = await hand.claim({ worker: "stalled", leaseMs: 1 });
    await hand.reap();
    const second = await hand.claim({ worker: "other", suspect: true });
    expect(await hand.finish("c", second.fence)).toBe(true);
    await hand.submit("other", {}, ["c"]);
    expect(await hand.stored("c")).toBeUndefined();

    await hand.submit("c", { again: true });
    const third = await hand.claim({ worker: "third" });
    expect(third.records.has("c")).toBe(true);
    expect(Number(third.fence)).toBeGreaterThan(Number(second.fence));
    expect(Number(second.fence)).toBeGreaterThan(Number(stale.fence));
    expect(await hand.finish("c", stale.fence)).toBe(false);
    expect(await hand.finish("c", second.fence)).toBe(false);
    expect(await hand.finish("c", third.fence)).toBe(true);
  });
});

describeRedis("hole 9: a revoked call is submitted once more", () => {
  test("it stays revoked, and never runs", async () => {
    const hand = new ByHand();
    await hand.submit("c");
    expect(await hand.revoke("c")).toBe(1);
    const [, kind, record] = await hand.submit("c");
    expect(String(kind)).toBe("ended");
    expect(parse(record as Buffer).header?.state).toBe(6);
    expect((await hand.claim()).records.size).toBe(0);
    expect(await hand.revoke("c")).toBe(1);
  });

  test("a client that does not hear whether it has revoked asks again, and runs the call once, here", async () => {
    const place = new Place();
    const redis = redisAt(place.url);
    const proxy = await Proxy.to(place.url, onTestFinished);
    const { implementation, ran } = countedSums();
    const tasks = place.tasks(proxy.url, [implementation]);
    const { lost } = proxy.loseReplyTo(await shaOf(redis, "revoke"));
    const sum = tasks.with({ policy: "remote-first", fallbackAfterMs: 300, id: "c" }).addition(4, 6);
    await lost;
    expect(await sum).toBe(10);
    await place.worker([implementation]);
    expect(await tasks.with({ policy: "remote-only" }).addition(5, 6)).toBe(11);
    expect([...ran]).toEqual([
      [4, 1],
      [5, 1],
    ]);
  });
});

describeRedis("hole 10: a message is not heard", () => {
  test("as the connection was lost before it: the client subscribes again, looks, and has its answer at once", async () => {
    const place = new Place();
    const proxy = await Proxy.to(place.url, onTestFinished);
    const begun = new Signal();
    const go = new Signal();
    await place.worker([
      implementTiming({
        asynchronous: async ({ lagMs }) => {
          begun.give();
          await go.given;
          return lagMs;
        },
      }),
    ]);
    const tasks = place.tasks(proxy.url);
    const call = tasks.asynchronous(5);
    await begun.given;
    expect(proxy.cut("SUBSCRIBE")).toBe(1);
    go.give();
    expect(await call).toBe(5);
  });

  test("as nobody said it: a look finds the answer", async () => {
    const hand = new ByHand();
    const tasks = hand.place.tasks();
    const handle = await tasks.submit.addition(4, 6);
    const result = handle.result();
    await expect.poll(() => hand.redis.exists(hand.place.key("math", `waiters:${handle.id}`))).toBe(1);
    // Whoever ends it now tells nobody, as if the message had been lost on its way.
    await hand.redis.del(hand.place.key("math", `waiters:${handle.id}`));
    const { fence } = await hand.claim();
    const record = writeRecord({ state: 4, attempt: 1, fence: Number(fence) }, { value: 10 });
    const scripts = new Published(hand.redis, hand.place.namespace);
    await scripts.run("finish", "math", [fence, 60_000, packed(handle.id, record)]);
    expect(await result).toBe(10);
  });

  test("as another client made the call: both are told, and it runs once", async () => {
    const place = new Place();
    const { implementation, ran } = countedSums();
    const [one, two] = [place.tasks().with({ id: "c" }), place.tasks().with({ id: "c" })];
    const sums = Promise.all([one.addition(4, 6), two.addition(4, 6)]);
    await place.worker([implementation]);
    expect(await sums).toEqual([10, 10]);
    expect([...ran]).toEqual([[4, 1]]);
  });
});

/** A Redis of the test's own, with some lines of redis.conf. */
async function privateRedis(config: readonly string[]): Promise<RedisServer> {
  const server = await startRedis({ config });
  onTestFinished(() => server.stop());
  return server;
}
