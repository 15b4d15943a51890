import type { ClaimedBatch, Keeper, Keepers, KeeperSettings, Report } from "./broker.ts";
import { LeaseTable, type TableAttempt } from "./lease-table.ts";
import { performance } from "./real-time.ts";

/** What a claim gave to this worker. */
export interface Lease {
  readonly queue: string;
  readonly fence: number;
  /** The time of the claim: the broker's, and by this process's `performance.now`, at the earliest. */
  readonly now: number;
  readonly claimedAt: number;
  /** Until when it holds for certain, by `performance.now`: beats put that off. */
  heldUntil: number;
  /** When it was entered into the table, by `performance.now`: what its keeper did before concerns an earlier lease of the same row. */
  readonly enteredAt: number;
  /** How many of its calls are this worker's still. */
  open: number;
  /** Its queue's number in the table, and its row there. */
  readonly queueNumber: number;
  readonly row: number | undefined;
}

/** What the broker has for keepers, and what one is to be told. */
export interface LeaseSettings extends Omit<KeeperSettings, "table"> {
  readonly keepers: Keepers | undefined;
  /** How many attempts run at a time. */
  readonly slots: number;
}

/**
 * What a worker holds: each claim for as long as calls of it are its own. A call is from its claim until its last report was
 * taken, refused or given up, or until others have ended it: what is done but not yet told is held, too, as others would
 * run it again.
 *
 * Where the broker has a keeper, all of this stands in a table that it reads, before a handler may block the event loop.
 */
export class Leases {
  /** By queue, and in it by fence. */
  readonly #held = new Map<string, Map<number, Lease>>();
  readonly #settings: LeaseSettings;
  readonly #queues: readonly string[];
  readonly #table: LeaseTable | undefined;
  #keeper: Keeper | undefined;
  #stopped = false;

  constructor(settings: LeaseSettings) {
    const { keepers, slots } = settings;
    this.#settings = settings;
    this.#queues = settings.queues.map(({ name }) => name);
    this.#table = keepers !== undefined && "start" in keepers ? new LeaseTable(slots) : undefined;
  }

  /** Says so where no keeper is to be had and one would be of use. */
  warn(): void {
    const { keepers, log } = this.#settings;
    if (keepers === undefined || "start" in keepers) return;
    log.warn({ reason: keepers.missing }, "a handler that blocks the event loop may lose its lease");
  }

  /** A queue's fences that are to be renewed. */
  fences(queue: string): readonly number[] {
    return [...(this.#held.get(queue)?.keys() ?? [])];
  }

  claimed({ queue, fence, now, at: claimedAt = performance.now(), calls }: ClaimedBatch): Lease {
    const table = this.#table;
    if (this.#keeper === undefined && table !== undefined && !this.#stopped) this.#startKeeper(table);
    let held = this.#held.get(queue);
    if (held === undefined) this.#held.set(queue, (held = new Map<number, Lease>()));
    const queueNumber = this.#queues.indexOf(queue);
    const row = table?.hold(queueNumber, fence);
    const heldUntil = claimedAt + this.#settings.leaseMs;
    const enteredAt = performance.now();
    const lease = { queue, fence, now, claimedAt, heldUntil, enteredAt, open: calls.length, queueNumber, row };
    held.set(fence, lease);
    return lease;
  }

  /** A beat that was sent at this time, by `performance.now`, has kept some leases of a queue. */
  kept(queue: string, fences: readonly number[], sentAt: number): void {
    const held = this.#held.get(queue);
    for (const fence of fences) {
      const lease = held?.get(fence);
      if (lease !== undefined) lease.heldUntil = Math.max(lease.heldUntil, sentAt + this.#settings.leaseMs);
    }
  }

  /** Whether a lease certainly holds at a time by `performance.now`. The keeper may have renewed it while the event loop was blocked. */
  isHeld({ heldUntil, enteredAt, row }: Lease, at: number): boolean {
    if (at < heldUntil) return true;
    const keptAt = row === undefined ? undefined : this.#table?.keptAt(row);
    return keptAt !== undefined && enteredAt <= keptAt && at < keptAt + this.#settings.leaseMs;
  }

  /** These reports will not be sent again. */
  settled(queue: string, reports: readonly Report[]): void {
    for (const { kind, fence } of reports) if (kind !== "progress") this.dropped(queue, fence);
  }

  /** A call of this fence is not this worker's any more. */
  dropped(queue: string, fence: number): void {
    const lease = this.#held.get(queue)?.get(fence);
    if (lease !== undefined && --lease.open === 0) this.lost(queue, fence);
  }

  /** No call of this fence is this worker's any more. */
  lost(queue: string, fence: number): void {
    const held = this.#held.get(queue);
    this.#table?.drop(held?.get(fence)?.row);
    held?.delete(fence);
  }

  /** Whether it is of use to tell that attempts begin and end. */
  get guarded(): boolean {
    return this.#table !== undefined;
  }

  /** A handler begins. @returns what {@link ended} is to be given. */
  begun(attempt: TableAttempt): number | undefined {
    return this.#table?.begin(attempt);
  }

  /** An attempt has an outcome. */
  ended(row: number | undefined): void {
    this.#table?.end(row);
  }

  /** The event loop runs. */
  beat(): void {
    this.#table?.beat();
  }

  /** Ends the keeper. None is started for what a claim brings later: that only goes back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#keeper?.stop();
  }

  #startKeeper(table: LeaseTable): void {
    const { keepers } = this.#settings;
    if (keepers !== undefined && "start" in keepers) this.#keeper = keepers.start({ ...this.#settings, table });
  }
}
