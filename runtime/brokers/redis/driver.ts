import type { Redis, RedisOptions } from "ioredis";
import type { ConnectionSettings } from "./connection-settings.ts";
import { farewellMs, type Line } from "./dial.ts";
import { unavailable, wordsOf } from "./failure.ts";

type Driver = { readonly Redis: typeof Redis };

/**
 * What is not ioredis's to decide. An instance serves for one connection: that it was lost, and what was on its way, is
 * told at once, and what comes then is up to us, who know what may be sent again.
 */
const overrides = {
  lazyConnect: true,
  // Functions, which can't cross threads: see connectByDriver.
  retryStrategy: undefined,
  sentinelRetryStrategy: undefined,
  sentinelReconnectStrategy: undefined,
  reconnectOnError: null,
  maxRetriesPerRequest: null,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  // Either one would lose what a server gives to the blocking command that was given up here.
  commandTimeout: undefined,
  blockingTimeout: undefined,
  disconnectTimeout: farewellMs,
  disableClientInfo: true,
  keyPrefix: "",
  monitor: false,
  readOnly: false,
  stringNumbers: false,
  // The same replies as with versions of ioredis that know no other.
  protocol: 2,
  replyMapping: "legacy",
} satisfies RedisOptions;

/**
 * ioredis, loaded when a connection is first made by it.
 *
 * @throws TaskError `unavailable` where it is missing.
 */
export async function loadDriver(load: () => Promise<Driver> = () => import("ioredis")): Promise<Driver> {
  try {
    return await load();
  } catch (thrown) {
    const missing = thrown instanceof Error && "code" in thrown && thrown.code === "ERR_MODULE_NOT_FOUND";
    throw unavailable(
      missing
        ? "a Redis that ioredis is to find needs that package: npm install ioredis"
        : `can't load ioredis: ${wordsOf(thrown)}`,
    );
  }
}

/** What an instance is given, but for functions. */
export type InstanceOptions = Omit<RedisOptions, "replyMapping"> & Pick<typeof overrides, "replyMapping">;

/** Options with what is not ioredis's to decide, but for functions, so that another thread can be given them. */
export function instanceOptions(options: RedisOptions, settings: ConnectionSettings): InstanceOptions {
  return {
    ...options,
    ...overrides,
    connectionName: `taskpact:${settings.name}`,
    connectTimeout: settings.patienceMs,
    socketTimeout: settings.silenceMs,
  };
}

/**
 * Has ioredis connect and log in: to a server that sentinels know, or by a connector of the user's own. The socket is ours then.
 *
 * @param signal - gives it up, for the reason that it has.
 * @throws TaskError `unavailable` where ioredis is missing; else ioredis's errors, of which nothing but the words may go on.
 */
export async function connectByDriver(
  options: RedisOptions,
  settings: ConnectionSettings,
  signal: AbortSignal,
): Promise<Line> {
  const { Redis: Driver } = await loadDriver();
  signal.throwIfAborted();
  const redis = new Driver({
    ...instanceOptions(options, settings),
    // What is said once it is connected is not ioredis's to watch over: see wire.ts.
    socketTimeout: undefined,
    // It is not to try again by itself.
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    sentinelReconnectStrategy: options.sentinelReconnectStrategy,
  });
  let trouble: Error | undefined;
  redis.on("error", (error: Error) => (trouble ??= error));
  try {
    await new Promise<void>((connected, failed) => {
      // A connector may never answer.
      signal.addEventListener("abort", () => failed(signal.reason as Error), { once: true });
      redis.connect().then(connected, failed);
    });
    // A database that does not exist, for one, is told so, and would go unnoticed.
    if (trouble !== undefined) throw trouble;
    return lineOf(redis);
  } catch (thrown) {
    redis.disconnect();
    signal.throwIfAborted();
    throw trouble ?? thrown;
  }
}

function lineOf(redis: Redis): Line {
  const socket = redis.stream;
  const line: Line = { socket, hear: () => {}, hangUp: () => redis.disconnect() };
  // ioredis has its last reply as soon as the text of that is there: the end of the line may still be on its way.
  let begun = false;
  socket.removeAllListeners("data");
  socket.on("data", (chunk: Buffer) => {
    const from = begun ? 0 : chunk.findIndex((byte) => byte !== 0x0d && byte !== 0x0a);
    begun ||= from >= 0;
    if (begun) line.hear(chunk.subarray(from));
  });
  return line;
}
