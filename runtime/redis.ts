/** The door for who has more to say of their Redis than a URL can: `taskpact/redis`. */
import type { ConnectionOptions } from "node:tls";
import type { Broker } from "./broker.ts";
import { RedisBroker } from "./brokers/redis/broker.ts";
import type { CredentialsProvider } from "./brokers/redis/credentials.ts";
import type { RedisSource } from "./brokers/redis/source.ts";
import { defaultNamespace } from "./defaults.ts";
import type { Logger } from "./log.ts";

export type { CredentialsProvider, RedisCredentials } from "./brokers/redis/credentials.ts";
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
  /**
   * Gives the user and the password, in place of those of the URL or options: for tokens that expire, as of IAM or Entra. It
   * is asked for each connection that is made, and every five minutes for the thread that keeps a worker's leases, so keep
   * what is costly to get. If the server refuses what it gave, it is asked again, up to three times in a row. It has four
   * fifths of `connectTimeoutMs`; if it fails or is late, calls fail as `unavailable` and say so.
   *
   * @default the URL's or options' own
   */
  readonly credentials?: CredentialsProvider | undefined;
  /** TLS, with these options of Node's `tls.connect`, as `ca`. @default as the URL or options say */
  readonly tls?: ConnectionOptions | undefined;
  /** Takes what is dangerous about the server. @default lines on standard error */
  readonly log?: Logger | undefined;
}

/**
 * Makes a broker on Redis for clients and workers, who do not close it.
 *
 * @param source - a URL, or ioredis's options. Of an instance of ioredis, too, only the options are taken, and the log says
 * so: its connection is not used, changed or closed.
 * @throws TaskError `invalid_argument` for a source that can't be one. That a server can't be reached shows with the
 * first use.
 */
export function redisBroker(source: RedisSource, options: RedisBrokerOptions = {}): Broker {
  const { namespace = defaultNamespace, ...rest } = options;
  return new RedisBroker(source, { namespace, ...rest });
}
