import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AbstractConnector, Redis, RedisOptions } from "ioredis";
import { TaskError } from "../../errors.ts";
import { connectorOf } from "./connector.ts";
import { unavailable, wordsOf } from "./failure.ts";
import type { Listeners } from "./listeners.ts";
import { checkServer } from "./server-check.ts";
import { Wire } from "./wire.ts";

/** How a connection is made. */
export interface ConnectionSettings {
  /** What it is for, as Redis's `CLIENT LIST` shows it. */
  readonly name: string;
  /** How long to wait for a connection, a first one or one that was lost, before a command fails, ms. */
  readonly patienceMs: number;
  /** How long Redis may leave a command unanswered before the connection is taken for dead, ms. */
  readonly silenceMs: number;
  /** For tests: how far scripts are to be ahead of Redis's time, ms. */
  readonly clockOffset: () => number;
  /** Who has events told by scripts. @default nobody */
  readonly listeners?: Listeners | undefined;
  /** Takes what is dangerous about the server. */
  readonly warn: (words: string) => void;
}

type Driver = { readonly Redis: typeof Redis; readonly AbstractConnector: typeof AbstractConnector };

/**
 * What is not ioredis's to decide. An instance serves for one connection: that it was lost, and what was on its way, is
 * told at once, and what comes then is up to us, who know what may be sent again.
 */
const overrides = {
  lazyConnect: true,
  // Functions, which can't cross threads: see newInstance.
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
  // How long the other side may take to hang up, too.
  disconnectTimeout: 100,
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
 * ioredis, loaded when a connection is first needed: who has no Redis need not install it.
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
        ? "a broker on Redis needs the package ioredis: npm install ioredis"
        : `can't load ioredis: ${wordsOf(thrown)}`,
    );
  }
}

/** Where ioredis is, for another thread to load it. @throws Error where it is missing. */
export function driverPath(): string {
  try {
    return fileURLToPath(import.meta.resolve("ioredis"));
  } catch {
    // A bundler may have left nothing to resolve from.
    return createRequire(join(process.cwd(), "index.js")).resolve("ioredis");
  }
}

/** An instance for one connection, not yet connected. */
function newInstance(driver: Driver, options: RedisOptions, settings: ConnectionSettings): Redis {
  return new driver.Redis({
    ...instanceOptions(options, settings),
    // Where sentinels know the server, ioredis asks them.
    Connector: options.Connector ?? (options.sentinels ? undefined : connectorOf(driver.AbstractConnector)),
    // What is said once it is connected is not ioredis's to watch over: see wire.ts.
    socketTimeout: undefined,
    // It is not to try again by itself.
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    sentinelReconnectStrategy: options.sentinelReconnectStrategy,
  });
}

/** What an instance is given, but for functions. */
export type InstanceOptions = Omit<RedisOptions, "replyMapping"> & Pick<typeof overrides, "replyMapping">;

/** Options with what is not ioredis's to decide, but for functions, so that another thread can be given them. */
export function instanceOptions(options: RedisOptions, settings: ConnectionSettings): InstanceOptions {
  return {
    ...options,
    // A server without a password takes any from this user, where ioredis would print a warning.
    ...(options.password && !options.username && { username: "default" }),
    ...overrides,
    connectionName: `taskpact:${settings.name}`,
    connectTimeout: settings.patienceMs,
    socketTimeout: settings.silenceMs,
  };
}

/**
 * Opens a connection to a server that can be used.
 *
 * @param signal - gives it up.
 * @throws TaskError for one that never can; else an Error whose words tell what is wrong.
 */
export async function open(
  options: RedisOptions,
  place: string,
  settings: ConnectionSettings,
  signal: AbortSignal,
): Promise<Wire> {
  const redis = newInstance(await loadDriver(), options, settings);
  const giveUp = () => redis.disconnect();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    signal.throwIfAborted();
    await connect(redis, place, settings);
    return new Wire(redis, settings.silenceMs);
  } catch (thrown) {
    redis.disconnect();
    throw thrown;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

async function connect(redis: Redis, place: string, { patienceMs, warn }: ConnectionSettings): Promise<void> {
  let trouble: string | undefined;
  redis.on("error", (error: unknown) => {
    trouble ??= wordsOf(error);
  });
  // ioredis bounds the connecting alone, and not the wait for one who accepts and then says nothing.
  const timer = setTimeout(() => {
    trouble ??= `no answer within ${patienceMs} ms`;
    redis.disconnect();
  }, patienceMs);
  try {
    await redis.connect();
    // A database that does not exist, for one, is told so, and would go unnoticed.
    if (trouble === undefined) await checkServer(redis, place, warn);
  } catch (thrown) {
    if (thrown instanceof TaskError) throw thrown;
    trouble ??= wordsOf(thrown);
  } finally {
    clearTimeout(timer);
  }
  if (trouble !== undefined) throw new Error(trouble);
}
