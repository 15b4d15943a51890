/**
 * Collects what one turn of the event loop adds, and hands it over at the turn's end: no timer, so that a lone
 * item is never held back, and no more than `limit` at a time.
 */
export class TurnBatch<Item> {
  #items: Item[] = [];
  readonly #flush: (items: Item[]) => void;
  readonly #limit: number;

  constructor(flush: (items: Item[]) => void, limit: number) {
    this.#flush = flush;
    this.#limit = limit;
  }

  add(item: Item): void {
    if (this.#items.push(item) === 1) setImmediate(this.#handOver);
  }

  readonly #handOver = (): void => {
    const items = this.#items;
    this.#items = [];
    for (let at = 0; at < items.length; at += this.#limit) {
      this.#flush(items.length <= this.#limit ? items : items.slice(at, at + this.#limit));
    }
  };
}

/** How many items one script call takes: Lua can't unpack many more. */
export const batchLimit = 1_000;
