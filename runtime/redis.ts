/** The door for who has more to say of their Redis than a URL can: `taskpact/redis`. */
import type { ConnectionOptions } from "node:tls";
import type { Broker } from "./broker.ts";
import { RedisBroker } from "./brokers/redis/broker.ts";
import type { RedisSource } from "./brokers/redis/source.ts";
import { defaultNamespace } from "./defaults.ts";
import type { Logger } from "./log.ts";

export type { RedisSource } from "./brokers/redis/source.ts";

/** How a broker on Redis is set up. */
export interface RedisBrokerOptions {
  /**
   * What sets this application's keys apart from others'. That of the client or worker that uses the broker does not
   * count.
   *
   * @default "taskpact"
   */
  readonly namespace?: string | undefined;
  /** How long to wait for a connection, a first one or one that was lost, before a command fails, ms. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** TLS, with these options of Node's `tls.connect`, as `ca`. @default as the URL or options say */
  readonly tls?: ConnectionOptions | undefined;
  /** Takes what is dangerous about the server. @default lines on standard error */
  readonly log?: Logger | undefined;
}

/**
 * Makes a broker on Redis for clients and workers, who do not close it.
 *
 * @param source - a URL, ioredis's options, or an instance of it. Of an instance only the options are taken: its
 * connection is not used, changed or closed.
 * @throws TaskError `invalid_argument` for a source that can't be one. That a server can't be reached shows with the
 * first use.
 */
export function redisBroker(source: RedisSource, options: RedisBrokerOptions = {}): Broker {
  const { namespace = defaultNamespace, ...rest } = options;
  return new RedisBroker(source, { namespace, ...rest });
}
