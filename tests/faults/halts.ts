const everyMs = 5;
/** Gaps up to this are a timer's usual lateness, ms. */
const usualMs = 10;

/** When this process's event loop stood still, as on a machine whose processors others have: no timer runs meanwhile. */
export class Halts {
  readonly #halts: { readonly from: number; readonly to: number }[] = [];
  #last = performance.now();

  /** @param until - takes what ends it */
  constructor(until: (end: () => void) => void) {
    const timer = setInterval(() => this.#look(), everyMs);
    until(() => clearInterval(timer));
  }

  get longestMs(): number {
    return Math.round(Math.max(0, ...this.#halts.map(({ from, to }) => to - from)));
  }

  /** For how long it stood still since a time by `performance.now`, ms. */
  haltedSince(time: number): number {
    // The one that goes on is not closed by a look: there may be many in one turn of the loop.
    const halts = [...this.#halts, { from: this.#last + everyMs + usualMs, to: performance.now() }];
    return halts.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, time)), 0);
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#last > everyMs + usualMs) this.#halts.push({ from: this.#last + everyMs, to: now });
    this.#last = now;
  }
}
