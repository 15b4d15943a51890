import type { ClaimedBatch, ClaimRequest, Notice } from "taskpact/broker";
import { claim, nextLook } from "./claim.ts";
import { ShelfQueue } from "./queue.ts";

/** A claim that waits. */
interface WaitingClaim {
  readonly request: Claim;
  readonly until: number;
  settle(batches: readonly ClaimedBatch[]): void;
  stopTimer(): void;
}

/** A claim as it goes over the wire. */
export type Claim = Omit<ClaimRequest, "signal">;

/** The queues of one namespace, and who waits for or hears something of them. */
export class Shelf {
  readonly now: () => number;
  readonly #queues = new Map<string, ShelfQueue>();
  readonly #waiting = new Set<WaitingClaim>();
  readonly #ears = new Map<string, Set<(notice: Notice) => void>>();
  #isRung = false;

  /** @param now - epoch ms; tests move it. */
  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  queue(name: string): ShelfQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new ShelfQueue(name, {
        tell: (channel, notice) => this.#ears.get(channel)?.forEach((ear) => ear(notice)),
        ring: () => this.#ring(),
      });
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Leases what there is, or waits for it; empty when the time is up or {@link giveUp} is called. */
  claim(request: Claim, settle: (batches: readonly ClaimedBatch[]) => void): { giveUp(): void } {
    const batches = this.#claim(request);
    if (batches.length > 0 || request.waitMs <= 0) {
      settle(batches);
      return { giveUp: () => undefined };
    }
    const waiting: WaitingClaim = {
      request,
      until: this.now() + request.waitMs,
      settle: (given) => {
        if (!this.#waiting.delete(waiting)) return;
        waiting.stopTimer();
        settle(given);
      },
      stopTimer: () => undefined,
    };
    this.#waiting.add(waiting);
    this.#arm(waiting);
    return { giveUp: () => waiting.settle([]) };
  }

  /** @returns what ends it. */
  hear(channel: string, ear: (notice: Notice) => void): () => void {
    const ears = this.#ears.get(channel) ?? new Set();
    this.#ears.set(channel, ears.add(ear));
    return () => {
      ears.delete(ear);
    };
  }

  /** Lets all claims that wait look again, as when the clock was moved. */
  look(): void {
    for (const waiting of this.#waiting) {
      const batches = this.#claim(waiting.request);
      if (batches.length > 0 || this.now() >= waiting.until) waiting.settle(batches);
      else this.#arm(waiting);
    }
  }

  /** Ends what waits. */
  close(): void {
    for (const waiting of this.#waiting) waiting.settle([]);
  }

  #claim(request: Claim): readonly ClaimedBatch[] {
    const now = this.now();
    const batches: ClaimedBatch[] = [];
    let { limit, suspect } = request;
    for (const served of request.queues) {
      if (limit <= 0) break;
      const batch = claim(this.queue(served.name), served, { ...request, limit, suspect }, now);
      if (batch === undefined) continue;
      batches.push(batch);
      limit -= batch.calls.length;
      suspect &&= !batch.calls.some((call) => call.suspect);
    }
    return batches;
  }

  /** Claims that wait look once for all that happens in a turn. */
  #ring(): void {
    if (this.#isRung || this.#waiting.size === 0) return;
    this.#isRung = true;
    setImmediate(() => {
      this.#isRung = false;
      this.look();
    });
  }

  #arm(waiting: WaitingClaim): void {
    waiting.stopTimer();
    const now = this.now();
    const looks = waiting.request.queues.map((served) => nextLook(this.queue(served.name), served, now));
    const timer = setTimeout(() => this.look(), Math.max(1, Math.min(waiting.until, ...looks) - now));
    waiting.stopTimer = () => clearTimeout(timer);
  }
}
