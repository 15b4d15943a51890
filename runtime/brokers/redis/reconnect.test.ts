import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import { Proxy } from "../../../tests/protocol/proxy.ts";
import { connectRedis } from "../../../tests/redis/external.ts";
import { type RedisServer, startRedis } from "../../../tests/redis/server.ts";
import { describeRedis } from "../../../tests/redis/suite.ts";
import type { ClaimedBatch, ClaimRequest, Notice } from "../../broker.ts";
import { writeReply, writeRequest } from "../../envelope.ts";
import { newHeader } from "../../header.ts";
import { RedisBroker } from "./broker.ts";
import { claimScript } from "./scripts/claim.ts";
import { finishScript } from "./scripts/finish.ts";
import { submitScript } from "./scripts/submit.ts";

async function serve(): Promise<{ readonly server: RedisServer; readonly admin: Redis }> {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const admin = await connectRedis(server.url);
  onTestFinished(() => admin.disconnect());
  return { server, admin };
}

function open(url: string): RedisBroker {
  const broker = new RedisBroker(url, { namespace: "test", connectTimeoutMs: 5_000 });
  onTestFinished(() => broker.close());
  return broker;
}

function call(id: string) {
  return {
    id,
    record: writeRequest(newHeader({}), { to: "c", task: "q.task", params: {} }),
    priority: "normal" as const,
    delayMs: 0,
  };
}

function submit(broker: RedisBroker, ...ids: readonly string[]) {
  return broker.submit("q", { calls: ids.map(call), acknowledged: [] });
}

function claim(broker: RedisBroker, request: Partial<ClaimRequest> = {}): Promise<readonly ClaimedBatch[]> {
  const queues = [{ name: "q", tasks: ["q.task"] }];
  const { signal } = new AbortController();
  const all = { worker: "w", queues, limit: 10, waitMs: 0, leaseMs: 60_000, suspect: true, signal };
  return broker.claim({ ...all, ...request });
}

function ids(batches: readonly ClaimedBatch[]): readonly string[] {
  return batches.flatMap(({ calls }) => calls.map(({ id }) => id));
}

function finish(broker: RedisBroker, [batch]: readonly ClaimedBatch[]) {
  const record = writeReply(newHeader({ state: "succeeded" }), { value: 1 });
  const reports = batch!.calls.map(({ id }) => ({
    id,
    fence: batch!.fence,
    kind: "finish" as const,
    record,
    ttlMs: 60_000,
  }));
  return broker.finish("q", reports);
}

/** Ends the connections of one kind at the server, once one is there and does what is asked of it. */
async function kill(admin: Redis, kind: string, doing = /./): Promise<void> {
  const found = await vi.waitFor(
    async () => {
      const lines = String(await admin.client("LIST")).split("\n");
      const line = lines.find((one) => one.includes(`name=taskpact:${kind}:`) && doing.test(one));
      return line ?? Promise.reject(new Error(`no connection "${kind}" that does ${doing}: ${lines.join("\n")}`));
    },
    { timeout: 3_000, interval: 5 },
  );
  expect(await admin.client("KILL", "ID", /id=(\d+)/.exec(found)![1]!)).toBe(1);
}

const blocked = /cmd=blpop/;

