import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { connectRedis } from "./external.ts";

/** A namespace that nobody else uses. */
export function randomNamespace(): string {
  return `taskpact-test-${randomBytes(8).toString("hex")}`;
}

/**
 * A namespace on the run's Redis whose keys are removed by the given hook of vitest: `namespaceUntil(afterAll)` for
 * a suite or file, `namespaceUntil(onTestFinished)` for one test.
 *
 * Ask for it before opening what uses it: these hooks run in reverse order, so that it is removed when all that
 * writes to it is closed.
 */
export function namespaceUntil(hook: (remove: () => Promise<void>) => void): string {
  const namespace = randomNamespace();
  const url = inject("redisUrl");
  if (url !== undefined) {
    hook(async () => {
      await removeNamespace(url, namespace);
    });
  }
  return namespace;
}

/** Removes the keys below `<namespace>:` and no others; resolves with how many there were. */
export async function removeNamespace(url: string, namespace: string): Promise<number> {
  // The rest is a pattern to Redis.
  if (!/^[\w-]+$/.test(namespace)) throw new Error(`not a namespace of a test: ${namespace}`);
  const redis = await connectRedis(url);
  try {
    let removed = 0;
    let cursor = "0";
    do {
      const [next, keys] = await redis.scan(cursor, "MATCH", `${namespace}:*`, "COUNT", 1_000);
      if (keys.length > 0) removed += await redis.unlink(keys);
      cursor = next;
    } while (cursor !== "0");
    return removed;
  } finally {
    redis.disconnect();
  }
}
