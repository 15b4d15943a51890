import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { connectRedis } from "./external.ts";
import { namespaceUntil, randomNamespace, removeNamespace } from "./namespace.ts";
import { describeRedis, sharedRedisUrl } from "./suite.ts";

describeRedis("a namespace", () => {
  const namespace = namespaceUntil(afterAll);
  let seen = "";
  let redis: Redis;
  beforeAll(async () => {
    redis = await connectRedis(sharedRedisUrl());
  });
  afterAll(() => redis.disconnect());

  test("is removed with all its keys of any type, and no others", async () => {
    const gone = randomNamespace();
    // One begins as the other does, and must stay all the same.
    const kept = [`${namespace}:{q}:a`, namespace, `${gone}0:{q}:a`];
    onTestFinished(async () => {
      await redis.del(...kept);
    });
    for (const key of kept) await redis.set(key, "1");
    await redis.rpush(`${gone}:{q}:queue`, "1", "2");
    await redis.zadd(`${gone}:{q}:leases`, 1, "1");
    const many = Array.from({ length: 3_000 }, (_, index) => [`${gone}:{q}:result:${index}`, "1"]).flat();
    await redis.mset(many);
    expect(await removeNamespace(sharedRedisUrl(), gone)).toBe(3_002);
    expect(await redis.keys(`${gone}:*`)).toEqual([]);
    expect(await redis.exists(...kept)).toBe(3);
  });

  test("of one test is used in it", async () => {
    seen = namespaceUntil(onTestFinished);
    await redis.set(`${seen}:a`, "1");
    expect(await redis.exists(`${seen}:a`)).toBe(1);
  });

  test("of one test is gone after it", async () => {
    expect(await redis.exists(`${seen}:a`)).toBe(0);
  });

  test("that is a pattern is refused", async () => {
    await expect(removeNamespace(sharedRedisUrl(), "*")).rejects.toThrow("not a namespace");
  });
});
