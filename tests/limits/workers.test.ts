import { describe, expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../runtime/brokers/memory.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { readReply, writeRequest } from "../../runtime/envelope.ts";
import { newHeader } from "../../runtime/header.ts";
import type { Broker } from "taskpact";
import { Child } from "../processes/child.ts";
import { connectRedis } from "../redis/external.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { Crew } from "./crew.ts";

function crewRules(open: () => () => Broker): void {
  test("eight workers never run more of a task than its limit says, and all calls end", async () => {
    const crew = new Crew(open());
    await crew.workers(8);
    const tasks = crew.client();
    const customers = ["a", "b", "c"];
    const answers = Array.from({ length: 300 }, (_, index) => [
      tasks.narrow(),
      tasks.single(customers[index % 3]),
      tasks.free(),
    ]).flat();
    expect(new Set(await Promise.all(answers))).toEqual(
      new Set(["narrow all", "single a", "single b", "single c", "free all"]),
    );
    expect(crew.most.get("narrow all")).toBe(3);
    for (const customer of customers) expect(crew.most.get(`single ${customer}`)).toBe(1);
  });

  test("calls that wait for a limit hold nothing up", async () => {
    const crew = new Crew(open());
    await crew.workers(2, { concurrency: 10 });
    const tasks = crew.client();
    crew.hold();
    const waiting = await Promise.all(Array.from({ length: 1_500 }, () => tasks.submit.narrow()));
    await expect.poll(() => crew.running("narrow all")).toBe(3);
    const free = tasks.with({ timeoutMs: 5_000 }).free();
    await expect.poll(() => crew.running("free all")).toBe(1);
    crew.letGo();
    expect(await free).toBe("free all");
    expect(await waiting.at(-1)!.result({ timeoutMs: 10_000 })).toBe("narrow all");
    expect(crew.most.get("narrow all")).toBe(3);
  });

  test("no more starts than a rate allows, on all workers together, and each start as soon as it does", async () => {
    const crew = new Crew(open());
    await crew.workers(8);
    const tasks = crew.client();
    const began = performance.now();
    await Promise.all(Array.from({ length: 23 }, () => tasks.paced()));
    const took = performance.now() - began;
    // Five at once, and five more with each of four windows.
    expect(took).toBeGreaterThanOrEqual(795);
    expect(took).toBeLessThan(2_500);
    const starts = crew.starts.get("paced all")!.toSorted((a, b) => a - b);
    // Starts are exact at the claim; handlers begin a little later.
    for (const [at, start] of starts.slice(5).entries()) expect(start - starts[at]!).toBeGreaterThan(150);
  });

  test("never run in their caller's process", async () => {
    const crew = new Crew(open());
    const tasks = crew.client(true);
    await expect(tasks.with({ policy: "local-only" }).narrow()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("its maxConcurrency or rateLimit holds on workers"),
    });
    const policies = ["local-first", "remote-first", "auto"] as const;
    for (const policy of policies) {
      const late = tasks.with({ policy, timeoutMs: 50, fallbackAfterMs: 5 }).narrow();
      await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" });
    }
    expect(crew.started("narrow")).toBe(0);
    expect(await tasks.free()).toBe("free all");
  });

  test("a key that can't be made is its caller's error", async () => {
    const tasks = new Crew(open()).client();
    await expect(tasks.keyless("x")).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("its concurrencyKey threw: who is x?"),
    });
  });

  test("calls of those who don't know of the limit are held to it, too", async () => {
    const make = open();
    const crew = new Crew(make);
    const broker = make();
    onTestFinished(() => broker.close());
    const params = { customer: "a" };
    const calls = Array.from({ length: 60 }, (_, index) => ({
      id: `c${index}`,
      record: writeRequest(newHeader({}), { task: "limits.single", params }),
      priority: "normal" as const,
      delayMs: 0,
    }));
    await broker.submit("limits", { calls, acknowledged: [] });
    await crew.workers(4);
    const read = async () =>
      (
        await broker.read(
          "limits",
          [...calls.keys()].map((at) => `c${at}`),
        )
      ).map((call) => call?.state);
    await expect.poll(read, { timeout: 20_000 }).toEqual(calls.map(() => "succeeded"));
    expect(crew.most.get("single a")).toBe(1);
    expect(crew.started("single")).toBe(60);
  });

  test("a call whose key only its worker can't make does not run: it is answered with what is wrong", async () => {
    const make = open();
    const crew = new Crew(make);
    const broker = make();
    onTestFinished(() => broker.close());
    const record = (params: object) => writeRequest(newHeader({}), { task: "limits.keyless", params });
    const calls = Object.entries({ keyless: record({ customer: "a" }), invalid: record({ customer: 1 }) }).map(
      ([id, sent]) => ({ id, record: sent, priority: "normal" as const, delayMs: 0 }),
    );
    await broker.submit("limits", { calls, acknowledged: [] });
    await crew.workers(1);
    const read = () => broker.read("limits", ["keyless", "invalid"]);
    await expect.poll(async () => (await read()).map((call) => call?.state)).toEqual(["failed", "failed"]);
    const errors = (await read()).map((call) => {
      const reply = readReply(call!.record);
      return reply !== undefined && "error" in reply ? reply.error : undefined;
    });
    expect(errors).toMatchObject([
      { code: "invalid_argument", message: "its concurrencyKey threw: who is a?", attempt: 1 },
      { code: "invalid_argument", issues: [{ path: ["customer"] }] },
    ]);
    expect(crew.started("keyless")).toBe(0);
  });

  test("slots of scheduled calls are held to the limit", async () => {
    const crew = new Crew(open());
    await crew.workers(2, { schedule: true });
    crew.hold();
    await expect.poll(() => crew.running("ticking all"), { timeout: 5_000 }).toBe(1);
    crew.letGo();
    await expect.poll(() => crew.started("ticking"), { timeout: 5_000 }).toBeGreaterThan(4);
    expect(crew.most.get("ticking all")).toBe(1);
  });

  test("a paused task's calls wait for it, through restarts of workers, and others do not", async () => {
    const crew = new Crew(open());
    const { stop } = await crew.workers(2);
    const tasks = crew.client();
    await tasks.client.pause({ task: "narrow" });
    expect(await tasks.client.paused()).toEqual({ tasks: ["narrow"], queues: [] });
    const paused = await Promise.all(Array.from({ length: 20 }, () => tasks.submit.narrow()));
    expect(await tasks.free()).toBe("free all");
    await stop();
    await crew.workers(2);
    expect(await tasks.free()).toBe("free all");
    expect(await paused[0]!.status()).toMatchObject({ state: "queued" });
    expect(crew.started("narrow")).toBe(0);
    await tasks.client.resume({ task: "narrow" });
    await Promise.all(paused.map((handle) => handle.result({ timeoutMs: 5_000 })));
    expect(crew.most.get("narrow all")).toBe(3);
  });

  test("a paused queue starts nothing, until it goes on", async () => {
    const crew = new Crew(open());
    await crew.workers(2);
    const tasks = crew.client();
    await tasks.client.pause({ queue: "limits" });
    await tasks.client.pause({ task: "free" });
    expect(await tasks.client.paused()).toEqual({ tasks: ["free"], queues: ["limits"] });
    const [narrow, free] = [await tasks.submit.narrow(), await tasks.submit.free()];
    await tasks.client.resume({ queue: "limits" });
    expect(await narrow.result({ timeoutMs: 5_000 })).toBe("narrow all");
    expect(crew.started("free")).toBe(0);
    await tasks.client.resume({ task: "free" });
    expect(await free.result({ timeoutMs: 5_000 })).toBe("free all");
    await expect(tasks.client.pause({ queue: "limitz" })).rejects.toThrow(
      'there is no queue "limitz"; there are limits',
    );
    await expect(tasks.client.pause({})).rejects.toThrow("give a task or a queue");
  });
}

