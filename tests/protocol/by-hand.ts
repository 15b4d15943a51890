import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";
import { packed, unpackedCalls } from "./packed.ts";
import { Place } from "./place.ts";
import { Published } from "./published.ts";
import { parse, writeRecord } from "./record.ts";

/** A connection of the test's own. */
export function redisAt(url: string): Redis {
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** The SHA-1 of a published script, as it stands in each command that runs it; loaded, so that it is the first one. */
export async function shaOf(redis: Redis, script: string): Promise<string> {
  const lua = readFileSync(new URL(`../../docs/scripts/${script}.lua`, import.meta.url));
  await redis.script("LOAD", lua);
  return createHash("sha1").update(lua).digest("hex");
}

/** The scripts, as a worker or client of the test's own calls them. */
export class ByHand {
  readonly place: Place;
  readonly redis: Redis;
  readonly #scripts: Published;
  #claims = 0;

  constructor(place = new Place()) {
    this.place = place;
    this.redis = redisAt(place.url);
    this.#scripts = new Published(this.redis, place.namespace);
  }

  async submit(id: string, params: object = {}, acknowledged: readonly string[] = []): Promise<readonly unknown[]> {
    const record = writeRecord({}, { task: "math.addition", params });
    const args = ["", "", packed(id, record), packed(...acknowledged)];
    return (await this.#scripts.run("submit", "math", args)) as readonly unknown[];
  }

  /** The fence, and the ids with their records. */
  async claim(
    options: {
      worker?: string;
      limit?: number;
      leaseMs?: number;
      suspect?: boolean;
      token?: string;
      lost?: string;
    } = {},
  ): Promise<{ readonly fence: string; readonly records: ReadonlyMap<string, Buffer> }> {
    const { worker = "w", limit = 100, leaseMs = 60_000, suspect = false, lost = "" } = options;
    const { token = `t${(this.#claims += 1)}` } = options;
    const args = [worker, limit, leaseMs, suspect ? "1" : "", "queue", " math.addition ", token, lost];
    const [fence, , , , , calls] = (await this.#scripts.run("claim", "math", args)) as Buffer[];
    return { fence: String(fence), records: new Map(unpackedCalls(calls!)) };
  }

  /** Whether the answer was taken. */
  async finish(id: string, fence: string): Promise<boolean> {
    const record = writeRecord({ state: 4, attempt: 1, fence: Number(fence) }, { value: id });
    const args = [fence, 60_000, packed(id, record)];
    const refused = (await this.#scripts.run("finish", "math", args)) as readonly number[];
    return refused.length === 0;
  }

  /** Takes back what dead workers held, once their leases of a few ms have lapsed. */
  async reap(maxDeliveries = 3): Promise<number> {
    let reaped = 0;
    await expect
      .poll(
        async () => (reaped = ((await this.#scripts.run("reap", "math", [maxDeliveries, 1_000])) as number[])[0]!),
        {
          interval: 2,
        },
      )
      .toBeGreaterThan(0);
    return reaped;
  }

  revoke(id: string): Promise<unknown> {
    return this.#scripts.run("revoke", "math", [id, "nonce"]);
  }

  /** The state in a call's record, and its deaths; undefined if it is gone. */
  async stored(id: string): Promise<{ readonly state: number; readonly deaths: number } | undefined> {
    const record = await this.redis.getBuffer(this.place.key("math", `result:${id}`));
    return record === null ? undefined : parse(record).header;
  }
}
