import type { Retry } from "./backoff.ts";
import { taskErrorCodes } from "./errors.ts";
import { tried } from "./thrown.ts";

/*
 * Checks of settings that a contract, a call and a worker share. `fail` throws what is wrong, in the words of whoever asked.
 */

/** Refuses a duration that is not a positive number of milliseconds. Absent is fine. */
export function checkDuration(name: string, value: unknown, fail: (reason: string) => never): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    fail(`${name} must be a positive number of milliseconds; got ${shown(value)}`);
  }
}

/** Refuses what is not a whole number from 1 on. Absent is fine. */
export function checkCount(name: string, value: unknown, fail: (reason: string) => never): void {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= 1)) return;
  fail(`${name} must be a whole number, at least 1; got ${shown(value)}`);
}

/** Refuses what can't be the name of a queue. Absent is fine. */
export function checkQueue(value: unknown, fail: (reason: string) => never): void {
  if (value === undefined || isQueueName(value)) return;
  fail(`queue must be 1 to 128 letters, digits, "_", ".", ":" or "-"; got ${shown(value)}`);
}

/** Whether this can be the name of a queue. */
export function isQueueName(value: unknown): value is string {
  return typeof value === "string" && /^[\w.:-]{1,128}$/.test(value);
}

/** Refuses options whose names nobody knows: misspelt, they would be ignored. */
export function checkNames(options: object, known: readonly string[], fail: (reason: string) => never): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) fail(`there is no option "${name}"; there are ${known.join(", ")}`);
  }
}

/** Refuses a value that is none of the allowed words. Absent is fine. */
export function checkOneOf(
  name: string,
  value: unknown,
  allowed: readonly (string | boolean)[],
  fail: (reason: string) => never,
): void {
  if (value === undefined || (allowed as readonly unknown[]).includes(value)) return;
  fail(`${name} must be one of ${allowed.join(", ")}; got ${shown(value)}`);
}

/** Refuses a retry rule that can't be followed. Absent is fine. */
export function checkRetry(retry: Retry | undefined, fail: (reason: string) => never): void {
  if (retry === undefined) return;
  if (typeof retry !== "object" || retry === null) fail(`retry must be an object; got ${shown(retry)}`);
  if (!Number.isInteger(retry.attempts) || retry.attempts < 1 || retry.attempts > 65_535) {
    fail(`retry.attempts must be a whole number from 1 to 65535; got ${shown(retry.attempts)}`);
  }
  if (retry.retryOn !== undefined && !Array.isArray(retry.retryOn)) fail("retry.retryOn must be a list of codes");
  for (const code of retry.retryOn ?? []) checkOneOf("retry.retryOn", code, taskErrorCodes, fail);
  const backoff = retry.backoff;
  if (backoff === undefined) return;
  if (typeof backoff !== "object" || backoff === null) fail(`retry.backoff must be an object; got ${shown(backoff)}`);
  checkOneOf("retry.backoff.type", backoff.type ?? null, ["fixed", "exponential"], fail);
  if (typeof backoff.delayMs !== "number" || !Number.isFinite(backoff.delayMs) || backoff.delayMs < 0) {
    fail(`retry.backoff.delayMs must be a number of milliseconds, 0 or more; got ${shown(backoff.delayMs)}`);
  }
  checkDuration("retry.backoff.maxDelayMs", backoff.maxDelayMs, fail);
  const { jitter } = backoff;
  if (jitter !== undefined && !(typeof jitter === "number" && jitter >= 0 && jitter <= 1)) {
    fail(`retry.backoff.jitter must be from 0 to 1; got ${shown(jitter)}`);
  }
}

const longestShown = 200;
const largestShown = 2n ** 64n;

/** A value in a message: short, and never an object's insides. */
export function shown(value: unknown): string {
  return tried(() => words(value)) ?? "a value that can't be read";
}

function words(value: unknown): string {
  if (typeof value === "string")
    return value.length <= longestShown ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, longestShown))}…`;
  if (typeof value === "function") return "a function";
  // The digits of a large one take minutes to find.
  if (typeof value === "bigint") return -largestShown < value && value < largestShown ? `${value}n` : "a bigint";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
