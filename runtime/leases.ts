import type { ClaimedBatch, Report } from "./broker.ts";

/** What a claim gave to this worker. */
export interface Lease {
  readonly queue: string;
  readonly fence: number;
  /** The time of the claim: the broker's, and by this process's `performance.now`. */
  readonly now: number;
  readonly claimedAt: number;
  /** How many of its calls are this worker's still. */
  open: number;
}

/**
 * What a worker holds: each claim for as long as calls of it are its own. A call is from its claim until its last report was
 * taken, refused or given up, or until others have ended it: what is done but not yet told is held, too, as others would
 * run it again.
 */
export class Leases {
  /** By queue, and in it by fence. */
  readonly #held = new Map<string, Map<number, Lease>>();

  /** A queue's fences that are to be renewed. */
  fences(queue: string): readonly number[] {
    return [...(this.#held.get(queue)?.keys() ?? [])];
  }

  claimed({ queue, fence, now, calls }: ClaimedBatch): Lease {
    let held = this.#held.get(queue);
    if (held === undefined) this.#held.set(queue, (held = new Map<number, Lease>()));
    const lease = { queue, fence, now, claimedAt: performance.now(), open: calls.length };
    held.set(fence, lease);
    return lease;
  }

  /** These reports will not be sent again. */
  settled(queue: string, reports: readonly Report[]): void {
    for (const { kind, fence } of reports) if (kind !== "progress") this.dropped(queue, fence);
  }

  /** A call of this fence is not this worker's any more. */
  dropped(queue: string, fence: number): void {
    const held = this.#held.get(queue);
    const lease = held?.get(fence);
    if (lease !== undefined && --lease.open === 0) held?.delete(fence);
  }

  /** No call of this fence is this worker's any more. */
  lost(queue: string, fence: number): void {
    this.#held.get(queue)?.delete(fence);
  }
}
