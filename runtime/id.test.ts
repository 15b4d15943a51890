import { afterEach, describe, expect, it, vi } from "vitest";
import { newAddress, newId } from "./id.ts";

describe("newId", () => {
  afterEach(() => vi.useRealTimers());

  it("gives 17 characters that sort by the order in which they were made", () => {
    const ids = Array.from({ length: 300_000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => /^[-\w]{17}$/.test(id))).toBe(true);
    expect(ids.every((id, index) => index === 0 || id > ids[index - 1]!)).toBe(true);
  });

  it("goes on upwards when the clock is set back", () => {
    vi.useFakeTimers({ now: Date.now() + 60_000 });
    const before = newId();
    vi.setSystemTime(Date.now() - 120_000);
    expect(newId() > before).toBe(true);
  });

  it("differs from a random address by its time", () => {
    expect(newAddress()).toMatch(/^[-\w]{10}$/);
    expect(newAddress()).not.toBe(newAddress());
  });
});
