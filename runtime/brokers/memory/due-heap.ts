/** What a {@link DueHeap} orders; only the heap writes these two, and only while it holds the item. */
export interface Due {
  /** Epoch ms. */
  due: number;
  /** Its place in the heap; -1 outside. */
  slot: number;
}

/** Items by when they are due: a binary heap whose items know their places, so that any of them is removed in O(log n). */
export class DueHeap<T extends Due> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item that is due first. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** In no order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  add(item: T, due: number): void {
    item.due = due;
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Puts an item of the heap to another time. */
  move(item: T, due: number): void {
    item.due = due;
    this.#rise(item, item.slot);
    this.#sink(item, item.slot);
  }

  /** Takes an item out, if it is in. */
  remove(item: T): void {
    const slot = item.slot;
    if (slot < 0) return;
    item.slot = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#rise(last, slot);
    this.#sink(last, last.slot);
  }

  #rise(item: T, from: number): void {
    let slot = from;
    while (slot > 0) {
      const parent = this.#items[(slot - 1) >> 1]!;
      if (parent.due <= item.due) break;
      this.#put(parent, slot);
      slot = (slot - 1) >> 1;
    }
    this.#put(item, slot);
  }

  #sink(item: T, from: number): void {
    let slot = from;
    for (;;) {
      let child = slot * 2 + 1;
      if (child >= this.#items.length) break;
      if (child + 1 < this.#items.length && this.#items[child + 1]!.due < this.#items[child]!.due) child++;
      const lesser = this.#items[child]!;
      if (lesser.due >= item.due) break;
      this.#put(lesser, slot);
      slot = child;
    }
    this.#put(item, slot);
  }

  #put(item: T, slot: number): void {
    this.#items[slot] = item;
    item.slot = slot;
  }
}
