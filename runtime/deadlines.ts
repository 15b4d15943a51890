import { outside } from "./own-context.ts";
import { clearTimeout, performance, setTimeout } from "./real-time.ts";

/** What must be over by a time. All but `late` is for {@link Deadlines} alone. */
export interface Bounded {
  /** Its time is up. */
  late(): void;
  row: Row | undefined;
  lateAt: number;
  before: Bounded | undefined;
  behind: Bounded | undefined;
}

/** Those with the same duration, in the order in which they were added, and so in that of their ends. */
interface Row {
  readonly ms: number;
  timer: NodeJS.Timeout | undefined;
  first: Bounded | undefined;
  last: Bounded | undefined;
}

/** What one timer can hold, ms. */
const longestTimerMs = 2 ** 31 - 1;
/** Rows that are kept although nobody is in them: most calls have one of a few durations. */
const keptRows = 8;

/** Many deadlines of few durations: adding and removing one costs no timer. */
export class Deadlines<Item extends Bounded = Bounded> {
  readonly #rows = new Map<number, Row>();

  /** Calls its `late` after a duration, ms, unless it is deleted by then. */
  add(item: Item, ms: number, now = performance.now()): void {
    let row = this.#rows.get(ms);
    if (row === undefined) {
      row = { ms, timer: undefined, first: undefined, last: undefined };
      this.#rows.set(ms, row);
    }
    item.row = row;
    item.lateAt = now + ms;
    item.before = row.last;
    if (row.last === undefined) row.first = item;
    else row.last.behind = item;
    row.last = item;
    if (row.timer === undefined) this.#arm(row, ms);
    else if (row.first === item) row.timer.ref();
  }

  /** Those that are in it. */
  all(): readonly Item[] {
    const items: Bounded[] = [];
    for (const { first } of this.#rows.values())
      for (let item = first; item !== undefined; item = item.behind) items.push(item);
    return items as Item[];
  }

  delete(item: Bounded): void {
    const { row, before, behind } = item;
    if (row === undefined) return;
    if (before === undefined) row.first = behind;
    else before.behind = behind;
    if (behind === undefined) row.last = before;
    else behind.before = before;
    item.row = undefined;
    item.before = undefined;
    item.behind = undefined;
    if (row.first !== undefined) return;
    if (this.#rows.size > keptRows) this.#close(row);
    else row.timer?.unref();
  }

  #arm(row: Row, ms: number): void {
    row.timer = outside(() => setTimeout(() => this.#pass(row), Math.min(ms, longestTimerMs)));
  }

  #pass(row: Row): void {
    const now = performance.now();
    for (let item = row.first; item !== undefined && item.lateAt <= now; item = row.first) {
      this.delete(item);
      item.late();
    }
    // Of those who were first when the timer was set, some have been deleted.
    if (row.first === undefined) this.#close(row);
    else this.#arm(row, Math.ceil(row.first.lateAt - now));
  }

  #close(row: Row): void {
    clearTimeout(row.timer);
    // Since it was closed, another one may have been made for its duration.
    if (this.#rows.get(row.ms) === row) this.#rows.delete(row.ms);
  }
}
