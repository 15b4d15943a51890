/**
 * Sees to it that of several loops of claims one at a time may be given suspects: how many a worker runs is known only when
 * a claim has come home.
 */
export class SuspectTurn {
  #holder: object | undefined;
  /** Those who were refused, and are to have their turn. */
  readonly #refused = new Set<object>();

  /** Whether a loop's next claim may bring a suspect. It may until {@link over}. */
  take(loop: object): boolean {
    const others = this.#refused.size > (this.#refused.has(loop) ? 1 : 0);
    if (this.#holder !== undefined || (others && !this.#refused.has(loop))) {
      this.#refused.add(loop);
      return false;
    }
    this.#refused.delete(loop);
    this.#holder = loop;
    return true;
  }

  /** A loop's claim is over. */
  over(loop: object): void {
    if (this.#holder === loop) this.#holder = undefined;
  }
}
