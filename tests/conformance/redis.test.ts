import type { Redis } from "ioredis";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { connectRedis } from "../redis/external.ts";
import { randomNamespace, removeNamespace } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { brokerConformance } from "./suite.ts";

/**
 * Moves a namespace's time forward: scripts take the offset; what Redis lets expire by its own clock is brought
 * nearer; and blocked workers are woken to look again.
 */
async function advance(redis: Redis, namespace: string, ms: number): Promise<void> {
  const keys = await redis.keys(`${namespace}:*`);
  const left = await Promise.all(keys.map((key) => redis.pttl(key)));
  await Promise.all(
    keys.map(async (key, index) => {
      const ttl = left[index]!;
      if (ttl >= 0) await (ttl <= ms ? redis.del(key) : redis.pexpire(key, ttl - ms));
    }),
  );
  const delayed = keys.filter((key) => key.endsWith(":delayed"));
  await Promise.all(delayed.map((key) => redis.rpush(key.replace(/delayed$/, "bell"), "1")));
}

describeRedis("a broker on Redis", () => {
  brokerConformance("redis:", async () => {
    const url = sharedRedisUrl();
    const namespace = randomNamespace();
    const redis = await connectRedis(url);
    const brokers: RedisBroker[] = [];
    let offset = 0;
    return {
      connect: async () => {
        const broker = new RedisBroker(url, { namespace, clockOffset: () => offset });
        brokers.push(broker);
        return broker;
      },
      advance: async (ms) => {
        offset += ms;
        await advance(redis, namespace, ms);
      },
      dispose: async () => {
        await Promise.all(brokers.map((broker) => broker.close()));
        redis.disconnect();
        await removeNamespace(url, namespace);
      },
    };
  });
});
