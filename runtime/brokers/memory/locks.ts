import { workerChannel } from "../../keys.ts";
import type { LockAnswer, LockOwner, Locks, LockWish } from "../../locks.ts";
import type { Queue } from "./queue.ts";
import type { Store } from "./store.ts";

/** Who holds which lock in a memory broker. */
export class MemoryLocks implements Locks {
  readonly #open: () => Store;

  constructor(open: () => Store) {
    this.#open = open;
  }

  async take(name: string, lock: string, wish: LockWish): Promise<LockAnswer> {
    const store = this.#open();
    const queue = store.queue(name);
    const now = store.clock.now();
    const taken = queue.locks.take(lock, wish, now, () => queue.newFence(now));
    if (taken === "lost") return { outcome: "lost" };
    if ("fence" in taken) return { outcome: "taken", fence: taken.fence };
    wake(queue, taken.first);
    return { outcome: "busy" };
  }

  async leave(name: string, lock: string, owner: LockOwner): Promise<void> {
    const store = this.#open();
    const queue = store.queue(name);
    wake(queue, queue.locks.leave(lock, owner, store.clock.now()));
  }
}

/** Tells an owner in line that a lock is free. */
function wake(queue: Queue, first: LockOwner | undefined): void {
  if (first === undefined) return;
  queue.surroundings.tell(workerChannel(queue.name), { kind: "turn", id: first.id, fence: first.fence });
}
