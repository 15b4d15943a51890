import { performance } from "./real-time.ts";
/** For how long a notice is kept, ms: longer than a claim's reply can be on its way, on a connection that is not taken for dead. */
const keptMs = 15_000;
/** All workers of a queue hear of its canceled calls: of more at a time, the oldest are let go. */
const mostKept = 10_000;

/**
 * Notices of canceled calls that came before the claim of those calls: they are heard on another connection than its reply. Without
 * them, the handler of a canceled call would begin, and run to its end.
 */
export class EarlyCancels {
  /** When each was heard, by `performance.now`, the oldest first. */
  readonly #heard = new Map<string, number>();

  heard(queue: string, id: string, fence: number): void {
    const now = performance.now();
    this.#heard.set(keyOf(queue, id, fence), now);
    for (const [key, at] of this.#heard) {
      if (this.#heard.size <= mostKept && now - at <= keptMs) break;
      this.#heard.delete(key);
    }
  }

  /** Whether a call that has been claimed was canceled meanwhile; told once. */
  take(queue: string, id: string, fence: number): boolean {
    return this.#heard.size > 0 && this.#heard.delete(keyOf(queue, id, fence));
  }
}

function keyOf(queue: string, id: string, fence: number): string {
  return `${fence} ${queue} ${id}`;
}
