import type { Notice } from "../../broker.ts";
import { queueMicrotask, setImmediate } from "../../real-time.ts";

/** One who hears a channel. */
interface Ear {
  readonly listener: (notice: Notice) => void;
  open: boolean;
}

/**
 * Tells notices to those who hear their channel, in order, in a later turn of the event loop: as from a network, no
 * listener runs inside a caller's step, and a chain of calls can't keep timers and sockets from their turn.
 */
export class Channels {
  readonly #ears = new Map<string, Set<Ear>>();
  #outbox: { ear: Ear; notice: Notice }[] = [];

  /** @returns how to stop hearing. */
  hear(channel: string, listener: (notice: Notice) => void): () => void {
    const ear: Ear = { listener, open: true };
    const ears = this.#ears.get(channel) ?? new Set();
    this.#ears.set(channel, ears.add(ear));
    return () => {
      ear.open = false;
      ears.delete(ear);
      if (ears.size === 0 && this.#ears.get(channel) === ears) this.#ears.delete(channel);
    };
  }

  hears(channel: string): boolean {
    return this.#ears.has(channel);
  }

  tell(channel: string, notice: Notice): void {
    for (const ear of this.#ears.get(channel) ?? []) {
      if (this.#outbox.push({ ear, notice }) === 1) setImmediate(() => this.#deliver());
    }
  }

  #deliver(): void {
    const letters = this.#outbox;
    this.#outbox = [];
    for (const { ear, notice } of letters) {
      if (!ear.open) continue;
      try {
        ear.listener(notice);
      } catch (error) {
        // A listener's fault is not the others', and must not pass unseen.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
