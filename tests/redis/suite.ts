import { describe, inject } from "vitest";

/** `describe` for suites over the run's Redis: skipped when `SKIP_REDIS=1` says so, and never otherwise. */
export const describeRedis = inject("redisUrl") === undefined ? describe.skip : describe;

/**
 * The URL of the run's Redis, shared by all test files: take a namespace, never flush it, never shut it down.
 * @throws Error outside of {@link describeRedis} when `SKIP_REDIS=1`
 */
export function sharedRedisUrl(): string {
  const url = inject("redisUrl");
  if (url === undefined) throw new Error("SKIP_REDIS=1: there is no Redis in this run");
  return url;
}
