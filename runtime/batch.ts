import { setImmediate } from "./real-time.ts";

/**
 * Collects what one turn of the event loop adds, and hands it over at the turn's end: no timer, so that a lone
 * item is never held back, and no more than `limit` at a time. Of a turn that adds many, the first go before its end, then
 * twice as many, and so on: the other side begins with them on another core, while this one is still busy with the rest.
 */
export class TurnBatch<Item> {
  #items: Item[] = [];
  /** How many go early, next. */
  #early = firstEarly;
  readonly #flush: (items: Item[]) => void;
  readonly #limit: number;

  constructor(flush: (items: Item[]) => void, limit: number) {
    this.#flush = flush;
    this.#limit = limit;
  }

  add(item: Item): void {
    const size = this.#items.push(item);
    if (size === 1 && this.#early === firstEarly) setImmediate(this.#endTurn);
    if (size >= this.#early) {
      this.#early = Math.min(2 * this.#early, this.#limit);
      this.#handOver();
    }
  }

  readonly #endTurn = (): void => {
    this.#early = firstEarly;
    this.#handOver();
  };

  #handOver(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    this.#flush(items);
  }
}

/** How many of many are sent, or run, before the others: fewer cost more than they gain. */
export const firstEarly = 50;

/** How many calls go together in one step of a broker: so many take Redis about 1 ms, for which all others wait. */
export const batchLimit = 250;
