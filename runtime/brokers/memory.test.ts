import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import type { Broker, ClaimRequest } from "../broker.ts";
import { writeReply, writeRequest } from "../envelope.ts";
import { newHeader } from "../header.ts";
import { openMemory } from "./memory.ts";

const namespace = "test";
const submission = (id: string, delayMs = 0, to?: string) => ({
  id,
  record: writeRequest(newHeader({}), { to, task: "q.task", params: { id } }),
  priority: "normal" as const,
  delayMs,
});
const put = (broker: Broker, ...ids: string[]) =>
  broker.submit("q", { calls: ids.map((id) => submission(id)), acknowledged: [] });
const claim = async (broker: Broker, request: Partial<ClaimRequest> = {}) => {
  const signal = new AbortController().signal;
  const defaults = {
    worker: "w",
    queues: [{ name: "q", tasks: [] }],
    limit: 1_000,
    waitMs: 0,
    leaseMs: 10_000,
    suspect: false,
    signal,
  };
  return (await broker.claim({ ...defaults, ...request })).flatMap(({ fence, calls }) =>
    calls.map(({ id }) => ({ id, fence })),
  );
};
const finish = (broker: Broker, calls: readonly { id: string; fence: number }[], ttlMs: number) => {
  const record = writeReply(newHeader({ state: "succeeded" }), { value: null });
  return broker.finish(
    "q",
    calls.map(({ id, fence }) => ({ id, fence, kind: "finish", record, ttlMs })),
  );
};

describe("which broker a URL names", () => {
  test("the same URL and namespace are one broker; another name or namespace is another", async () => {
    const open = (url: string, space = namespace) => openMemory(url, { namespace: space });
    const brokers = [
      open("memory:one"),
      open("memory://one"),
      open("memory:two"),
      open("memory:one", "other"),
      open("memory:"),
    ];
    await put(brokers[0]!, "a");
    const found = await Promise.all(brokers.map((broker) => broker.read("q", ["a"])));
    expect(found.map(([call]) => call !== undefined)).toEqual([true, true, false, false, false]);
    await brokers[0]!.cancel("q", "a");
    await brokers[0]!.submit("q", { calls: [], acknowledged: ["a"] });
    await Promise.all(brokers.map((broker) => broker.close()));
  });

  test("what it holds stays after the last connection, as with a server", async () => {
    const first = openMemory("memory:stays", { namespace });
    await put(first, "a");
    await first.close();
    const second = openMemory("memory:stays", { namespace });
    expect((await claim(second)).map(({ id }) => id)).toEqual(["a"]);
    await second.close();
  });

  test("one that holds no call goes with its last connection, and may have another clock then", async () => {
    const first = openMemory("memory:clock", { namespace, clock: new ManualClock() });
    expect(() => openMemory("memory:clock", { namespace, clock: new ManualClock() })).toThrow(/another clock/);
    await first.close();
    await openMemory("memory:clock", { namespace, clock: new ManualClock() }).close();
  });
});

describe("what it costs", () => {
  test("ended calls are freed in time by one timer, also when nobody calls", async () => {
    const clock = new ManualClock();
    const broker = openMemory("memory:sweep", { namespace, clock });
    const ids = Array.from({ length: 5_000 }, (_, index) => `c${index}`);
    await put(broker, ...ids);
    for (let at = 0; at < 5; at++) await finish(broker, await claim(broker), 60_000);
    expect(clock.timers).toBe(1);
    await clock.advance(61_000);
    // All are gone, not only hidden from reads: the store is empty and goes with its last connection.
    await broker.close();
    await openMemory("memory:sweep", { namespace, clock: new ManualClock() }).close();
    expect(clock.timers).toBe(0);
  });

  test("acknowledged calls leave nothing that waits for their time", async () => {
    const clock = new ManualClock();
    const broker = openMemory("memory:acknowledged", { namespace, clock });
    await put(broker, "a");
    await finish(broker, await claim(broker), 3_600_000);
    await broker.submit("q", { calls: [], acknowledged: ["a"] });
    await broker.close();
    await openMemory("memory:acknowledged", { namespace, clock: new ManualClock() }).close();
  });

  test("waiting claims leave no timer behind, however they end", async () => {
    const clock = new ManualClock();
    const broker = openMemory("memory:timers", { namespace, clock });
    const other = openMemory("memory:timers", { namespace, clock });
    const giveUp = new AbortController();
    await broker.submit("q", { calls: [submission("late", 60_000)], acknowledged: [] });
    const claims = [
      claim(broker, { waitMs: 30_000 }),
      claim(broker, { waitMs: 30_000, signal: giveUp.signal }),
      claim(other, { waitMs: 5_000 }),
      claim(other, { waitMs: 30_000 }),
    ];
    expect(clock.timers).toBe(5);
    giveUp.abort();
    await clock.advance(5_000);
    await other.close();
    await put(broker, "a");
    expect((await Promise.all(claims)).flat().map(({ id }) => id)).toEqual(["a"]);
    expect(clock.timers).toBe(0);
    await broker.close();
  });

  test("a claim costs the same with 100,000 calls waiting as with 1,000", async () => {
    let stores = 0;
    const costOf = async (waiting: number): Promise<number> => {
      const broker = openMemory(`memory:waiting-${stores++}`, { namespace });
      for (let at = 0; at < waiting; at += 1_000)
        await put(broker, ...Array.from({ length: 1_000 }, (_, index) => `c${at + index}`));
      let least = Infinity;
      for (let round = 0; round < 20; round++) {
        const start = process.hrtime.bigint();
        const claimed = await claim(broker, { limit: 40 });
        expect(claimed).toHaveLength(40);
        await finish(broker, claimed, 60_000);
        least = Math.min(least, Number(process.hrtime.bigint() - start));
      }
      await broker.close();
      return least;
    };
    await costOf(1_000);
    const few = await costOf(1_000);
    // Were it a thing of the backlog, it would be a hundred times as much.
    expect(await costOf(100_000)).toBeLessThan(few * 20);
  });
});

describe("this machine's time", () => {
  test("a waiting claim gets a delayed call when it is due, never before", async () => {
    const broker = openMemory("memory:time", { namespace });
    for (const delayMs of [1, 7, 20]) {
      const start = Date.now();
      await broker.submit("q", { calls: [submission(`d${delayMs}`, delayMs)], acknowledged: [] });
      const calls = await claim(broker, { waitMs: 5_000 });
      expect(calls.map(({ id }) => id)).toEqual([`d${delayMs}`]);
      expect(Date.now() - start).toBeGreaterThanOrEqual(delayMs);
      await finish(broker, calls, 1);
    }
    await broker.close();
  });
});

describe("notices", () => {
  test("one who stops hearing while a notice is under way does not get it", async () => {
    const broker = openMemory("memory:stop", { namespace });
    const heard: string[] = [];
    const stop = await broker.subscribe("client:c", ({ kind }) => heard.push(kind));
    await broker.submit("q", { calls: [submission("a", 0, "c")], acknowledged: [] });
    await broker.cancel("q", "a");
    await stop();
    await turn();
    expect(heard).toEqual([]);
    await broker.close();
  });

  test("calls in a chain leave timers and sockets their turn", async () => {
    const broker = openMemory("memory:chain", { namespace });
    const seen = { timer: false };
    setTimeout(() => (seen.timer = true), 1);
    for (let count = 0; !seen.timer && count < 100_000; count++) {
      const waiting = claim(broker, { waitMs: 1_000 });
      await put(broker, `c${count}`);
      await finish(broker, await waiting, 1);
    }
    expect(seen.timer).toBe(true);
    await broker.close();
  });
});
