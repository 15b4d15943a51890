import { shown } from "./checks.ts";
import { TaskError } from "./errors.ts";
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
  /** The latest ones up to an instant, in any order. */
  latest(most: number, until: number): readonly number[];
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
      const latest = instants.latest(catchUp === "all" ? mostCaughtUp : 1, Math.min(now, end - 1));
      return latest.filter((slot) => slot > after && slot >= start && !isMissed(slot, now)).sort((a, b) => a - b);
    },
  };
}

function intervals(everyMs: number, start: number): Instants {
  const origin = start === -Infinity ? 0 : start;
  const before = (until: number): number => origin + Math.floor((until - origin) / everyMs) * everyMs;
  return {
    next: (after) => before(after) + everyMs,
    latest: (most, until) => Array.from({ length: most }, (_, index) => before(until) - index * everyMs),
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
    Intl.DateTimeFormat("en", { timeZone: timezone });
    const parsed = new Cron(cron!, { timezone, paused: true });
    parsed.nextRun();
    return {
      next: (after) => parsed.nextRun(new Date(after))?.getTime(),
      // Slots are whole seconds; one at the very instant counts only from the ms after it.
      latest: (most, until) =>
        parsed.previousRuns(most, new Date(Math.floor(until / 1_000) * 1_000 + 1)).map((at) => at.getTime()),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TaskError("invalid_argument", `cron ${shown(cron)}, timezone ${shown(timezone)}: ${reason}`, { cause });
  }
}
