import { inspect } from "node:util";
import type { Broker } from "../broker.ts";
import { shown } from "../checks.ts";
import { TaskError } from "../errors.ts";
import type { Logger } from "../log.ts";

/** What a broker is opened with, besides its URL. */
export interface BrokerOpening {
  /** Keeps apart what shares one server. */
  readonly namespace: string;
  /** Who opens it: each client and each worker has a broker of its own, and closes it. */
  readonly side: "client" | "worker";
  /** Where lines about the broker go: its client's, or its worker's. */
  readonly log: Logger;
}

/**
 * Opens the broker of a URL, as it was given, at once: connections are made when they are first needed, for neither `createTasks` nor
 * `createWorker` waits for any. It throws a TaskError `invalid_argument` for a URL that can't be right, without the URL, which may hold
 * a password.
 */
export type BrokerFactory = (url: string, opening: BrokerOpening) => Broker;

/** Schemes of the package's own brokers, and those that are kept for later ones: `memory`, `redis`, `rediss`, and with a `+` behind. */
const kept = /^(memory|rediss?)(\+|$)/;

const brand = Symbol.for("taskpact.brokers");

/** What is registered, by scheme; in one place for all copies of this package. */
function factories(): Map<string, BrokerFactory> {
  const shared = globalThis as { [brand]?: Map<string, BrokerFactory> };
  return (shared[brand] ??= new Map());
}

/**
 * Makes a kind of broker known by the scheme of its URLs, to clients, workers and the `taskpact` command of this process:
 * `registerBroker("shelf", openShelf)` is for `createTasks({ broker: "shelf://…" })`. Whoever uses the scheme imports the module that
 * says so.
 *
 * The same factory may be registered again, as by a module that is loaded twice, or loaded anew: the one that was registered last counts.
 * Another one, whose text differs, is refused. What is open stays as it is.
 *
 * @returns what takes it back.
 * @throws TaskError `invalid_argument` for a scheme that can't be one, or is taken.
 */
export function registerBroker(scheme: string, factory: BrokerFactory): () => void {
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `registerBroker(): ${reason}`);
  };
  if (typeof scheme !== "string" || !/^[a-z][a-z0-9+.-]*$/.test(scheme))
    refuse(
      `a scheme is lower-case letters, digits, "+", "-" and ".", and no colon, like "shelf"; got ${shown(scheme)}`,
    );
  if (typeof factory !== "function") refuse(`"${scheme}" needs a function that opens a broker; got ${shown(factory)}`);
  if (kept.test(scheme)) refuse(`"${scheme}" is a scheme of the package's own`);
  const known = factories();
  const other = known.get(scheme);
  if (other !== undefined && !isSame(other, factory))
    refuse(`"${scheme}" is taken by another factory: two packages, or two versions of one, register it`);
  known.set(scheme, factory);
  return () => {
    if (known.get(scheme) === factory) known.delete(scheme);
  };
}

/** A module that is loaded twice makes two functions of one text. Of what is bound or built in there is none. */
function isSame(one: BrokerFactory, other: BrokerFactory): boolean {
  const text = String(one);
  return one === other || (text === String(other) && !text.includes("[native code]"));
}

/** The schemes that are registered, in alphabetical order. */
export function registeredSchemes(): readonly string[] {
  return [...factories().keys()].toSorted();
}

/**
 * Opens the broker of a registered scheme.
 *
 * @returns undefined for one that nobody has registered.
 * @throws TaskError `invalid_argument` as the factory throws it, or for what it gives that is no broker.
 */
export function openRegistered(scheme: string, url: string, opening: BrokerOpening): Broker | undefined {
  const factory = factories().get(scheme);
  if (factory === undefined) return undefined;
  const broker = made(scheme, factory, url, opening);
  const lacks = missingIn(broker);
  if (lacks === undefined) return broker as Broker;
  // What it may reject with is nobody's else.
  if (broker instanceof Promise) broker.catch(() => undefined);
  throw new TaskError("invalid_argument", `broker: what opens "${scheme}:" must give a broker at once; ${lacks}`);
}

function made(scheme: string, factory: BrokerFactory, url: string, opening: BrokerOpening): unknown {
  try {
    return factory(url, opening);
  } catch (thrown) {
    if (thrown instanceof TaskError) throw thrown;
    // Node's error of a URL holds what is wrong with it, or all of it.
    const isOfUrl = (thrown as { readonly code?: unknown } | undefined)?.code === "ERR_INVALID_URL";
    const text = isOfUrl ? "its URL is malformed" : thrown instanceof Error ? thrown.message : shown(thrown);
    throw new TaskError(
      "invalid_argument",
      `broker: "${scheme}:" can't be opened: ${text.replaceAll(url, "its URL")}`,
      {
        cause: isOfUrl || inspect(thrown).includes(url) ? undefined : thrown,
      },
    );
  }
}

const methods = [
  "submit",
  "claim",
  "finish",
  "renew",
  "cancel",
  "revoke",
  "read",
  "subscribe",
  "presence",
  "close",
] as const satisfies readonly (keyof Broker)[];

/** What something lacks of a broker. */
function missingIn(given: unknown): string | undefined {
  if (given instanceof Promise) return "it gave a promise: connect when the broker is first used";
  if (typeof given !== "object" || given === null) return `it gave ${shown(given)}`;
  const missing = methods.filter((name) => typeof (given as Partial<Broker>)[name] !== "function");
  return missing.length === 0 ? undefined : `what it gave has no ${missing.join("(), ")}()`;
}
