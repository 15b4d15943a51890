import type { Redis } from "ioredis";
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { connectRedis } from "../../../../tests/redis/external.ts";
import { namespaceUntil } from "../../../../tests/redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../../../../tests/redis/suite.ts";
import type { ClaimRequest, Notice } from "../../../broker.ts";
import { encode } from "../../../codec.ts";
import { readRequest, writeReply, writeRequest } from "../../../envelope.ts";
import { type Header, newHeader, readHeader } from "../../../header.ts";
import { newId } from "../../../id.ts";
import { RedisBroker } from "../broker.ts";
import { packed } from "../packed.ts";
import { scripts } from "./all.ts";
import { claimScript } from "./claim.ts";
import { finishScript } from "./finish.ts";
import { purgeScript } from "./purge.ts";
import { submitScript } from "./submit.ts";

describe("each script", () => {
  test.each(scripts.map(({ name, lua }) => [name, lua]))("%s says what it takes and returns", (name, lua) => {
    expect(lua).toMatch(/^#!lua( flags=allow-oom)?\n/);
    expect(lua).toContain(`-- ${name}\n-- KEYS[1] -> <namespace>:{<queue>}:queue\n-- ARGV[1] -> clock offset, ms\n`);
    expect(lua).toMatch(/^-- Returns /m);
    expect(lua).not.toMatch(/^@/m);
  });

  test("only what stores calls may be refused for want of memory, and each has a name of its own", () => {
    expect(scripts.filter(({ lua }) => !lua.includes("allow-oom")).map(({ name }) => name)).toEqual(["submit", "fire"]);
    expect(new Set(scripts.map(({ sha }) => sha)).size).toBe(scripts.length);
  });
});

describeRedis("scripts", () => {
  const namespace = namespaceUntil(afterAll);
  let redis: Redis;
  let broker: RedisBroker;
  let queues = 0;
  let queue: string;
  let key: (name: string) => string;
  beforeEach(async () => {
    redis = await connectRedis(sharedRedisUrl());
    broker = new RedisBroker(sharedRedisUrl(), { namespace });
    queue = `q${queues++}`;
    key = (name) => `${namespace}:{${queue}}:${name}`;
    return async () => {
      redis.disconnect();
      await broker.close();
    };
  });

  const submission = (id: string, header: Partial<Header> = {}, to = "c") => {
    const record = writeRequest(newHeader(header), { to, task: "q.task", params: {} });
    return { id, record, priority: "normal" as const, delayMs: 0 };
  };
  const submit = (...ids: readonly string[]) =>
    broker.submit(queue, { calls: ids.map((id) => submission(id)), acknowledged: [] });
  const claim = async (request: Partial<ClaimRequest> = {}) => {
    const served = [{ name: queue, tasks: ["q.task"] }];
    const { signal } = new AbortController();
    const all = { worker: "w", queues: served, limit: 1_000, waitMs: 0, leaseMs: 60_000, suspect: true, signal };
    const [batch] = await broker.claim({ ...all, ...request });
    return { fence: batch?.fence ?? 0, calls: batch?.calls ?? [], ids: (batch?.calls ?? []).map(({ id }) => id) };
  };
  const finish = (fence: number, ids: readonly string[], value: unknown = 1, ttlMs = 60_000) => {
    const record = writeReply(newHeader({ state: "succeeded", fence }), { value });
    return broker.finish(
      queue,
      ids.map((id) => ({ id, fence, kind: "finish" as const, record, ttlMs })),
    );
  };

  test("leases of claims whose calls have ended leave nothing behind, in whatever parts they end", async () => {
    await submit(...Array.from({ length: 300 }, (_, index) => `c${index}`));
    const { fence, ids } = await claim();
    await finish(fence, ids.slice(0, 1));
    await finish(fence, ids.slice(1, 200));
    await broker.finish(queue, [{ id: ids[200]!, fence, kind: "release" }]);
    await broker.cancel(queue, ids[201]!);
    expect([await redis.zcard(key("expiry")), await redis.zcount(key("leases"), String(fence), String(fence))]).toEqual(
      [1, 99],
    );
    expect(await finish(fence, ids.slice(202))).toEqual(ids.slice(202).map(() => "accepted"));
    expect(await redis.zcard(key("expiry"))).toBe(0);
    expect(await redis.zcard(key("leases"))).toBe(1); // The one that is no lease.
  });

  test("of calls that are cut off on their way none is stored", async () => {
    const bytes = packed(["a", submission("a").record, "b", submission("b").record]);
    const sent = redis.eval(submitScript.lua, 1, key("queue"), 0, "", "", bytes.subarray(0, -1), "");
    await expect(sent).rejects.toThrow("ERR the last record is cut off");
    expect(await redis.exists(key("result:a"), key("queue"))).toBe(0);
  });

  test("leases are kept in a tree from the first one on", async () => {
    await submit("a");
    const { fence } = await claim();
    expect(await redis.object("ENCODING", key("leases"))).toBe("skiplist");
    await finish(fence, ["a"]);
    expect(await redis.object("ENCODING", key("leases"))).toBe("skiplist");
  });

  test("a fence of 0, which nobody has, takes nothing away", async () => {
    await submit("a");
    const { fence } = await claim();
    expect(await finish(0, ["a", "b"])).toEqual(["refused", "refused"]);
    expect(await finish(fence, ["a"])).toEqual(["accepted"]);
    expect(await redis.zcard(key("leases"))).toBe(1);
  });

  test("a reply is kept until its call's deadline, until when it may be submitted again", async () => {
    const calls = [submission("late", { awaited: true, deadline: 600_000 }), submission("soon", { deadline: 1_000 })];
    await broker.submit(queue, { calls, acknowledged: [] });
    const { fence } = await claim();
    await finish(fence, ["late", "soon"], 1, 5_000);
    expect(await redis.pttl(key("result:late"))).toBeGreaterThan(590_000);
    expect(await redis.pttl(key("result:soon"))).toBeLessThanOrEqual(5_000);
  });

  test("a parked call is not forgotten with its caller's acknowledgement", async () => {
    await submit("a", "b");
    const { fence } = await claim();
    const record = writeReply(newHeader({ state: "parked" }), { error: { code: "internal", message: "no" } });
    await broker.finish(queue, [{ id: "a", fence, kind: "park", record, ttlMs: 60_000 }]);
    await finish(fence, ["b"]);
    await broker.submit(queue, { calls: [], acknowledged: ["a", "b"] });
    expect((await broker.read(queue, ["a", "b"])).map((call) => call?.state)).toEqual(["parked", undefined]);
    expect(await redis.zrange(key("parked"), "0", "-1")).toEqual(["a"]);
  });

  test("acknowledged records go whatever their number and size, and open ones stay", async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `c${index}`);
    await submit(...ids);
    const { fence } = await claim({ limit: 150 });
    await finish(fence, ids.slice(0, 70), "x".repeat(20_000));
    await finish(fence, ids.slice(70, 100));
    await broker.submit(queue, { calls: [], acknowledged: ids });
    const found = await broker.read(queue, ids);
    expect(found.map((call) => call?.state)).toEqual([
      ...Array.from({ length: 100 }, () => undefined),
      ...Array.from({ length: 50 }, () => "running"),
      ...Array.from({ length: 50 }, () => "queued"),
    ]);
  });

  test("a message of many replies is bounded: what is too much is told without its record", async () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `c${index}`);
    const heard: Notice[] = [];
    const stop = await broker.subscribe("client:c", (notice) => heard.push(notice));
    onTestFinished(stop);
    await submit(...ids);
    const { fence } = await claim();
    // Our own workers send less in one step; others may send 8 MB.
    const record = writeReply(newHeader({ state: "succeeded", fence }), { value: "x".repeat(8_000) });
    const replies = packed(ids.flatMap((id) => [id, record]));
    await redis.eval(finishScript.lua, 1, key("queue"), 0, fence, 60_000, replies);
    await expect.poll(() => heard.length).toBe(1_000);
    const bytes = heard.reduce((sum, notice) => sum + ("record" in notice ? (notice.record?.length ?? 0) : 0), 0);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(1_150_000);
  });

  test("a request of the plain level is taken over: it no longer expires, and counts its attempts", async () => {
    const fix = encode({ to: "c", task: "q.task", params: { a: 1 } });
    // As some libraries write maps: with two bytes for their size.
    const map16 = Buffer.concat([Buffer.from([0xde, 0, fix[0]! - 0x80]), fix.subarray(1)]);
    for (const [id, record] of Object.entries({ fix: Buffer.from(fix), map16 })) {
      await redis.setex(key(`result:${id}`), 60, record);
      await redis.rpush(key("queue"), id);
    }
    const { fence, calls, ids } = await claim();
    expect(ids).toEqual(["fix", "map16"]);
    for (const { id, record } of calls) {
      expect(readRequest(record)).toMatchObject({ to: "c", task: "q.task", params: { a: 1 } });
      expect(await redis.ttl(key(`result:${id}`))).toBe(-1);
      await broker.finish(queue, [{ id, fence, kind: "retry", delayMs: 0, failure: encode("no") }]);
    }
    const again = await claim();
    expect(again.calls.map(({ record }) => readHeader(record)?.attempt)).toEqual([1, 1]);
  });

  test("a reply of the plain level is one, also if its id was pushed again", async () => {
    await redis.setex(key("result:done"), 60, Buffer.from(encode({ value: null })));
    await redis.setex(key("result:failed"), 60, Buffer.from(encode({ error: { code: "failed", message: "no" } })));
    await redis.rpush(key("queue"), "done", "failed");
    expect((await claim()).ids).toEqual([]);
    const found = await broker.read(queue, ["done", "failed"]);
    expect(found.map((call) => call?.state)).toEqual(["succeeded", "failed"]);
    expect((await broker.cancel(queue, "done"))?.state).toBe("succeeded");
    expect(await broker.revoke(queue, "done", "n")).toBe(false);
    // Its own submit, sent again.
    const [answer] = await submit("done");
    expect(answer?.ended).toBeDefined();
  });

  test("foreign bytes whose worker died are parked at once, for no death can be counted in them", async () => {
    await redis.set(key("result:a"), "hello");
    await redis.rpush(key("queue"), "a");
    expect((await claim({ leaseMs: 1 })).ids).toEqual(["a"]);
    const beat = { worker: "reaper", queues: [{ name: queue, tasks: [], fences: [] }] };
    const reap = () => broker.renew({ ...beat, leaseMs: 1, presenceMs: 1_000, maxDeliveries: 3, reap: true });
    await expect.poll(async () => (await reap()).reaped).toBe(1);
    expect((await broker.read(queue, ["a"]))[0]?.state).toBe("parked");
    expect((await claim()).ids).toEqual([]);
  });

  test.each(["fence", "leases", "expiry", "queue:low", "aside:q.task"])(
    "a claim that fails, as %s is of a wrong type, loses no call",
    async (name) => {
      await submit("a", "b");
      if (name.startsWith("aside")) await redis.sadd(key("asides"), "q.task");
      await redis.hset(key(name), "wrong", "type");
      await expect(claim()).rejects.toThrow(/WRONGTYPE/);
      await redis.del(key(name));
      expect((await claim()).ids).toEqual(["a", "b"]);
    },
  );

  const ofLimits = ["slots:q.task:00000000", "starts:q.task:00000000", "line:q.task:00000000:00000000"];
  test.each([...ofLimits, "lanes", "turns:slots:q.task:00000000", "blocked"])(
    "a claim that can't judge limited calls, as %s is of a wrong type, loses none",
    async (name) => {
      const limits = [{ task: "q.task", maxConcurrency: 1, rate: { limit: 10, perMs: 1_000 } }];
      const queues = [{ name: queue, tasks: ["q.task"], limits }];
      const limitKeys = "0000000000000000";
      const calls = ["a", "b", "c"].map((id) => submission(id, { limitKeys }));
      await broker.submit(queue, { calls, acknowledged: [] });
      // Of no type that any of them is.
      await redis.xadd(key(name), "*", "wrong", "type");
      await expect(claim({ queues })).rejects.toThrow(/WRONGTYPE/);
      await redis.del(key(name));
      for (const id of ["a", "b", "c"]) {
        const { fence, ids } = await claim({ queues });
        expect(ids).toEqual([id]);
        expect(await finish(fence, ids)).toEqual(["accepted"]);
      }
    },
  );

  const beat = (leaseMs = 60_000) => {
    const worker = { worker: "reaper", queues: [{ name: queue, tasks: [], fences: [] }] };
    return broker.renew({ ...worker, leaseMs, presenceMs: 1_000, maxDeliveries: 3, reap: true });
  };

  test.each([...ofLimits, "lanes", "turns:slots:q.task:00000000", "blocked"])(
    "the calls of a worker that died are taken back, each charged once, where %s is of a wrong type",
    async (name) => {
      const limits = [{ task: "q.task", maxConcurrency: 2, rate: undefined }];
      const queues = [{ name: queue, tasks: ["q.task"], limits }];
      const limitKeys = "0000000000000000";
      const calls = ["l0", "l1", "l2"].map((id) => submission(id, { limitKeys }));
      await broker.submit(queue, { calls: [submission("before"), ...calls, submission("after")], acknowledged: [] });
      expect((await claim({ queues, leaseMs: 1 })).ids).toEqual(["before", "l0", "l1", "after"]);
      await redis.del(key(name));
      await redis.xadd(key(name), "*", "wrong", "type");
      await expect.poll(async () => (await beat()).reaped).toBe(4);
      expect((await beat()).reaped).toBe(0);
      const ids = ["before", "l0", "l1", "after"];
      const found = await broker.read(queue, ids);
      expect(found.map((call) => [call?.state, readHeader(call!.record)?.deaths])).toEqual(
        ids.map(() => ["queued", 1]),
      );
      for (const id of ids) expect(await redis.llen(key(`failures:${id}`))).toBe(1);
    },
  );

  test("a dead worker's call that can't be taken back keeps no other one from it, and is told of", async () => {
    await submit("a", "b", "c");
    expect((await claim({ leaseMs: 1 })).ids).toEqual(["a", "b", "c"]);
    await redis.set(key("failures:b"), "of a wrong type");
    await expect.poll(() => redis.zcount(key("expiry"), "-inf", Date.now() - 5)).toBe(1);
    for (const _ of [1, 2, 3]) expect((await beat()).failed?.[0]?.error.message).toMatch(/WRONGTYPE/);
    const deaths = async () =>
      (await broker.read(queue, ["a", "b", "c"])).map((call) => readHeader(call!.record)?.deaths);
    expect(await deaths()).toEqual([1, 0, 1]);
    await redis.del(key("failures:b"));
    expect((await beat()).reaped).toBe(1);
    expect(await deaths()).toEqual([1, 1, 1]);
    expect(await redis.lrange(key("suspects"), 0, -1)).toEqual(["a", "c", "b"]);
  });

  test.each([
    { nestedOnly: "", priority: "normal" },
    { nestedOnly: "1", priority: "nested" },
  ] as const)(
    "a claim that gives calls says that suspects are left, if they are: %o",
    async ({ nestedOnly, priority }) => {
      await submit("s0", "s1");
      expect((await claim({ leaseMs: 1 })).ids).toEqual(["s0", "s1"]);
      await expect.poll(async () => (await beat()).reaped).toBe(2);
      const submitOne = async (id: string) =>
        broker.submit(queue, { calls: [{ ...submission(id, { priority }), priority }], acknowledged: [] });
      /** @returns how many were given, and what is left. */
      const claimed = async (suspect: string, token: string) => {
        const args = ["w", 10, 60_000, suspect, "queue", " q.task ", token, "", nestedOnly];
        const reply = (await redis.eval(claimScript.lua, 1, key("queue"), 0, ...args)) as readonly [
          string,
          ...number[],
        ];
        return [await redis.zcount(key("leases"), reply[0], reply[0]).then((count) => count - 1), reply[3]];
      };
      await submitOne("a");
      expect(await claimed("", "t0")).toEqual([1, 2]);
      await submitOne("b");
      expect(await claimed("1", "t1")).toEqual([2, 2]);
      expect(await claimed("1", "t2")).toEqual([1, 0]);
      await submitOne("c");
      expect(await claimed("1", "t3")).toEqual([1, 0]);
    },
  );

  const oneAtATime = () => {
    const limits = [{ task: "q.task", maxConcurrency: 1, rate: undefined }];
    return [{ name: queue, tasks: ["q.task"], limits }];
  };
  const lane = "q.task:00000000:00000000";
  const submitLimited = (...ids: readonly string[]) => {
    const calls = ids.map((id) => submission(id, { limitKeys: "0000000000000000" }));
    return broker.submit(queue, { calls, acknowledged: [] });
  };
  /** As if the first call of the line had been let go on so many seconds ago. */
  const letGoOnBefore = (seconds: number) =>
    redis.hset(key("lanes"), lane, String(Math.floor(Date.now() / 1_000) - seconds));

  test.each(["open", "answered"])(
    "what waits behind a limited call that a plain listener took goes on with a beat: %s by then",
    async (state) => {
      const queues = oneAtATime();
      await submitLimited("a", "b", "c");
      const { fence, ids } = await claim({ queues });
      await finish(fence, ids);
      expect(await redis.blpop(key("queue"), 1)).toEqual([key("queue"), "b"]);
      if (state === "answered") await redis.setex(key("result:b"), 60, Buffer.from(encode({ value: 1 })));
      expect((await claim({ queues })).ids).toEqual([]);
      await beat();
      expect((await claim({ queues })).ids).toEqual([]); // It may be on its way to a worker.
      await letGoOnBefore(6);
      await beat();
      const next = await claim({ queues });
      expect(next.ids).toEqual(["c"]);
      if (state === "open") await redis.setex(key("result:b"), 60, Buffer.from(encode({ value: 1 })));
      await finish(next.fence, next.ids);
      expect((await claim({ queues })).ids).toEqual([]);
      expect((await redis.keys(key("*"))).filter((one) => /:(slots|line|lanes|turns|mending)/.test(one))).toEqual([]);
      expect(await redis.get(key("blocked"))).toBe("0");
    },
  );

  test("a limited call that was let go on and waits for a worker keeps its place, however long it waits", async () => {
    const queues = oneAtATime();
    await submitLimited("a", "b", "c");
    const { fence, ids } = await claim({ queues });
    await finish(fence, ids);
    await letGoOnBefore(3_600);
    for (const _ of [1, 2, 3]) await beat();
    expect(await redis.lrange(key("queue"), 0, -1)).toEqual(["b"]);
    await broker.operator.pause(queue, "q.task", true);
    expect((await claim({ queues })).ids).toEqual([]);
    await letGoOnBefore(3_600);
    await beat();
    expect(await redis.zrange(key(`line:${lane}`), "0", "-1")).toEqual(["b", "c"]);
    await broker.operator.pause(queue, "q.task", false);
    expect((await claim({ queues })).ids).toEqual(["b"]);
  });

  test.each([1, 3, 500])(
    "of %i slots that were lost, as their calls' records are, all are free again after a few beats",
    async (maxConcurrency) => {
      const queues = [
        { name: queue, tasks: ["q.task"], limits: [{ task: "q.task", maxConcurrency, rate: undefined }] },
      ];
      const held = Array.from({ length: maxConcurrency }, (_, index) => `held${index}`);
      await submitLimited(...held);
      const { fence, ids } = await claim({ queues });
      expect(ids).toEqual(held);
      await redis.del(...held.map((id) => key(`result:${id}`)));
      await finish(fence, ids);
      const waiting = Array.from({ length: maxConcurrency }, (_, index) => `waits${index}`);
      await submitLimited(...waiting);
      const started: string[] = [];
      // A beat looks at a hundred holders of slots, of whom ever more are new ones.
      for (let beats = 0; beats < 2 + maxConcurrency / 50; beats++) {
        for (let some = await claim({ queues }); some.ids.length > 0; some = await claim({ queues }))
          started.push(...some.ids);
        await beat();
      }
      started.push(...(await claim({ queues })).ids);
      expect(started.toSorted()).toEqual(waiting.toSorted());
      expect(await redis.scard(key("slots:q.task:00000000"))).toBe(maxConcurrency);
    },
  );

  test("lanes whose turn, or whose gate's time, was lost go on with a beat", async () => {
    const both = [{ task: "q.task", maxConcurrency: 1, rate: { limit: 2, perMs: 20 } }];
    const queues = [{ name: queue, tasks: ["q.task"], limits: both }];
    await submitLimited("a", "b", "c", "d");
    const order: string[] = [];
    await expect
      .poll(async () => {
        const { fence, ids } = await claim({ queues });
        for (const gate of ["slots", "starts"]) await redis.del(key(`turns:${gate}:q.task:00000000`));
        await redis.del(key("delayed"));
        if (ids.length > 0) await finish(fence, ids);
        await beat();
        order.push(...ids);
        return order;
      })
      .toEqual(["a", "b", "c", "d"]);
  });

  test("where suspects are of a wrong type, none is taken back, charged or lost", async () => {
    await submit("a", "b");
    expect((await claim({ leaseMs: 1 })).ids).toEqual(["a", "b"]);
    await redis.set(key("suspects"), "of a wrong type");
    await expect.poll(() => redis.zcount(key("expiry"), "-inf", Date.now() - 5)).toBe(1);
    for (const _ of [1, 2, 3]) expect((await beat()).failed?.[0]?.error.message).toMatch(/WRONGTYPE/);
    await redis.del(key("suspects"));
    expect((await beat()).reaped).toBe(2);
    expect((await broker.read(queue, ["a", "b"])).map((call) => readHeader(call!.record)?.deaths)).toEqual([1, 1]);
  });

  test("of reports of which one can't be taken, the others are, and no call that is given back is lost", async () => {
    await submit("a", "b", "c");
    const { fence } = await claim();
    await redis.set(key("failures:b"), "of a wrong type");
    const release = (id: string) => ({ kind: "release", id, fence }) as const;
    const retry = { kind: "retry", id: "b", fence, delayMs: 0, failure: encode("no") } as const;
    await expect(broker.finish(queue, [release("a"), retry, release("c")])).rejects.toThrow(/WRONGTYPE/);
    expect((await broker.read(queue, ["a", "b", "c"])).map((call) => call?.state)).toEqual([
      "queued",
      "running",
      "queued",
    ]);
    expect((await claim()).ids).toEqual(["a", "c"]);
  });

  test("a call that can't be given back, as its list is of a wrong type, stays leased", async () => {
    await submit("a");
    const { fence } = await claim();
    await redis.set(key("queue"), "of a wrong type");
    await expect(broker.finish(queue, [{ kind: "release", id: "a", fence }])).rejects.toThrow(/WRONGTYPE/);
    await redis.del(key("queue"));
    expect((await broker.read(queue, ["a"]))[0]?.state).toBe("running");
    expect(await broker.finish(queue, [{ kind: "release", id: "a", fence }])).toEqual(["accepted"]);
    expect((await claim()).ids).toEqual(["a"]);
  });

  test("replies are taken, and leases over, where a key of their limits is of a wrong type", async () => {
    const limits = [{ task: "q.task", maxConcurrency: 2, rate: undefined }];
    const queues = [{ name: queue, tasks: ["q.task"], limits }];
    const calls = ["a", "b"].map((id) => submission(id, { limitKeys: "0000000000000000" }));
    await broker.submit(queue, { calls, acknowledged: [] });
    const { fence, ids } = await claim({ queues });
    await redis.del(key("slots:q.task:00000000"));
    await redis.set(key("slots:q.task:00000000"), "of a wrong type");
    expect(await finish(fence, ids)).toEqual(["accepted", "accepted"]);
    expect(await redis.zcard(key("expiry"))).toBe(0);
  });

  test.each([
    { maxConcurrency: 1, rate: undefined },
    { maxConcurrency: undefined, rate: { limit: 1, perMs: 50 } },
  ])("what waits for a limit goes on with the next call if the key with its turn was lost: %o", async (told) => {
    const queues = [{ name: queue, tasks: ["q.task"], limits: [{ task: "q.task", ...told }] }];
    const submitLimited = (id: string) =>
      broker.submit(queue, { calls: [submission(id, { limitKeys: "0000000000000000" })], acknowledged: [] });
    for (const id of ["a", "b"]) await submitLimited(id);
    const { fence, ids } = await claim({ queues });
    expect(ids).toEqual(["a"]);
    for (const name of ["slots", "starts"]) await redis.del(key(`turns:${name}:q.task:00000000`));
    await redis.del(key("delayed"));
    expect(await finish(fence, ids)).toEqual(["accepted"]);
    let next = 0;
    const claimWithNext = async () => {
      await submitLimited(`c${next++}`);
      return (await claim({ queues })).ids;
    };
    await expect.poll(claimWithNext).toEqual(["b"]);
  });

  test("what is let go on while its list is purged stays in it", async () => {
    const limits = [{ task: "q.task", maxConcurrency: 1, rate: undefined }];
    const queues = [{ name: queue, tasks: ["q.task"], limits }];
    const limitKeys = "0000000000000000";
    const calls = ["a", "b", "c"].map((id) => submission(id, { limitKeys }));
    await broker.submit(queue, { calls, acknowledged: [] });
    const { fence, ids } = await claim({ queues });
    await finish(fence, ids);
    expect(await redis.lrange(key("queue"), 0, -1)).toEqual(["b"]);
    expect(await redis.eval(purgeScript.lua, 1, key("queue"), 0, "queue", 0, "")).toEqual([1, ""]);
    expect((await claim({ queues })).ids).toEqual(["c"]);
  });

  test("a purge looks through long lines, and through many, in steps, and ends what is old in them", async () => {
    const lineOf = (lane: number, ...ids: readonly string[]) =>
      ids.map((id) => submission(id, { limitKeys: `${lane.toString(16).padStart(8, "0")}00000000` }));
    const old = [newId(), newId()];
    // Of others than ours it is not known when they were made.
    const long = Array.from({ length: 700 }, (_, index) => `long${index}`);
    const calls = Array.from({ length: 60 }, (_, lane) => lineOf(lane + 1, `first${lane}`, `${lane}`, `also ${lane}`));
    calls.push(lineOf(0, ...long, old[0]!), lineOf(61, "last", old[1]!));
    await broker.submit(queue, { calls: calls.flat(), acknowledged: [] });
    const limits = [{ task: "q.task", maxConcurrency: 1, rate: undefined }];
    const queues = [{ name: queue, tasks: ["q.task"], limits }];
    await expect
      .poll(async () => (await claim({ queues, limit: 10 })).ids.length + (await redis.llen(key("queue"))))
      .toBe(0);
    const waiting = Number(await redis.get(key("blocked")));
    const purged = await broker.operator.purge(queue, { states: ["queued"], olderThanMs: 1 });
    expect(purged).toEqual({ canceled: 2, forgotten: 0 });
    expect(Number(await redis.get(key("blocked")))).toBe(waiting - 2);
  });

  test("a claim that finds nothing but what others have leaves no lease for ever", async () => {
    await submit("a");
    const { fence } = await claim();
    await redis.rpush(key("queue"), "a");
    expect((await claim({ leaseMs: 1 })).ids).toEqual([]);
    expect(await finish(fence, ["a"])).toEqual(["accepted"]);
    const beat = { worker: "reaper", queues: [{ name: queue, tasks: [], fences: [] }], leaseMs: 1, maxDeliveries: 3 };
    await expect
      .poll(async () => {
        await broker.renew({ ...beat, presenceMs: 1_000, reap: true });
        return [await redis.zcard(key("leases")), await redis.exists(key("expiry"))];
      })
      .toEqual([1, 0]);
  });

  test("a fence that is none is begun anew", async () => {
    for (const [at, last] of ["no number", "nan", "inf", "1e300"].entries()) {
      await redis.set(key("fence"), last);
      await submit(`a${at}`);
      const { fence, ids } = await claim();
      expect(ids).toEqual([`a${at}`]);
      expect(Number.isSafeInteger(fence)).toBe(true);
      expect(await finish(fence, ids)).toEqual(["accepted"]);
    }
  });

  test("what is no fence among the ends of leases is dropped, and keeps no lease from being taken back", async () => {
    await submit("a");
    await redis.zadd(key("expiry"), 0, "no number", 0, "nan", 0, "(5", 0, "");
    expect((await claim({ leaseMs: 1 })).ids).toEqual(["a"]);
    const beat = { worker: "reaper", queues: [{ name: queue, tasks: [], fences: [] }] };
    const reap = () => broker.renew({ ...beat, leaseMs: 1, presenceMs: 1_000, maxDeliveries: 3, reap: true });
    await expect.poll(async () => (await reap()).reaped).toBe(1);
    expect(await redis.exists(key("expiry"))).toBe(0);
  });

  test("a large claim whose worker died is taken back in steps, and wholly", async () => {
    await submit(...Array.from({ length: 1_000 }, (_, index) => `c${index}`));
    expect((await claim({ leaseMs: 1 })).ids.length).toBe(1_000);
    const beat = { worker: "reaper", queues: [{ name: queue, tasks: [], fences: [] }] };
    let reaped = 0;
    await expect
      .poll(async () => {
        const reply = await broker.renew({ ...beat, leaseMs: 1, presenceMs: 1_000, maxDeliveries: 3, reap: true });
        return (reaped += reply.reaped);
      })
      .toBe(1_000);
    expect([await redis.zcard(key("leases")), await redis.llen(key("suspects"))]).toEqual([1, 1_000]);
    expect(await redis.exists(key("expiry"))).toBe(0);
  });

  test("an id that could be taken for a claim's own is no call, and harms none", async () => {
    await redis.set(key("result:\0evil"), submission("x").record);
    await redis.rpush(key("queue"), "\0evil");
    await submit("a");
    const { fence, ids } = await claim();
    expect(ids).toEqual(["a"]);
    const beat = { worker: "w", queues: [{ name: queue, tasks: [], fences: [fence] }] };
    const { lost } = await broker.renew({ ...beat, leaseMs: 60_000, presenceMs: 1_000, maxDeliveries: 3, reap: true });
    expect(lost).toEqual([]);
  });

  test("ids that name nothing, or stand in lists many times, are dropped, a bounded number a claim", async () => {
    await redis.rpush(key("queue"), ...Array.from({ length: 5_000 }, (_, index) => `ghost${index}`));
    await submit("a");
    await redis.rpush(key("queue"), "a", "a");
    await redis.rpush(key("queue:high"), "a");
    expect((await claim()).ids).toEqual(["a"]);
    expect(await redis.llen(key("queue"))).toBeGreaterThan(4_000);
    expect((await claim()).ids).toEqual([]);
    expect(await redis.llen(key("queue"))).toBe(0);
  });

  test("an id that stands in a list twice and has expired is told once", async () => {
    const heard: Notice[] = [];
    onTestFinished(await broker.subscribe("client:c", (notice) => heard.push(notice)));
    await broker.submit(queue, { calls: [submission("a", { awaited: true, deadline: 1_000 })], acknowledged: [] });
    await redis.rpush(key("queue"), "a", "a");
    const later = new RedisBroker(sharedRedisUrl(), { namespace, clockOffset: () => 60_000 });
    onTestFinished(() => later.close());
    const request = { worker: "w", limit: 10, waitMs: 0, leaseMs: 1_000, suspect: true };
    const queues = [{ name: queue, tasks: ["q.task"] }];
    expect(await later.claim({ ...request, queues, signal: new AbortController().signal })).toEqual([]);
    await submit("b");
    const { fence } = await claim();
    await finish(fence, ["b"]);
    await expect.poll(() => heard.length).toBeGreaterThan(1);
    expect(heard.map((notice) => "id" in notice && notice.id)).toEqual(["a", "b"]);
  });

  test("what can't be put into its list is not stored, and is stored when it is sent again", async () => {
    await redis.set(key("queue"), "no list");
    await expect(submit("a", "b")).rejects.toThrow(/WRONGTYPE/);
    expect(await redis.exists(key("result:a"), key("result:b"))).toBe(0);
    await redis.del(key("queue"));
    await submit("a");
    expect((await claim()).ids).toEqual(["a"]);
  });

  test("the bell holds one token at the most, and none once there is nothing left", async () => {
    for (const id of ["a", "b", "c"]) await submit(id);
    expect(await redis.llen(key("bell"))).toBe(1);
    await claim();
    expect(await redis.exists(key("bell"))).toBe(0);
  });
});
