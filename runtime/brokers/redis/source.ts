import type { Redis, RedisOptions } from "ioredis";
import { TaskError } from "../../errors.ts";

/**
 * Where Redis is: a URL, or ioredis's own options. An instance of ioredis stands for the options that it was made with: its
 * connection is not used.
 */
export type RedisSource = string | RedisOptions | Redis;

/**
 * A source as options. URLs are `redis://`, `rediss://` (TLS) and `redis+unix://` (a socket's path), with
 * `user:password@`, the database as path or `?db=`, and `?family=4` or `6` for one kind of address.
 *
 * @throws TaskError `invalid_argument`, whose message holds nothing of the source that may be a secret.
 */
export function optionsOf(source: RedisSource): RedisOptions {
  if (typeof source === "string") return optionsOfUrl(source);
  if ("isCluster" in source && source.isCluster) {
    refuse("an ioredis Cluster is not supported yet: give one server's URL, options or instance");
  }
  const options = isInstance(source) ? source.options : source;
  // It would be put before the keys of some commands and not of others.
  if (options.keyPrefix) refuse("ioredis's keyPrefix is not supported: use namespace");
  // A server without a password takes any from this user, and refuses one without a user.
  return options.password && !options.username ? { ...options, username: "default" } : options;
}

/** Whether it is an instance of ioredis. */
export function isInstance(source: RedisSource): source is Redis {
  return typeof source === "object" && "duplicate" in source;
}

/** ` at host:port`, for messages: never with a user or a password. */
export function placeOf(options: RedisOptions): string {
  if (options.path) return ` at ${options.path}`;
  if (options.sentinels) return ` of sentinels' "${options.name ?? ""}"`;
  const { host = "localhost", port = 6379 } = options;
  return ` at ${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function optionsOfUrl(text: string): RedisOptions {
  const url = URL.canParse(text) ? new URL(text) : refuse("this is no URL");
  if (!["redis:", "rediss:", "redis+unix:"].includes(url.protocol)) {
    refuse("a URL of Redis begins with redis://, rediss:// or redis+unix://");
  }
  // Without slashes, what looks like a host or a user is a path.
  if (!/^[a-z+]+:\/\//i.test(text)) refuse(`after ${url.protocol} come two slashes`);
  if (url.hash !== "") refuse("has a # that is not written as %23");
  return {
    ...(url.protocol === "redis+unix:" ? socketOf(url) : serverOf(url)),
    ...credentialsOf(url),
    ...queryOf(url),
  };
}

function serverOf(url: URL): RedisOptions {
  const path = decoded(url.pathname).replace(/^\//, "");
  return {
    // An IPv6 address stands in brackets in a URL, and not in a socket's options.
    host: url.hostname === "" ? "localhost" : decoded(url.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 6379 : Number(url.port),
    ...(path !== "" && { db: databaseOf(path) }),
    ...(url.protocol === "rediss:" && { tls: {} }),
  };
}

function socketOf(url: URL): RedisOptions {
  if (!["", "localhost"].includes(url.hostname))
    refuse("a socket is on this machine: redis+unix:///path, without a host");
  if (url.pathname.length < 2) refuse("redis+unix:// needs the socket's path: redis+unix:///run/redis.sock");
  return { path: decoded(url.pathname) };
}

function credentialsOf(url: URL): RedisOptions {
  if (url.password === "" && url.username === "") return {};
  return { username: decoded(url.username) || "default", password: decoded(url.password) };
}

function queryOf(url: URL): RedisOptions {
  const options: RedisOptions = {};
  for (const [name, value] of url.searchParams) {
    if (name === "db") options.db = databaseOf(value);
    else if (name === "family" && ["4", "6"].includes(value)) options.family = Number(value);
    else
      refuse(`?${/^\w{1,30}$/.test(name) ? name : "…"} is none of the options that a URL takes: db, family (4 or 6)`);
  }
  return options;
}

function databaseOf(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : refuse("its database must be a number: redis://host:6379/0");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("has a % that is not written as %25");
  }
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", `broker: ${reason}`);
}
