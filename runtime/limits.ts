import { createHash } from "node:crypto";
import { checkCount, checkDuration, checkNames, shown } from "./checks.ts";
import { TaskError } from "./errors.ts";
import { redacted } from "./redaction.ts";
import { thrownText } from "./thrown.ts";
import { isWellFormed } from "./well-formed.ts";

/** What tells calls of a task apart for a limit: those with the same key share it. */
export type LimitKey = string | number;

/** How often calls may start. */
export interface RateLimit<Params = Readonly<Record<string, unknown>>> {
  /** How many attempts may start within `perMs`, 1 to 10,000. */
  readonly limit: number;
  /** The length of the window, ms: each span of time as long as this has at most `limit` starts, wherever it begins. */
  readonly perMs: number;
  /** A pure function of the parsed params: calls with the same key share the limit. @default all calls of the task do */
  readonly key?: ((params: Params) => LimitKey) | undefined;
}

/** What limits a task: how many of its calls run at a time, on all workers, and how often they start. */
export interface Limits<Params = Readonly<Record<string, unknown>>> {
  /** How many of its calls run at a time, on all workers together. @default without bound */
  readonly maxConcurrency?: number | undefined;
  /** A pure function of the parsed params: `maxConcurrency` holds for the calls of one key. @default for all calls of the task */
  readonly concurrencyKey?: ((params: Params) => LimitKey) | undefined;
  /** How often its calls start, on all workers together. @default without bound */
  readonly rateLimit?: RateLimit<Params> | undefined;
}

/** A task's limits as a worker tells them to its broker. */
export interface ToldLimits {
  /** Its name on the wire. */
  readonly task: string;
  readonly maxConcurrency: number | undefined;
  readonly rate: { readonly limit: number; readonly perMs: number } | undefined;
}

/** The broker keeps so many starts for each key. */
const mostStarts = 10_000;

/** Whether a task has limits: it then runs on workers alone, for only their broker can count. */
export function isLimited({ maxConcurrency, rateLimit }: Limits): boolean {
  return maxConcurrency !== undefined || rateLimit !== undefined;
}

/** Refuses limits that can't be held. Absent is fine. */
export function checkLimits(limits: Limits, fail: (reason: string) => never): void {
  const { maxConcurrency, concurrencyKey, rateLimit } = limits;
  checkCount("maxConcurrency", maxConcurrency, fail);
  checkKey("concurrencyKey", concurrencyKey, fail);
  if (concurrencyKey !== undefined && maxConcurrency === undefined)
    fail("concurrencyKey says which calls share maxConcurrency: give that, too");
  if (rateLimit === undefined) return;
  const refuse = (reason: string): never => fail(`rateLimit: ${reason}`);
  if (typeof rateLimit !== "object" || rateLimit === null)
    refuse(`it must be an object, like { limit: 10, perMs: 1_000 }; got ${shown(rateLimit)}`);
  checkNames(rateLimit, ["limit", "perMs", "key"], refuse);
  const { limit, perMs, key } = rateLimit;
  checkCount("limit", limit ?? null, refuse);
  if (limit > mostStarts)
    refuse(
      `limit is at most ${mostStarts}, for each start is kept; a shorter perMs with a smaller limit does the same`,
    );
  checkDuration("perMs", perMs ?? null, refuse);
  checkKey("key", key, refuse);
}

function checkKey(name: string, key: unknown, fail: (reason: string) => never): void {
  if (key !== undefined && typeof key !== "function")
    fail(`${name} must be a function of the params, like ({ customer }) => customer; got ${shown(key)}`);
}

/**
 * The keys of a call's limits as they travel: a hash of 4 bytes for `maxConcurrency`, and one for `rateLimit`, as 16 hex
 * digits; zeros where all calls of the task share the limit. Two keys whose hashes are the same share their limit.
 *
 * @throws TaskError `invalid_argument` if a key function throws, or gives what is no key.
 */
export function limitKeysOf({ concurrencyKey, rateLimit }: Limits, params: unknown): string {
  return hashOf("concurrencyKey", concurrencyKey, params) + hashOf("rateLimit.key", rateLimit?.key, params);
}

function hashOf(name: string, key: Limits["concurrencyKey"], params: unknown): string {
  if (key === undefined) return "00000000";
  let value: unknown;
  try {
    value = key(params as Readonly<Record<string, unknown>>);
  } catch (cause) {
    throw new TaskError("invalid_argument", `its ${name} threw: ${redacted(thrownText(cause))}`, { cause });
  }
  if (typeof value !== "string" && typeof value !== "number")
    throw new TaskError("invalid_argument", `its ${name} must give a string or a number; got ${shown(value)}`);
  const text = `${typeof value} ${value}`;
  return (
    createHash("sha256")
      // Keys with lone surrogates, as cut texts have, all have the same UTF-8.
      .update(isWellFormed(text) ? text : Buffer.from(text, "utf16le"))
      .digest("hex")
      .slice(0, 8)
  );
}
