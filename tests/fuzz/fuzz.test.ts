import { expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../runtime/brokers/memory.ts";
import { redisAt } from "../protocol/by-hand.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { CountingProxy } from "./counting-proxy.ts";
import { fuzz } from "./fuzz.ts";

const seed = 7;

test(
  "records of others on the memory broker: no crash, and each innocent call is answered once",
  { timeout: 120_000 },
  async () => {
    const open = () => openMemory("memory:fuzz", { namespace: "fuzz" });
    const { violations } = await fuzz({ open, namespace: "fuzz" }, seed, 400);
    expect(violations).toEqual([]);
  },
);

describeRedis("over a real Redis", () => {
  test(
    "bytes of others in everything that is read: no crash, no spin, each innocent call is answered once",
    { timeout: 120_000 },
    async () => {
      const namespace = namespaceUntil(onTestFinished);
      const proxy = await CountingProxy.to(sharedRedisUrl(), onTestFinished);
      const redis = redisAt(sharedRedisUrl());
      const place = { open: () => proxy.url, namespace, redis, scripts: () => proxy.scripts };
      const { violations } = await fuzz(place, seed, 400);
      expect(violations).toEqual([]);
    },
  );
});
