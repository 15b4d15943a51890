import * as mini from "zod/mini";
import * as z from "zod";
import { describe, expect, it } from "vitest";
import { isTask, task } from "./contract.ts";

describe("task()", () => {
  it("keeps what it was given, and brands it", () => {
    const a = z.number();
    const declared = task({ params: { a }, result: z.string(), queue: "slow", policy: "auto", timeoutMs: 5 });
    expect(isTask(declared)).toBe(true);
    expect(isTask({ ...declared })).toBe(false);
    expect(declared).toMatchObject({
      params: { a },
      queue: "slow",
      policy: "auto",
      timeoutMs: 5,
      errors: {},
      progress: undefined,
    });
    expect(Object.isFrozen(declared)).toBe(true);
    expect(task({ params: {}, result: z.void(), tags: ["billing", "eu:nightly"] }).tags).toEqual([
      "billing",
      "eu:nightly",
    ]);
  });

  it("takes schemas of zod/mini", () => {
    expect(isTask(task({ params: { a: mini.optional(mini.string()) }, result: mini.void() }))).toBe(true);
  });

  it("is recognised across two installed copies of the package", () => {
    const foreign = Object.defineProperty({}, Symbol.for("taskpact.task"), { value: true });
    expect(isTask(foreign)).toBe(true);
  });

  const good = { params: {}, result: z.void() };
  it.each([
    [{ ...good, params: z.object({ a: z.number() }) }, /params takes the bare shape: write \{ a: z\.number\(\) \}/],
    [{ ...good, errors: z.object({}) }, /errors takes the bare shape/],
    [{ ...good, params: [] }, /params must be an object of zod schemas.*got an array/],
    [{ ...good, params: { a: 3 } }, /params\.a must be a zod schema; got 3/],
    [{ ...good, params: { a: z.number } }, /params\.a .* is a call missing, as in z\.number\(\)\?/],
    [{ ...good, result: { _def: {} } }, /result .* Taskpact needs zod 4/],
    [{ params: {} }, /result must be a zod schema; got undefined/],
    [{ ...good, errors: { TaskError: z.void() } }, /"TaskError" is the name of the undeclared ones/],
    [{ ...good, timeoutMS: 3 }, /there is no option "timeoutMS"; there are timeoutMs, /],
    [{ ...good, timeoutMs: -1 }, /timeoutMs must be a positive number of milliseconds; got -1/],
    [{ ...good, attemptTimeoutMs: Number.NaN }, /attemptTimeoutMs must be/],
    [{ ...good, policy: "local" }, /policy must be one of local-first, .*; got "local"/],
    [{ ...good, priority: 1 }, /priority must be one of high, normal, low; got 1/],
    [{ ...good, tags: "billing" }, /tags must be a list of words; got "billing"/],
    [{ ...good, tags: ["billing", ""] }, /tags must be words of 1 to 128 letters.*; got ""/],
    [{ ...good, tags: ["billing", "two words"] }, /tags must be words.*; got "two words"/],
    [{ ...good, tags: ["billing", "billing"] }, /tags must differ/],
    [{ ...good, cpu: "fiber" }, /cpu must be one of true, process; got "fiber"/],
    [{ ...good, schedule: "daily" }, /schedule: it must be an object; got "daily"/],
    [{ ...good, schedule: {} }, /schedule: give everyMs or cron/],
    [{ ...good, schedule: { everyMs: 1, cron: "* * * * *" } }, /schedule: give everyMs or cron/],
    [{ ...good, schedule: { everyMs: 0.5 } }, /schedule: everyMs must be a whole number/],
    [{ ...good, schedule: { cron: 5 } }, /schedule: cron must be a string; got 5/],
    [{ ...good, schedule: { everyMs: 5, timezone: "UTC" } }, /schedule: a timezone goes with cron/],
    [{ ...good, schedule: { everyMs: 5, tz: "UTC" } }, /schedule: there is no option "tz"/],
    [{ ...good, schedule: { everyMs: 5, overlap: true } }, /schedule: overlap must be one of skip, allow/],
    [{ ...good, schedule: { everyMs: 5, catchUp: true } }, /schedule: catchUp must be one of none, last, all/],
    [{ ...good, schedule: { everyMs: 5, startAt: "2026" } }, /schedule: startAt must be a valid Date; got "2026"/],
    [{ ...good, schedule: { everyMs: 5, startAt: new Date(9), endAt: new Date(9) } }, /endAt must be after startAt/],
    [{ ...good, schedule: { everyMs: 5, params: { a: 1 } } }, /schedule: params: there is no parameter "a"/],
    [{ ...good, schedule: { everyMs: 5 }, policy: "local-only" }, /a local-only task can't have a schedule/],
    [{ ...good, maxConcurrency: 0 }, /maxConcurrency must be a whole number, at least 1; got 0/],
    [{ ...good, maxConcurrency: 1, policy: "local-only" }, /a local-only task can't have maxConcurrency or rateLimit/],
    [{ ...good, concurrencyKey: () => "" }, /concurrencyKey says which calls share maxConcurrency: give that, too/],
    [{ ...good, maxConcurrency: 1, concurrencyKey: "customer" }, /concurrencyKey must be a function of the params/],
    [{ ...good, rateLimit: 5 }, /rateLimit: it must be an object, like \{ limit: 10, perMs: 1_000 \}; got 5/],
    [{ ...good, rateLimit: { perMs: 5 } }, /rateLimit: limit must be a whole number, at least 1; got null/],
    [{ ...good, rateLimit: { limit: 5 } }, /rateLimit: perMs must be a positive number of milliseconds/],
    [{ ...good, rateLimit: { limit: 5, per: 5 } }, /rateLimit: there is no option "per"; there are limit, perMs, key/],
    [{ ...good, rateLimit: { limit: 10_001, perMs: 5 } }, /rateLimit: limit is at most 10000, for each start is kept/],
    [{ ...good, rateLimit: { limit: 1, perMs: 5, key: 1 } }, /rateLimit: key must be a function of the params.*got 1/],
    [
      { ...good, rateLimit: { limit: 1, perMs: 5 }, policy: "local-only" },
      /a local-only task can't have maxConcurrency/,
    ],
    [{ ...good, queue: "a b" }, /queue must be 1 to 128 letters/],
    [{ ...good, queue: "{x}" }, /queue must be/],
    [{ ...good, runElsewhereAfterStart: "yes" }, /runElsewhereAfterStart must be true or false/],
    [{ ...good, retry: { attempts: 1.5 } }, /retry\.attempts must be a whole number/],
    [{ ...good, retry: { attempts: 2, retryOn: ["oops"] } }, /retry\.retryOn must be one of invalid_argument/],
    [{ ...good, retry: { attempts: 2, backoff: { type: "linear", delayMs: 1 } } }, /retry\.backoff\.type/],
    [{ ...good, retry: { attempts: 2, backoff: { type: "fixed", delayMs: -1 } } }, /retry\.backoff\.delayMs/],
    [{ ...good, retry: { attempts: 2, backoff: { type: "fixed", delayMs: 1, jitter: 2 } } }, /retry\.backoff\.jitter/],
  ])("refuses %j", (definition, reason) => {
    expect(() => task(definition as never)).toThrow(reason);
    expect(() => task(definition as never)).toThrow(/^\[invalid_argument\] task\(\): /);
  });
});
