import { describe, expect, test } from "vitest";
import { slotsOf } from "../../runtime/slots.ts";
import type { Schedule } from "../../runtime/schedule.ts";

const at = (text: string): number => Date.parse(text);

/** The next slots after an instant, as text. */
async function nexts(schedule: Schedule, after: string, count: number): Promise<readonly string[]> {
  const slots = await slotsOf(schedule);
  const found: string[] = [];
  for (let last: number | undefined = at(after); found.length < count;) {
    last = slots.next(last);
    if (last === undefined) break;
    found.push(new Date(last).toISOString().replace(":00.000Z", "Z"));
  }
  return found;
}

describe("slots", () => {
  test("at an interval are counted from the epoch, or from their start", async () => {
    const everyMs = 3_600_000;
    expect(await nexts({ everyMs }, "2026-01-01T00:20Z", 2)).toEqual(["2026-01-01T01:00Z", "2026-01-01T02:00Z"]);
    expect(await nexts({ everyMs }, "2026-01-01T01:00Z", 1)).toEqual(["2026-01-01T02:00Z"]);
    const startAt = new Date("2026-01-05T00:30Z");
    expect(await nexts({ everyMs, startAt }, "2026-01-01T01:00Z", 2)).toEqual([
      "2026-01-05T00:30Z",
      "2026-01-05T01:30Z",
    ]);
    expect(await nexts({ everyMs, startAt }, "2026-01-05T00:30Z", 1)).toEqual(["2026-01-05T01:30Z"]);
  });

  test("end before their end, and begin at their start", async () => {
    const startAt = new Date("2026-01-02T00:00Z");
    const endAt = new Date("2026-01-02T02:00Z");
    const expected = ["2026-01-02T00:00Z", "2026-01-02T01:00Z"];
    for (const schedule of [{ everyMs: 3_600_000 }, { cron: "0 * * * *" }]) {
      expect(await nexts({ ...schedule, startAt, endAt }, "2026-01-01T00:00Z", 5)).toEqual(expected);
      const slots = await slotsOf({ ...schedule, startAt, endAt, catchUp: "all" });
      expect(slots.due(0, at("2026-02-01T00:00Z"))).toEqual(expected.map(at));
    }
  });

  test("come every day at a time of day across both changes of the clock", async () => {
    const berlin = { cron: "30 2 * * *", timezone: "Europe/Berlin" };
    expect(await nexts(berlin, "2026-03-27T12:00Z", 3)).toEqual([
      "2026-03-28T01:30Z",
      "2026-03-29T01:00Z", // 2:30 does not exist: 3:00 is the instant right after the gap
      "2026-03-30T00:30Z",
    ]);
    expect(await nexts(berlin, "2026-10-24T12:00Z", 2)).toEqual(["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
    const newYork = { cron: "30 1 * * *", timezone: "America/New_York" };
    expect(await nexts(newYork, "2026-10-31T12:00Z", 2)).toEqual(["2026-11-01T05:30Z", "2026-11-02T06:30Z"]);
    expect(await nexts({ ...newYork, cron: "30 2 * * *" }, "2026-03-07T12:00Z", 2)).toEqual([
      "2026-03-08T07:00Z",
      "2026-03-09T06:30Z",
    ]);
  });

  test("come every hour also where an hour comes twice or not at all", async () => {
    for (const [timezone, ...changes] of [
      ["Europe/Berlin", "2026-03-29T00:00Z", "2026-10-25T00:00Z"],
      ["America/New_York", "2026-03-08T06:00Z", "2026-11-01T05:00Z"],
    ] as const) {
      for (const change of changes) {
        const found = await nexts({ cron: "0 * * * *", timezone }, new Date(at(change) - 1).toISOString(), 4);
        expect(found.map(at)).toEqual([0, 1, 2, 3].map((hour) => at(change) + hour * 3_600_000));
      }
    }
  });

  test("without a timezone are those of UTC, wherever the worker is", async () => {
    expect(await nexts({ cron: "0 3 * * *" }, "2026-07-01T00:00Z", 1)).toEqual(["2026-07-01T03:00Z"]);
  });

  test("are the same looked at from either side, at any ms", async () => {
    const slots = await slotsOf({ cron: "*/20 1-3 * * *", timezone: "Europe/Berlin", catchUp: "all" });
    for (const day of ["2026-03-29", "2026-10-25"]) {
      const begin = at(`${day}T00:00Z`) - 7_200_000;
      const ahead: number[] = [];
      for (let next = slots.next(begin)!; next <= begin + 36_000_000; next = slots.next(next)!) ahead.push(next);
      expect(slots.due(begin, begin + 36_000_000)).toEqual(ahead);
      for (const slot of ahead) {
        expect(slots.next(slot - 1)).toBe(slot);
        expect(slots.due(slot - 1, slot)).toEqual([slot]);
        expect(slots.due(slot - 1, slot + 999)).toEqual([slot]);
        expect(slots.due(slot, slot + 1)).toEqual([]);
        expect(slots.due(begin, slot - 1).at(-1) ?? 0).toBeLessThan(slot);
      }
    }
  });

  test("that were missed are due by the rule for catching up", async () => {
    const now = at("2026-01-01T12:00:30Z");
    const minutes = async (catchUp: Schedule["catchUp"], after: number) =>
      (await slotsOf({ everyMs: 60_000, catchUp })).due(after, now).map((slot) => (slot - now + 30_000) / 60_000);
    const before = now - 5 * 60_000;
    expect(await minutes(undefined, before)).toEqual([0]);
    expect(await minutes("last", before)).toEqual([0]);
    expect(await minutes("all", before)).toEqual([-4, -3, -2, -1, 0]);
    expect(await minutes("none", before)).toEqual([0]);
    expect(await minutes("all", 0)).toHaveLength(100);
    const hourly = await slotsOf({ everyMs: 3_600_000, catchUp: "none" });
    expect(hourly.due(0, now)).toEqual([at("2026-01-01T12:00Z")]);
    expect(hourly.due(0, now + 30_001)).toEqual([]);
  });

  test("of what is no cron expression or timezone there are none", async () => {
    for (const schedule of [{ cron: "61 * * * *" }, { cron: "daily" }, { cron: "* * * * *", timezone: "Mars/Olympus" }])
      await expect(slotsOf(schedule)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
