import { type LockOwner, type LockWish, localLifeMs } from "../../locks.ts";

/** One lock: who holds it, and who waits in line for it, the first one first. */
interface Lock {
  holder: { readonly owner: LockOwner; readonly fence: number } | undefined;
  readonly line: Map<string, LockOwner>;
}

/** After so many new locks, those that nobody holds or waits for are dropped: what dead owners left behind. */
const newBetweenSweeps = 256;

/** The locks of one queue. */
export class QueueLocks {
  readonly #holds: (owner: LockOwner) => boolean;
  readonly #locks = new Map<string, Lock>();
  /** Until when owners without a lease stand, by their ids. */
  readonly #alive = new Map<string, number>();
  #new = 0;

  /** @param holds - whether an owner's fence holds its call. */
  constructor(holds: (owner: LockOwner) => boolean) {
    this.#holds = holds;
  }

  /** Whether an owner's call is its own, or, where it has no lease, whether it has asked not long ago. */
  #stands(owner: LockOwner, now: number): boolean {
    return owner.fence === 0 ? (this.#alive.get(owner.id) ?? 0) > now : this.#holds(owner);
  }

  /** @returns the lock's fence if it is the owner's; else who is to be told that it is its turn, if anybody. */
  take(
    name: string,
    { owner, inLine }: LockWish,
    now: number,
    newFence: () => number,
  ): { fence: number } | { first: LockOwner | undefined } | "lost" {
    if (owner.fence === 0) this.#alive.set(owner.id, now + localLifeMs);
    else if (!this.#holds(owner)) return "lost";
    const lock = this.#locks.get(name) ?? this.#add(name, now);
    if (lock.holder !== undefined && same(lock.holder.owner, owner)) return { fence: lock.holder.fence };
    let first: LockOwner | undefined;
    if (lock.holder === undefined || !this.#stands(lock.holder.owner, now)) {
      first = this.#firstOf(lock, now);
      if (first === undefined || same(first, owner)) {
        lock.line.delete(keyOf(owner));
        lock.holder = { owner, fence: newFence() };
        return { fence: lock.holder.fence };
      }
    }
    if (inLine && !lock.line.has(keyOf(owner))) lock.line.set(keyOf(owner), owner);
    return { first };
  }

  /** @returns who is to be told that it is its turn, if anybody. */
  leave(name: string, owner: LockOwner, now: number): LockOwner | undefined {
    const lock = this.#locks.get(name);
    if (lock === undefined) return undefined;
    lock.line.delete(keyOf(owner));
    if (lock.holder !== undefined && same(lock.holder.owner, owner)) lock.holder = undefined;
    else if (lock.holder !== undefined && this.#stands(lock.holder.owner, now)) return undefined;
    const first = this.#firstOf(lock, now);
    if (first === undefined) this.#locks.delete(name);
    return first;
  }

  /** The first in line who stands. Who doesn't loses its place. */
  #firstOf(lock: Lock, now: number): LockOwner | undefined {
    for (const [key, owner] of lock.line) {
      if (this.#stands(owner, now)) return owner;
      lock.line.delete(key);
    }
    return undefined;
  }

  #add(name: string, now: number): Lock {
    if (++this.#new % newBetweenSweeps === 0) this.#sweep(now);
    const lock: Lock = { holder: undefined, line: new Map() };
    this.#locks.set(name, lock);
    return lock;
  }

  #sweep(now: number): void {
    for (const [id, until] of this.#alive) if (until <= now) this.#alive.delete(id);
    for (const [name, lock] of this.#locks) {
      const isHeld = lock.holder !== undefined && this.#stands(lock.holder.owner, now);
      if (!isHeld && this.#firstOf(lock, now) === undefined) this.#locks.delete(name);
    }
  }
}

function keyOf({ id, fence, nth }: LockOwner): string {
  return `${fence} ${nth} ${id}`;
}

function same(one: LockOwner, other: LockOwner): boolean {
  return one.id === other.id && one.fence === other.fence && one.nth === other.nth;
}
