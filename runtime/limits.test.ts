import { describe, expect, it } from "vitest";
import { limitKeysOf } from "./limits.ts";

describe("the keys of a call's limits", () => {
  const key = ({ customer }: Readonly<Record<string, unknown>>) => customer as string;

  it("are zeros where all calls share a limit, and a hash of each key elsewhere", () => {
    const noRate = { maxConcurrency: 2 };
    expect(limitKeysOf(noRate, {})).toBe("0000000000000000");
    expect(limitKeysOf({ ...noRate, concurrencyKey: key }, { customer: "a" })).toMatch(/^(?!0{8})[0-9a-f]{8}00000000$/);
    const both = { ...noRate, concurrencyKey: key, rateLimit: { limit: 1, perMs: 1, key } };
    const keys = limitKeysOf(both, { customer: "a" });
    expect(keys.slice(0, 8)).toBe(keys.slice(8));
    expect(limitKeysOf(both, { customer: "b" })).not.toBe(keys);
  });

  it("tell a number from its text", () => {
    const limits = { maxConcurrency: 2, concurrencyKey: key };
    expect(limitKeysOf(limits, { customer: 5 })).not.toBe(limitKeysOf(limits, { customer: "5" }));
  });

  it("are refused where a function gives none, or throws", () => {
    const rateLimit = { limit: 1, perMs: 1, key };
    expect(() => limitKeysOf({ rateLimit }, {})).toThrow(
      "[invalid_argument] its rateLimit.key must give a string or a number; got undefined",
    );
    const concurrencyKey = () => {
      throw new Error("no customer");
    };
    expect(() => limitKeysOf({ maxConcurrency: 1, concurrencyKey }, {})).toThrow(
      "[invalid_argument] its concurrencyKey threw: no customer",
    );
  });
});
