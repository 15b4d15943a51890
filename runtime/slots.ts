import { shown } from "./checks.ts";
import { type LocalTimes, nextCronInstant } from "./cron-instants.ts";
import { TaskError } from "./errors.ts";
import { LocalTime } from "./local-time.ts";
import type { Schedule } from "./schedule.ts";

/** The instants at which a schedule is due, epoch ms. The same for whoever asks: they depend on the schedule alone. */
export interface Slots {
  /** The first one after an instant; undefined if there is none. */
  next(after: number): number | undefined;
  /** Those after an instant and up to now that are still to be fired by the rule for catching up, the oldest first. */
  due(after: number, now: number): readonly number[];
}

/** Instants without a begin or an end. */
interface Instants {
  next(after: number): number | undefined;
  /** The latest ones after an instant and up to another, in any order. */
  latest(most: number, after: number, until: number): readonly number[];
}

/** How many slots are caught up with at the most. */
const mostCaughtUp = 100;
/** How old a slot may be that is not to be caught up with, ms: a worker that takes another's place needs a moment. */
const freshMs = 60_000;

/** @throws TaskError `invalid_argument` for a cron expression or a timezone that can't be read. */
export async function slotsOf(schedule: Schedule): Promise<Slots> {
  const start = schedule.startAt?.getTime() ?? -Infinity;
  const end = schedule.endAt?.getTime() ?? Infinity;
  const instants = schedule.cron === undefined ? intervals(schedule.everyMs, start) : await cronInstants(schedule);
  const { catchUp = "last" } = schedule;
  const isMissed = (slot: number, now: number): boolean => catchUp === "none" && now - slot > freshMs;
  return {
    next(after) {
      const next = instants.next(Math.max(after, start - 1));
      return next !== undefined && next < end ? next : undefined;
    },
    due(after, now) {
      const from = Math.max(after, start - 1);
      const latest = instants.latest(catchUp === "all" ? mostCaughtUp : 1, from, Math.min(now, end - 1));
      return latest.filter((slot) => slot > from && !isMissed(slot, now)).sort((a, b) => a - b);
    },
  };
}

function intervals(everyMs: number, start: number): Instants {
  const origin = start === -Infinity ? 0 : start;
  const before = (until: number): number => origin + Math.floor((until - origin) / everyMs) * everyMs;
  return {
    next: (after) => before(after) + everyMs,
    latest: (most, _, until) => Array.from({ length: most }, (_, index) => before(until) - index * everyMs),
  };
}

/** Only where it is needed: no client ever loads a parser. */
export function loadCronParser() {
  return import("croner");
}

async function cronInstants({ cron, timezone = "UTC" }: Schedule): Promise<Instants> {
  const { Cron } = await loadCronParser();
  try {
    // Says it in fewer words than the parser, which looks a timezone up at its first use.
    const clocks = new LocalTime(timezone);
    // The parser has rules of its own for changes of the clock, and not for lists and ranges: here it knows of none.
    const parse = (pattern: string) => new Cron(pattern, { timezone: "UTC", paused: true });
    const parsed = parse(cron!);
    parsed.nextRun();
    const times: LocalTimes = {
      next: (after) => parsed.nextRun(new Date(after))?.getTime(),
      isEveryHour: namesEveryHour(cron!, (pattern) => parse(pattern).nextRuns(24, midnight)),
    };
    const next = (after: number): number | undefined => nextCronInstant(times, clocks, after);
    return { next, latest: (most, after, until) => latestOf(next, most, after, until) };
  } catch (cause) {
    const { reason } = TaskError.from(cause, "invalid_argument");
    throw new TaskError("invalid_argument", `cron ${shown(cron)}, timezone ${shown(timezone)}: ${reason}`, { cause });
  }
}

const midnight = new Date("2026-01-01T00:00:00Z");

/** Whether a cron expression's field of hours names all of them: then one for every day is due 24 times a day. */
function namesEveryHour(cron: string, runs: (pattern: string) => readonly Date[]): boolean {
  const fields = cron.trim().split(/\s+/);
  if (fields.length < 5) return cron.trim().toLowerCase() === "@hourly";
  const hours = fields.length === 5 ? fields[1] : fields[2];
  const days = new Set(runs(`59 ${hours} * * *`).map((run) => run.toISOString().slice(0, 10)));
  return days.size === 1;
}

/** The latest instants after one and up to another. The span that is looked at grows until it holds as many. */
function latestOf(
  next: (after: number) => number | undefined,
  most: number,
  after: number,
  until: number,
): readonly number[] {
  let found: number[] = [];
  for (let spanMs = 1_000; found.length < most; spanMs *= 16) {
    const from = Math.max(after, until - spanMs, 0);
    found = [];
    for (let at = next(from); at !== undefined && at <= until; at = next(at)) found.push(at);
    if (from === Math.max(after, 0)) break;
  }
  return found.slice(-most);
}
