/**
 * Where a broker keeps who holds which lock, beside the ten methods that calls need ({@link Broker}). As there, every method may
 * be called again with the same arguments, and all times are by the broker's clock. A queue's locks are its own.
 *
 * A lock is its owner's while the owner stands: an attempt for as long as its fence holds its call, so that nothing is to be
 * renewed; one without a lease (fence 0) for {@link localLifeMs} after it has last asked for a lock.
 */
export interface Locks {
  /** Takes a lock that is free, if nobody who waits in line comes first. Of the owner that holds it, the answer is the same again. */
  take(queue: string, name: string, wish: LockWish): Promise<LockAnswer>;
  /** Gives a lock back, or a place in line up. Who is first in line then, if the lock is free, is told that it is its turn. */
  leave(queue: string, name: string, owner: LockOwner): Promise<void>;
}

/** Who wants a lock: a call's attempt, for the nth time. */
export interface LockOwner {
  /** The call's id; of one without a lease, an id of its own. */
  readonly id: string;
  /** The attempt's fence; 0 for one without a lease. */
  readonly fence: number;
  /** Tells apart what one attempt wants: it may take a lock, give it back and want it again. */
  readonly nth: number;
}

/** What a {@link LockOwner} wants. */
export interface LockWish {
  readonly owner: LockOwner;
  /** Whether it waits in line, in the order of first asking, should the lock not be free. A place is kept for a minute after it was asked last. */
  readonly inLine: boolean;
  /** How long it is kept at the most, ms: longer than its owner can need it. What dead owners leave behind goes then. */
  readonly keptMs: number;
}

/** `lost`: the owner's fence no longer holds its call. */
export type LockAnswer =
  | {
      readonly outcome: "taken";
      /** Larger than that of whoever held the lock before. */
      readonly fence: number;
    }
  | { readonly outcome: "busy" }
  | { readonly outcome: "lost" };

/** For how long an owner without a lease stands after it has asked for a lock, ms. */
export const localLifeMs = 15_000;