describeRedis("a broker on Redis, whose connections are cut", () => {
  test("goes on after one that was idle", async () => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    await submit(broker, "a");
    await kill(admin, "commands");
    expect(await submit(broker, "a", "b")).toEqual([{ outcome: "accepted" }, { outcome: "accepted" }]);
    expect(ids(await claim(broker))).toEqual(["a", "b"]);
  });

  test.each([1, 2])("goes on waiting for calls of %d queues", async (count) => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    const queues = ["q", "p"].slice(0, count).map((name) => ({ name, tasks: ["q.task"] }));
    const waits = claim(broker, { waitMs: 30_000, queues });
    await kill(admin, "blocking", blocked);
    await kill(admin, "blocking", blocked);
    await submit(open(server.url), "a");
    expect(ids(await waits)).toEqual(["a"]);
    expect(await finish(broker, await waits)).toEqual(["accepted"]);
  });

  test("hears its channels again, and tells that it was deaf", async () => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    const heard: Notice[] = [];
    await broker.subscribe("client:c", (notice) => heard.push(notice));
    const other = open(server.url);
    for (const round of [1, 2]) {
      heard.length = 0;
      await kill(admin, "channels", /sub=1/);
      await vi.waitFor(() => expect(heard).toEqual([{ kind: "resumed" }]), 5_000);
      await submit(other, `a${round}`);
      await finish(other, await claim(other));
      await vi.waitFor(() => expect(heard.length).toBe(2));
      expect(heard[1]).toMatchObject({ kind: "ended", id: `a${round}` });
    }
  });

  test("forgets channels that nobody hears any more", async () => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    const heard: Notice[] = [];
    const stop = await broker.subscribe("client:c", (notice) => heard.push(notice));
    await broker.subscribe("client:d", () => undefined);
    await stop();
    await kill(admin, "channels", /sub=1/);
    await vi.waitFor(async () => expect(await admin.pubsub("CHANNELS")).toEqual(["test:client:d"]));
    expect(heard).toEqual([]);
  });

  test("loads its scripts again where they were flushed", async () => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    await submit(broker, "a");
    await admin.script("FLUSH");
    await submit(broker, "b");
    const first = await claim(broker);
    expect(ids(first)).toEqual(["a", "b"]);
    const waits = claim(broker, { waitMs: 30_000 });
    await vi.waitFor(async () => expect(String(await admin.client("LIST"))).toMatch(blocked));
    await admin.script("FLUSH");
    await submit(broker, "c");
    expect(ids(await waits)).toEqual(["c"]);
    await admin.script("FLUSH");
    expect(await finish(broker, first)).toEqual(["accepted", "accepted"]);
  });

  test("waits for a server that is killed and comes back", async () => {
    const { server } = await serve();
    const broker = open(server.url);
    const heard: Notice[] = [];
    await broker.subscribe("client:c", (notice) => heard.push(notice));
    const waits = claim(broker, { waitMs: 30_000 });
    await submit(broker, "before");
    await waits;
    const again = claim(broker, { waitMs: 30_000 });
    await server.kill();
    const submitted = submit(broker, "a");
    await server.restart();
    expect(await submitted).toEqual([{ outcome: "accepted" }]);
    expect(ids(await again)).toEqual(["a"]);
    await vi.waitFor(() => expect(heard).toContainEqual({ kind: "resumed" }), 5_000);
  });

  test("waits for a server that is away for as long as a caller does, and sends nothing after that", async () => {
    const { server, admin } = await serve();
    const broker = new RedisBroker(server.url, { namespace: "test", connectTimeoutMs: 100 });
    onTestFinished(() => broker.close());
    await submit(broker, "before");
    await server.kill();
    const sent: string[] = [];
    let wanted = true;
    const caller = (id: string) => ({ wanted: () => id === "patient" || wanted, sent: () => sent.push(id) });
    const calls = ["patient", "impatient"].map((id) => Object.assign(call(id), { caller: caller(id) }));
    const submitted = broker.submit("q", { calls, acknowledged: [] });
    await expect(broker.presence("q")).rejects.toMatchObject({ code: "unavailable" });
    wanted = false;
    await server.restart();
    await submitted;
    expect(sent).toEqual(["patient"]);
    admin.disconnect();
    expect(ids(await claim(broker))).toEqual(["patient"]);
  });
});

describeRedis("a reply that is lost on its way", () => {
  test("of a submit: it is one call, and no record is forgotten that was submitted after its acknowledgement", async () => {
    const { server } = await serve();
    const proxy = await Proxy.to(server.url, onTestFinished);
    const [broker, other] = [open(proxy.url), open(server.url)];
    await submit(broker, "old");
    await finish(broker, await claim(broker));
    const loss = proxy.loseReplyTo(submitScript.sha);
    expect(await broker.submit("q", { calls: ["a", "b", "old"].map(call), acknowledged: ["old"] })).toEqual(
      Array.from({ length: 3 }, () => ({ outcome: "accepted" })),
    );
    await loss.lost;
    expect(ids(await claim(other))).toEqual(["a", "b", "old"]);
    expect(await claim(other)).toEqual([]);
  });

  test("of a finish: its verdict is unknown, its effect is not", async () => {
    const { server } = await serve();
    const proxy = await Proxy.to(server.url, onTestFinished);
    const broker = open(proxy.url);
    await submit(broker, "a");
    const claimed = await claim(broker);
    const loss = proxy.loseReplyTo(finishScript.sha);
    await finish(broker, claimed);
    await loss.lost;
    expect((await broker.read("q", ["a"]))[0]?.state).toBe("succeeded");
  });

  test.each([
    ["a claim", 0],
    ["a waiting claim", 30_000],
  ])("of %s: the calls are given again, at once, and nobody is blamed", async (_, waitMs) => {
    const { server } = await serve();
    const proxy = await Proxy.to(server.url, onTestFinished);
    const broker = open(proxy.url);
    await submit(broker, "warm");
    await finish(broker, await claim(broker)); // The script is loaded, the queue known to be empty.
    const loss = proxy.loseReplyTo(claimScript.sha);
    if (waitMs === 0) await submit(open(server.url), "a", "b");
    const claiming = claim(broker, { waitMs });
    await loss.sent;
    if (waitMs > 0) await submit(open(server.url), "a");
    await loss.lost;
    const claimed = await claiming;
    expect(ids(claimed)).toEqual(waitMs === 0 ? ["a", "b"] : ["a"]);
    expect(claimed[0]!.calls.every(({ suspect }) => !suspect)).toBe(true);
    expect(new Set(await finish(broker, claimed))).toEqual(new Set(["accepted"]));
  });

  test("of a claim, when the next one has fewer slots: what is too much goes back to the head", async () => {
    const { server } = await serve();
    const proxy = await Proxy.to(server.url, onTestFinished);
    const broker = open(proxy.url);
    await submit(broker, "warm");
    await finish(broker, await claim(broker));
    const loss = proxy.loseReplyTo(claimScript.sha);
    const giveUp = new AbortController();
    // A wait's claim is not sent again by itself if it is no longer wanted by the time of its loss.
    const unknown = claim(broker, { waitMs: 30_000, signal: giveUp.signal });
    await loss.sent;
    giveUp.abort();
    await submit(open(server.url), "a", "b", "c");
    await loss.lost;
    await unknown;
    const next = await claim(broker, { limit: 1 });
    expect(ids(next)).toEqual(["a"]);
    expect(ids(await claim(broker))).toEqual(["b", "c"]);
    expect(await finish(broker, next)).toEqual(["accepted"]);
  });
});

