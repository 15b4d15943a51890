/** What must be over by a time. All but `late` is for {@link Deadlines} alone. */
export interface Bounded {
  /** Its time is up. */
  late(): void;
  lane: Lane | undefined;
  lateAt: number;
  before: Bounded | undefined;
  behind: Bounded | undefined;
}

/** Those with the same duration, in the order in which they were added, and so in that of their ends. */
interface Lane {
  readonly ms: number;
  timer: NodeJS.Timeout | undefined;
  first: Bounded | undefined;
  last: Bounded | undefined;
}

/** What one timer can hold, ms. */
const longestTimerMs = 2 ** 31 - 1;
/** Lanes that are kept although nobody is in them: most calls have one of a few durations. */
const keptLanes = 8;

/** Many deadlines of few durations: adding and removing one costs no timer. */
export class Deadlines {
  readonly #lanes = new Map<number, Lane>();

  /** Calls its `late` after a duration, ms, unless it is deleted by then. */
  add(item: Bounded, ms: number): void {
    let lane = this.#lanes.get(ms);
    if (lane === undefined) {
      lane = { ms, timer: undefined, first: undefined, last: undefined };
      this.#lanes.set(ms, lane);
    }
    item.lane = lane;
    item.lateAt = performance.now() + ms;
    item.before = lane.last;
    if (lane.last === undefined) lane.first = item;
    else lane.last.behind = item;
    lane.last = item;
    if (lane.timer === undefined) this.#arm(lane, ms);
    else if (lane.first === item) lane.timer.ref();
  }

  delete(item: Bounded): void {
    const { lane, before, behind } = item;
    if (lane === undefined) return;
    if (before === undefined) lane.first = behind;
    else before.behind = behind;
    if (behind === undefined) lane.last = before;
    else behind.before = before;
    item.lane = undefined;
    item.before = undefined;
    item.behind = undefined;
    if (lane.first !== undefined) return;
    if (this.#lanes.size > keptLanes) this.#close(lane);
    else lane.timer?.unref();
  }

  #arm(lane: Lane, ms: number): void {
    lane.timer = setTimeout(() => this.#pass(lane), Math.min(ms, longestTimerMs));
  }

  #pass(lane: Lane): void {
    const now = performance.now();
    for (let item = lane.first; item !== undefined && item.lateAt <= now; item = lane.first) {
      this.delete(item);
      item.late();
    }
    // Of those who were first when the timer was set, some have been deleted.
    if (lane.first === undefined) this.#close(lane);
    else this.#arm(lane, Math.ceil(lane.first.lateAt - now));
  }

  #close(lane: Lane): void {
    clearTimeout(lane.timer);
    // Since it was closed, another one may have been made for its duration.
    if (this.#lanes.get(lane.ms) === lane) this.#lanes.delete(lane.ms);
  }
}
