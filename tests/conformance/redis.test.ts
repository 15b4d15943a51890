import type { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { connectRedis } from "../redis/external.ts";
import { findRedis } from "../redis/find.ts";
import { randomNamespace, removeNamespace } from "../redis/namespace.ts";
import { type RedisServer, startRedis } from "../redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { conformanceTests } from "./suite.ts";

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

/** Ids → fences. Members that begin with a zero byte are no ids. */
async function leasesOf(redis: Redis, prefix: string): Promise<ReadonlyMap<string, number>> {
  const flat = await redis.zrange(`${prefix}leases`, "0", "-1", "WITHSCORES");
  const pairs = flat.flatMap((id, at) => (at % 2 === 0 ? [[id, Number(flat[at + 1])] as const] : []));
  return new Map(pairs.filter(([id]) => !id.startsWith("\0")));
}

describeRedis("a broker on Redis", () => {
  // Scripts are the whole server's: a server of our own may forget them.
  let own: RedisServer | undefined;
  beforeAll(async () => {
    const found = await findRedis();
    if ("server" in found) own = await startRedis({ binary: found.server });
  });
  afterAll(() => own?.stop());

  conformanceTests("redis:", async () => {
    const url = own?.url ?? sharedRedisUrl();
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
      forgetScripts:
        own &&
        (async () => {
          await redis.script("FLUSH");
        }),
      leases: (queue) => leasesOf(redis, `${namespace}:{${queue}}:`),
      keys: async (queue) => {
        const prefix = `${namespace}:{${queue}}:`;
        const keys = (await redis.keys(`${prefix}*`)).map((key) => key.slice(prefix.length));
        const nothing = (await redis.zrange(`${prefix}leases`, "0", "-1")).join() === "\0".repeat(65);
        return nothing ? keys.filter((key) => key !== "leases") : keys;
      },
    };
  });
});