describeRedis("closing", () => {
  test("ends all connections, while they block, and whatever is asked meanwhile", async () => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    await broker.subscribe("client:c", () => undefined);
    await submit(broker, "a");
    await claim(broker);
    const waits = claim(broker, { waitMs: 30_000 });
    await vi.waitFor(async () => expect(String(await admin.client("LIST"))).toMatch(blocked));
    const begun = performance.now();
    await broker.close();
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(await waits).toEqual([]);
    await vi.waitFor(async () => expect(String(await admin.client("LIST"))).not.toMatch(/name=taskpact/));
  });

  test("gives back what a waiting claim is given at that moment", async () => {
    const { server, admin } = await serve();
    const [broker, other] = [open(server.url), open(server.url)];
    await submit(other);
    for (let round = 0; round < 10; round++) {
      const closing = open(server.url);
      const waits = claim(closing, { waitMs: 30_000 });
      await vi.waitFor(async () => expect(String(await admin.client("LIST"))).toMatch(blocked));
      const [, got] = await Promise.all([submit(other, `c${round}`), waits, sleep(0).then(() => closing.close())]);
      // It was given to him before he began to close, or to nobody.
      const claimed = got.length > 0 ? got : await claim(broker);
      expect(ids(claimed)).toEqual([`c${round}`]);
      expect(claimed[0]!.calls[0]!.suspect).toBe(false);
      await finish(broker, claimed);
    }
  });
});

describeRedis("who listens to a queue", () => {
  test("hears of the gap after a lost connection, and of what happens from then on", async () => {
    const { server, admin } = await serve();
    const listening = open(server.url);
    const notices: Notice[] = [];
    await listening.subscribe("events:q", (notice) => notices.push(notice));
    await listening.operator.listen("q", 60_000);
    const broker = open(server.url);
    await submit(broker, "heard");
    await vi.waitFor(() => expect(notices).toMatchObject([{ name: "queued", id: "heard" }]));
    await admin.call("CLIENT", ["KILL", "TYPE", "pubsub"]);
    await vi.waitFor(() => expect(notices.at(-1)).toEqual({ kind: "resumed" }), { timeout: 5_000 });
    await submit(broker, "again");
    await vi.waitFor(() => expect(notices.at(-1)).toMatchObject({ name: "queued", id: "again" }));
  });

  test("costs nobody anything before, but for a look a second and queue", async () => {
    const { server, admin } = await serve();
    const broker = open(server.url);
    await submit(broker, "first");
    // By then it is known that nobody listens.
    await broker.read("q", ["first"]);
    await admin.config("RESETSTAT");
    const began = performance.now();
    for (let at = 0; at < 50; at++) {
      await submit(broker, `a${at}`);
      await finish(broker, await claim(broker));
    }
    const looks = Math.ceil((performance.now() - began) / 1_000);
    const stats = await admin.info("commandstats");
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    // A claim has two, for all that is rare and for whether anything is left; the others are looks.
    expect(calls("exists")).toBeLessThanOrEqual(100 + looks + 1);
    expect(calls("evalsha")).toBe(150);
    await broker.operator.listen("q", 60_000);
    await vi.waitFor(
      async () => {
        await submit(broker, `b${performance.now()}`);
        expect(Number(/cmdstat_publish:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1])).toBeGreaterThan(50);
      },
      { timeout: 5_000 },
    );
  });
});
