import { expect } from "vitest";
import { slotsOf } from "../../runtime/slots.ts";
import { reported } from "./reported.ts";

/** What the clocks of a place show at each slot between two instants. */
async function shown(cron: string, timezone: string, from: string, to: string): Promise<readonly string[]> {
  const slots = await slotsOf({ cron, timezone, catchUp: "all" });
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, timeStyle: "short" });
  const found: number[] = [];
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  for (let at = slots.next(begin - 1); at !== undefined && at < end; at = slots.next(at)) found.push(at);
  expect(slots.due(begin - 1, end - 1)).toEqual(found);
  return found.map((at) => clock.format(at));
}

reported(
  "C5",
  "lists, ranges and steps run once for a gap, right after it, and once where an hour comes twice",
  async (got) => {
    const spring = ["Europe/Berlin", "2027-03-27T23:00Z", "2027-03-28T22:00Z"] as const;
    const fall = ["America/New_York", "2027-11-07T04:00Z", "2027-11-08T05:00Z"] as const;
    const list = await shown("10,50 2 * * *", ...spring);
    const hours = await shown("15 2,14 * * *", ...spring);
    const steps = await shown("0 */2 * * *", ...spring);
    const range = await shown("*/20 1-3 * * *", ...spring);
    const twice = await shown("30 1,13 * * *", ...fall);
    got(`${list.join(" ")} | ${hours.join(" ")} | ${twice.join(" ")}`);
    expect(list).toEqual(["03:00"]);
    expect(hours).toEqual(["03:00", "14:15"]);
    expect(steps.slice(0, 4)).toEqual(["00:00", "03:00", "04:00", "06:00"]);
    expect(range).toEqual(["01:00", "01:20", "01:40", "03:00", "03:20", "03:40"]);
    expect(twice).toEqual(["01:30", "13:30"]);
    // What names every hour goes on every hour.
    expect(await shown("30 * * * *", ...spring)).toHaveLength(23);
    expect(await shown("30 * * * *", ...fall)).toHaveLength(25);
    expect(await shown("30 0-23 * * *", ...fall)).toHaveLength(25);
  },
);
