const smallest = 16;

/** A list that is cheap at both ends, in a ring that grows and shrinks with it. */
export class Deque<T> {
  #ring: (T | undefined)[] = Array.from({ length: smallest });
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#ring[this.#head];
  }

  get last(): T | undefined {
    return this.#ring[(this.#head + this.#size - 1) & (this.#ring.length - 1)];
  }

  pushBack(item: T): void {
    if (this.#size === this.#ring.length) this.#resize(this.#size * 2);
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
  }

  pushFront(item: T): void {
    if (this.#size === this.#ring.length) this.#resize(this.#size * 2);
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#size++;
  }

  popFront(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    if (this.#ring.length > smallest && this.#size < this.#ring.length / 4) this.#resize(this.#ring.length / 2);
    return item;
  }

  /** Drops what does not pass, in order; the rest stays in its order. */
  retain(keep: (item: T) => boolean): void {
    for (let count = this.#size; count > 0; count--) {
      const item = this.popFront()!;
      if (keep(item)) this.pushBack(item);
    }
  }

  #resize(length: number): void {
    const ring: (T | undefined)[] = Array.from({ length });
    for (let index = 0; index < this.#size; index++)
      ring[index] = this.#ring[(this.#head + index) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
