import { describe, expect, it } from "vitest";
import { retryDelay } from "./backoff.ts";

const never = () => 0;

describe("retryDelay", () => {
  it("ends after the last attempt, and without a rule", () => {
    expect(retryDelay(undefined, 1, "failed")).toBeUndefined();
    expect(retryDelay({ attempts: 1 }, 1, "failed")).toBeUndefined();
    expect(retryDelay({ attempts: 3 }, 2, "failed")).toBeDefined();
    expect(retryDelay({ attempts: 3 }, 3, "failed")).toBeUndefined();
  });

  it("doubles an exponential wait up to its longest, and leaves a fixed one", () => {
    const exponential = { attempts: 99, backoff: { type: "exponential", delayMs: 100, maxDelayMs: 500 } } as const;
    expect([1, 2, 3, 4, 60].map((attempt) => retryDelay(exponential, attempt, "failed", undefined, never))).toEqual([
      100, 200, 400, 500, 500,
    ]);
    const fixed = { attempts: 99, backoff: { type: "fixed", delayMs: 100 } } as const;
    expect([1, 2, 3].map((attempt) => retryDelay(fixed, attempt, "failed", undefined, never))).toEqual([100, 100, 100]);
  });

  it("draws the jitter's part by chance", () => {
    const retry = { attempts: 9, backoff: { type: "fixed", delayMs: 1_000, jitter: 0.2 } } as const;
    expect(retryDelay(retry, 1, "failed", undefined, () => 0)).toBe(1_000);
    expect(retryDelay(retry, 1, "failed", undefined, () => 1)).toBe(800);
  });

  it("heeds what the handler says of the next attempt, but for their number", () => {
    const retry = { attempts: 3, retryOn: ["unavailable"], backoff: { type: "fixed", delayMs: 100 } } as const;
    expect(retryDelay(retry, 1, "failed", { afterMs: 7 })).toBe(7);
    expect(retryDelay(retry, 3, "failed", { afterMs: 7 })).toBeUndefined();
    expect(retryDelay(undefined, 1, "failed", { afterMs: 7 })).toBeUndefined();
    expect(retryDelay({ attempts: 3 }, 1, "failed", false)).toBeUndefined();
  });

  it("repeats what may be cured, or what is named, and answers never", () => {
    const retry = { attempts: 9 };
    expect(retryDelay(retry, 1, "deadline_exceeded")).toBeDefined();
    expect(retryDelay(retry, 1, "unimplemented")).toBeUndefined();
    expect(retryDelay({ ...retry, retryOn: ["unimplemented"] }, 1, "unimplemented")).toBeDefined();
    expect(retryDelay({ ...retry, retryOn: ["unimplemented"] }, 1, "failed")).toBeUndefined();
    for (const code of ["declared", "invalid_argument", "invalid_result", "canceled"] as const) {
      expect(retryDelay({ ...retry, retryOn: [code] }, 1, code)).toBeUndefined();
    }
  });
});