let count = 0;

describe("limits on memory:", () => {
  crewRules(() => {
    const url = `memory:limits-${count++}`;
    return () => openMemory(url, { namespace: "test" });
  });
});

describeRedis("limits over a real Redis", () => {
  crewRules(() => {
    const namespace = namespaceUntil(onTestFinished);
    return () => new RedisBroker(sharedRedisUrl(), { namespace });
  });

  test(
    "eight processes that are killed again and again never pass a limit, and all calls end",
    { timeout: 300_000 },
    async () => {
      const namespace = namespaceUntil(onTestFinished);
      const tasks = new Crew(() => new RedisBroker(sharedRedisUrl(), { namespace })).client();
      const start = (): Child => {
        const child = new Child(new URL("limited.ts", import.meta.url), [sharedRedisUrl(), namespace]);
        onTestFinished(() => child.kill());
        return child;
      };
      const children = Array.from({ length: 8 }, start);
      await Promise.all(children.map((child) => child.said()));
      const redis = await connectRedis(sharedRedisUrl());
      onTestFinished(() => redis.disconnect());
      for (let round = 0; round < 6; round++) {
        const submits = Array.from({ length: 200 }, (_, index) =>
          index % 2 === 0 ? tasks.submit.narrow() : tasks.submit.single(`c${index % 3}`),
        );
        const handles = await Promise.all(submits);
        await handles[round]!.result();
        // While the others run.
        await children.shift()!.kill();
        children.push(start());
        const answers = await Promise.all(handles.map((handle) => handle.safeResult({ timeoutMs: 60_000 })));
        // What was killed runs again; what killed three workers would be parked, which is an end, too.
        expect(answers.filter((answer) => !answer.ok && answer.error.code !== "worker_lost")).toEqual([]);
      }
      expect(await redis.lrange(`${namespace}:excess`, 0, -1)).toEqual([]);
      expect(Number(await redis.get(`${namespace}:runs`))).toBeGreaterThanOrEqual(1_190);
      // Nothing holds a slot, nothing waits.
      const keys = (await redis.keys(`${namespace}:{limits}:*`)).map((key) => key.replace(/^.*\}:/, ""));
      expect(keys.filter((key) => /^(slots|line|lanes|turns)/.test(key))).toEqual([]);
    },
  );
});
