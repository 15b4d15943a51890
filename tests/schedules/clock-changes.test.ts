import fc from "fast-check";
import { expect, test } from "vitest";
import { slotsOf } from "../../runtime/slots.ts";

/*
 * Cron expressions across changes of the clock, beside an oracle that knows no parser and no rule for what comes next: it walks over
 * the instants of some days minute by minute, asks what the clocks show, and says which local times were left out.
 */

const minuteMs = 60_000;

/** Places, and an instant near a change of their clocks. */
const changes: readonly (readonly [timezone: string, near: string])[] = [
  ["Europe/Berlin", "2027-03-28T01:00Z"],
  ["Europe/Berlin", "2027-10-31T01:00Z"],
  ["America/New_York", "2027-03-14T07:00Z"],
  ["America/New_York", "2027-11-07T06:00Z"],
  ["Australia/Lord_Howe", "2027-10-02T15:30Z"], // by half an hour
  ["Australia/Lord_Howe", "2027-04-03T15:00Z"],
  ["Pacific/Apia", "2011-12-30T10:00Z"], // leaves a day out
  ["America/Sao_Paulo", "2018-11-04T03:00Z"], // a gap at midnight
  ["America/Sao_Paulo", "2018-02-18T02:00Z"], // an hour before midnight comes twice
  ["Asia/Tehran", "2022-03-21T20:30Z"], // at midnight, of half hours
  ["Asia/Tehran", "2022-09-21T19:30Z"],
  ["Atlantic/Azores", "2027-10-31T01:00Z"],
  ["Africa/Casablanca", "2027-02-07T02:00Z"],
  ["UTC", "2027-03-28T01:00Z"],
];

/** A field: as it is written, and the values that it names. */
interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number>;
}

/** @param whole - whether these are all values that there are, so that `*` means them. */
function fieldOf(low: number, high: number, whole = true): fc.Arbitrary<Field> {
  const all = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  const field = (text: string, named: readonly number[]): Field => ({ text, values: new Set(named) });
  const value = fc.integer({ min: low, max: high });
  const some = [
    value.map((one) => field(`${one}`, [one])),
    fc.uniqueArray(value, { minLength: 2, maxLength: 4 }).map((some) => field(some.join(","), some)),
    fc
      .tuple(value, value)
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
      .map(([from, to]) =>
        field(
          `${from}-${to}`,
          all.filter((one) => one >= from && one <= to),
        ),
      ),
  ];
  const steps = fc.constantFrom(2, 3, 5).map((step) =>
    field(
      `*/${step}`,
      all.filter((one) => (one - low) % step === 0),
    ),
  );
  return fc.oneof(...some, ...(whole ? [fc.constant(field("*", all)), steps] : []));
}

const anyDay: Field = { text: "*", values: new Set(Array.from({ length: 32 }, (_, day) => day)) };
const expression = fc.record({
  minute: fieldOf(0, 59),
  // Most changes are in the first hours of a day, and in the last one.
  hour: fc.oneof(fieldOf(0, 23), fieldOf(0, 3, false), fc.constant({ text: "23", values: new Set([23]) })),
  weekday: fc.oneof({ weight: 3, arbitrary: fc.constant(anyDay) }, fieldOf(0, 6)),
});

test("are due as an oracle says that looks at every minute of the clocks", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...changes), expression, async ([timezone, near], { minute, hour, weekday }) => {
      const from = Date.parse(near) - 30 * 60 * minuteMs;
      const to = Date.parse(near) + 30 * 60 * minuteMs;
      const matches = (local: number): boolean => {
        const shown = new Date(local);
        return (
          minute.values.has(shown.getUTCMinutes()) &&
          hour.values.has(shown.getUTCHours()) &&
          weekday.values.has(shown.getUTCDay())
        );
      };
      const expected = oracle(timezone, from, to, matches, hour.values.size === 24);
      const cron = `${minute.text} ${hour.text} * * ${weekday.text}`;
      const slots = await slotsOf({ cron, timezone, catchUp: "all" });
      const found: number[] = [];
      for (let at = slots.next(from - 1); at !== undefined && at < to; at = slots.next(at)) found.push(at);
      expect({ cron, timezone, found: found.map(iso) }).toEqual({ cron, timezone, found: expected.map(iso) });
      expect(slots.due(from - 1, to - 1).map(iso)).toEqual(expected.slice(-100).map(iso));
    }),
    { numRuns: 60 },
  );
});

const clocks = new Map<string, readonly (readonly [at: number, local: number])[]>();

function oracle(
  timezone: string,
  from: number,
  to: number,
  matches: (local: number) => boolean,
  isEveryHour: boolean,
): readonly number[] {
  const key = `${timezone} ${from}`;
  let shown = clocks.get(key);
  // From well before, so that what was shown for the first time is known.
  if (shown === undefined) clocks.set(key, (shown = minutesOf(timezone, from - 180 * minuteMs, to)));
  const due: number[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const [at, local] of shown) {
    if (isEveryHour) {
      if (matches(local)) due.push(at);
    } else if (local > latest) {
      // All that was left out since the latest local time, and this one: together they are due now.
      const begin = latest === Number.NEGATIVE_INFINITY ? local : latest + minuteMs;
      let isDue = false;
      for (let one = begin; one <= local && !isDue; one += minuteMs) isDue = matches(one);
      if (isDue) due.push(at);
    }
    latest = Math.max(latest, local);
  }
  return due.filter((at) => at >= from);
}

/** What the clocks show, as if it were UTC, at each minute. */
function minutesOf(timezone: string, from: number, to: number): readonly (readonly [number, number])[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short", timeStyle: "short" });
  const shown: [number, number][] = [];
  for (let at = from; at < to; at += minuteMs) shown.push([at, Date.parse(`${format.format(at).replace(" ", "T")}Z`)]);
  return shown;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
