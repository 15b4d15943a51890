import type { Broker } from "../broker.ts";
import { TaskError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { openMemory } from "./memory.ts";
import { openRedis } from "./redis/broker.ts";

/** What every kind of broker is opened with. */
export interface BrokerOptions {
  /** Keeps apart what shares one server. */
  readonly namespace: string;
  /** Takes what is dangerous about the broker. @default lines on standard error */
  readonly log?: Logger | undefined;
}

/** The kinds of brokers, by the scheme of their URLs. */
const kinds: Readonly<Record<string, (url: string, options: BrokerOptions) => Broker>> = {
  memory: openMemory,
  redis: openRedis,
  rediss: openRedis,
  "redis+unix": openRedis,
};

/**
 * Opens the broker of a URL: `memory:`, `memory:name`; `redis://user:password@host:6379/0`, `rediss://` for TLS,
 * `redis+unix:///run/redis.sock?db=0`. Connections are made when they are first needed, and ioredis loaded then.
 *
 * @throws TaskError `invalid_argument` for a URL of no kind that is known. It never shows the URL, which may hold a password.
 */
export function openBroker(url: string, options: BrokerOptions): Broker {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  const open = scheme !== undefined && Object.hasOwn(kinds, scheme) ? kinds[scheme] : undefined;
  if (open !== undefined) return open(url, options);
  // What stands before a colon is a scheme only if slashes follow; else it may be a user's name, or a host's.
  const shown =
    scheme !== undefined && url.slice(scheme.length + 1).startsWith("//")
      ? `"${scheme}:" is none`
      : "this URL is of none";
  const known = Object.keys(kinds).map((kind) => `${kind}:`);
  throw new TaskError("invalid_argument", `broker: ${shown} of the brokers that are known: ${known.join(", ")}`);
}
