import { Redis } from "ioredis";
import { refuseOld } from "./binary.ts";

/**
 * Makes sure that a Redis which somebody else runs answers and is new enough.
 * @throws Error that says why it can't be used; it never holds the URL's password
 */
export async function checkUrl(url: string): Promise<void> {
  const place = withoutSecrets(url);
  let redis: Redis | undefined;
  try {
    redis = await connectRedis(url);
    const version = /^redis_version:(\S+)/m.exec(await redis.info("server"))?.[1];
    if (version === undefined) throw new Error("it doesn't tell its version");
    refuseOld("Redis", version);
  } catch (error) {
    throw new Error(`${place}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    redis?.disconnect();
  }
}

/**
 * A connection that is up, and fails at once where others would try again and again; `disconnect()` it.
 * @param url may be the path of a unix socket
 * @throws Error that tells what went wrong first, where ioredis says "Connection is closed."
 */
export async function connectRedis(url: string, timeoutMs = 5_000): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    // How long it waits for the other side to hang up too.
    disconnectTimeout: 100,
  });
  let failure: string | undefined;
  redis.on("error", (error: Error) => (failure ??= error.message));
  // ioredis bounds the connecting alone, and not the wait for one who accepts and then says nothing.
  const timer = setTimeout(() => {
    failure ??= `no answer within ${timeoutMs} ms`;
    redis.disconnect();
  }, timeoutMs);
  try {
    await redis.connect();
    await redis.ping();
    return redis;
  } catch (error) {
    failure ??= error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
  redis.disconnect();
  // The driver's errors carry the command that failed, and with AUTH the password: only their words go on.
  throw new Error(failure);
}

function withoutSecrets(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "it is not a URL";
  }
}
