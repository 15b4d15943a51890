/** How many slots may be lent for each that there is, and at the least: so deep may calls nest. */
const lentForEach = 10;
const fewestLent = 1_000;

/** How many of so many slots may be lent. */
function mostLent(slots: number): number {
  return Math.max(fewestLent, lentForEach * slots);
}

/** How many calls may run on so many slots, with those that wait for others. */
export function mostHolders(slots: number): number {
  return slots + mostLent(slots);
}

/**
 * What a holder of a slot waits for: calls of its own that it awaits, which are nested; or the end of one that it has
 * submitted, which waits among all others.
 */
export type Waits = "nothing" | "nested" | "any";

/**
 * The slots of a place, by who holds them. A holder whose handler waits for calls that it made lends its slot to what it
 * waits for. Nested calls are told from others, and a slot that is lent to them is for no others: so what is waited for
 * finds a slot, and those that wait do not become more than nesting makes them.
 *
 * A holder that no longer waits goes on at once: for a moment there may be more that run than slots, until one of them
 * ends, as nothing is begun meanwhile.
 */
export class HeldSlots<Holder extends object> {
  readonly #slots: number;
  readonly #mostLent: number;
  readonly #holders = new Set<Holder>();
  /** Who waits, and those of them who wait for calls that are not nested. */
  readonly #waiting = new Set<object>();
  readonly #waitingForAny = new Set<object>();

  constructor(slots: number) {
    this.#slots = slots;
    this.#mostLent = mostLent(slots);
  }

  get holders(): ReadonlySet<Holder> {
    return this.#holders;
  }

  /** How many holders wait for calls that they made. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Slots for any call; less than 0 when more run than there are slots. */
  get free(): number {
    return this.#slots - this.#holders.size + Math.min(this.#waitingForAny.size, this.#mostLent);
  }

  /** Slots for calls that a handler waits for. */
  get freeForNested(): number {
    return this.#slots - this.#holders.size + Math.min(this.#waiting.size, this.#mostLent);
  }

  take(holder: Holder): void {
    this.#holders.add(holder);
  }

  give(holder: Holder): void {
    this.#holders.delete(holder);
    this.lend(holder, "nothing");
  }

  /** A holder begins to wait for calls that it made, or waits no longer. It may be about to become one. */
  lend(holder: object, waits: Waits): void {
    if (waits === "nothing") this.#waiting.delete(holder);
    else this.#waiting.add(holder);
    if (waits === "any") this.#waitingForAny.add(holder);
    else this.#waitingForAny.delete(holder);
  }
}
