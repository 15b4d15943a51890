import type { LocalTime } from "./local-time.ts";

/** The local times that a cron expression names, of which the parser knows no clocks: see {@link LocalTime}. */
export interface LocalTimes {
  /** The first one after another; undefined if there is none. */
  next(after: number): number | undefined;
  /** Whether each hour of the day is among them, as with `*` or `0-23`. */
  readonly isEveryHour: boolean;
}

/**
 * The first instant after another at which a cron expression is due, epoch ms; undefined if there is none.
 *
 * One that names some hours of the day is due once at each local time: of one that comes twice, at the first; of those that a gap
 * leaves out, all together at the gap's end. One that names every hour goes by elapsed time: it is due both times, and not for
 * what is left out.
 */
export function nextCronInstant(times: LocalTimes, clocks: LocalTime, after: number): number | undefined {
  return times.isEveryHour ? nextElapsed(times, clocks, after) : nextOnce(times, clocks, after);
}

function nextOnce(times: LocalTimes, clocks: LocalTime, after: number): number | undefined {
  let local: number | undefined = clocks.at(after);
  // As long as an hour comes for the second time, what is found was due at the first.
  while ((local = times.next(local)) !== undefined) {
    const [first = clocks.gapEnd(local), second] = clocks.instantsOf(local);
    if (first === undefined || first > after) return first;
    // From the last local time on that comes twice, there is nothing to find before.
    if (second !== undefined) local = lastOfOverlap(clocks, first, local);
  }
  return undefined;
}

/** The last whole second of local time that comes twice, with one that does. */
function lastOfOverlap(clocks: LocalTime, first: number, local: number): number {
  const change = clocks.changeAfter(first);
  return change === undefined ? local : Math.max(local, change.at + change.before - 1_000);
}

function nextElapsed(times: LocalTimes, clocks: LocalTime, after: number): number | undefined {
  const change = clocks.changeAfter(after);
  const local = times.next(clocks.at(after));
  if (change !== undefined) {
    // Up to the change by the clock of before, and from it on by the new one.
    if (local !== undefined && local - change.before < change.at) return local - change.before;
    return firstOf(times, clocks, times.next(change.at + change.after - 1_000), change.at - 1);
  }
  return firstOf(times, clocks, local, after);
}

/** The first instant after another of a local time, or of those that come after it. */
function firstOf(times: LocalTimes, clocks: LocalTime, from: number | undefined, after: number): number | undefined {
  for (let local = from; local !== undefined; local = times.next(local)) {
    const found = clocks.instantsOf(local).find((instant) => instant > after);
    if (found !== undefined) return found;
  }
  return undefined;
}
