import type { Broker } from "../broker.ts";
import { TaskError } from "../errors.ts";
import { type Logger, streamLogger } from "../log.ts";
import { openMemory } from "./memory.ts";
import { openRedis } from "./redis/broker.ts";
import { type BrokerOpening, openRegistered, registeredSchemes } from "./registered.ts";

/** What every kind of broker is opened with. */
export interface BrokerOptions extends Pick<BrokerOpening, "namespace"> {
  /** @default "client" */
  readonly side?: BrokerOpening["side"] | undefined;
  /** @default lines on standard error */
  readonly log?: Logger | undefined;
}

type Open = (url: string, options: Pick<BrokerOptions, "namespace" | "log">) => Broker;

/** The kinds of brokers that are the package's own, by the scheme of their URLs. */
const kinds: Readonly<Record<string, Open>> = {
  memory: openMemory,
  redis: openRedis,
  rediss: openRedis,
  "redis+unix": openRedis,
};

/**
 * Opens the broker of a URL: `memory:`, `memory:name`; `redis://user:password@host:6379/0`, `rediss://` for TLS,
 * `redis+unix:///run/redis.sock?db=0`; or of a scheme that was registered. Connections are made when they are first needed.
 *
 * @throws TaskError `invalid_argument` for a URL of no kind that is known. It never shows the URL, which may hold a password.
 */
export function openBroker(url: string, { namespace, side = "client", log }: BrokerOptions): Broker {
  const scheme = schemeOf(url);
  const open = isOwn(scheme) ? kinds[scheme] : undefined;
  if (open !== undefined) return open(url, { namespace, log });
  const registered = scheme && openRegistered(scheme, url, { namespace, side, log: log ?? streamLogger() });
  if (registered) return registered;
  // What stands before a colon is a scheme only if slashes follow; else it may be a user's name, or a host's.
  const shown =
    scheme !== undefined && url.slice(scheme.length + 1).startsWith("//")
      ? `"${scheme}:" is none`
      : "this URL is of none";
  const known = [...Object.keys(kinds), ...registeredSchemes()].map((kind) => `${kind}:`);
  throw new TaskError(
    "invalid_argument",
    `broker: ${shown} of the brokers that are known: ${known.join(", ")}. ` +
      "Another kind is known once the module that registers it (registerBroker) has been imported",
  );
}

/** Whether a URL is of one of the package's own brokers, which nobody has to register. */
export function isOwnBroker(url: string): boolean {
  return isOwn(schemeOf(url));
}

function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
}

function isOwn(scheme: string | undefined): scheme is string {
  return scheme !== undefined && Object.hasOwn(kinds, scheme);
}
