const dayMs = 86_400_000;
/** No place is farther from UTC than that, nor has a clock ever been changed by more, ms. */
const farthestMs = 26 * 3_600_000;
/** How many days are known before all are forgotten: a catch-up looks at many. */
const mostDays = 1_000;

/** A change of a clock: from `at` on, local time is `after` ms ahead of UTC, and just before that `before`. */
interface Change {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** A day of UTC. */
interface Day {
  /** How far local time is ahead of UTC at its begin, ms. */
  readonly offset: number;
  readonly change: Change | undefined;
}

/**
 * The clocks of a timezone. A local time is written as if it were UTC, in ms: so that a clock that shows 2:30 on 28 March 2027 is
 * `Date.UTC(2027, 2, 28, 2, 30)`, wherever it hangs.
 */
export class LocalTime {
  readonly #format: Intl.DateTimeFormat;
  readonly #days = new Map<number, Day>();

  /** @param timezone - an IANA name. @throws RangeError for one that does not exist. */
  constructor(timezone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      ...({ year: "numeric", month: "numeric", day: "numeric" } as const),
      ...({ hour: "numeric", minute: "numeric", second: "numeric" } as const),
    });
  }

  /** What the clocks show at an instant, epoch ms. */
  at(instant: number): number {
    return instant + this.#offset(instant);
  }

  /** The instants at which the clocks show a local time: one; none, where it is left out; or two, where it comes twice. */
  instantsOf(local: number): readonly number[] {
    const change = this.#changeBetween(local - farthestMs, local + farthestMs);
    if (change === undefined) return [local - this.#offset(local)];
    const first = local - change.before;
    const second = local - change.after;
    return [...(first < change.at ? [first] : []), ...(second >= change.at ? [second] : [])];
  }

  /** The end of the gap that a local time falls into, as an instant; undefined for one that is not left out. */
  gapEnd(local: number): number | undefined {
    if (this.instantsOf(local).length > 0) return undefined;
    return this.#changeBetween(local - farthestMs, local + farthestMs)?.at;
  }

  /** The next change of the clocks within about a day after an instant, if there is one. */
  changeAfter(instant: number): Change | undefined {
    return this.#changeBetween(instant, instant + farthestMs);
  }

  /** The first change after one instant and up to another. */
  #changeBetween(after: number, until: number): Change | undefined {
    for (let number = Math.floor(after / dayMs); number * dayMs <= until; number++) {
      const { change } = this.#day(number);
      if (change !== undefined && change.at > after && change.at <= until) return change;
    }
    return undefined;
  }

  /** How far local time is ahead of UTC at an instant, ms. */
  #offset(instant: number): number {
    const { offset, change } = this.#day(Math.floor(instant / dayMs));
    return change !== undefined && instant >= change.at ? change.after : offset;
  }

  #day(number: number): Day {
    let day = this.#days.get(number);
    if (day === undefined) {
      if (this.#days.size >= mostDays) this.#days.clear();
      this.#days.set(number, (day = this.#look(number * dayMs)));
    }
    return day;
  }

  #look(begin: number): Day {
    const before = this.#shownOffset(begin);
    const after = this.#shownOffset(begin + dayMs);
    if (before === after) return { offset: before, change: undefined };
    let [low, high] = [begin, begin + dayMs];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#shownOffset(middle) === before) low = middle;
      else high = middle;
    }
    return { offset: before, change: { at: high, before, after } };
  }

  #shownOffset(instant: number): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = value;
    const { year, month, day, hour, minute, second } = parts;
    const shown = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
    return shown - Math.floor(instant / 1_000) * 1_000;
  }
}
