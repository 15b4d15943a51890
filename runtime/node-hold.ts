import type { Broker } from "./broker.ts";
import { pause } from "./clock.ts";
import { TaskError } from "./errors.ts";
import { localLifeMs } from "./locks.ts";
import type { Logger } from "./log.ts";
import { performance } from "./real-time.ts";

/** What a {@link NodeHold} needs of its worker. */
export interface HoldSettings {
  /** The queue whose name several processes may have been given. */
  readonly queue: string;
  readonly worker: string;
  readonly log: Logger;
  /** It is this worker's turn to serve the queue, or no more. */
  readonly serves: (serves: boolean) => void;
}

/** Asking is what keeps it, ms. */
const everyMs = localLifeMs / 5;
/** Longer than any process may live. */
const keptMs = 366 * 86_400_000;

/**
 * Sees to it that of several workers that were given the same name for a node queue one serves it at a time: the others stand by, and one
 * of them goes on when it has stopped, or 15 s after it has died. It is a lock of that queue.
 */
export class NodeHold {
  readonly #broker: Broker;
  readonly #settings: HoldSettings;
  readonly #stopped = new AbortController();
  #held = false;
  /** When it was last known to be ours, by {@link performance.now}. */
  #heldAt = 0;
  #waits = false;
  #keeping: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(broker: Broker, settings: HoldSettings) {
    this.#broker = broker;
    this.#settings = settings;
  }

  /** Asks for it once, and from then on at intervals. */
  async start(): Promise<void> {
    await this.#ask();
    this.#keeping = this.#keep();
  }

  /** Lets another one have it. Asked for twice, it is one stop. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopped.abort();
    await this.#keeping;
    if (!this.#held) return;
    this.#held = false;
    // It is free a little later anyway.
    await this.#broker.locks?.leave(this.#settings.queue, lock, this.#owner).catch(() => undefined);
  }

  get #owner() {
    return { id: this.#settings.worker, fence: 0, nth: 1 };
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      await pause(everyMs, signal);
      if (signal.aborted) return;
      await this.#ask();
    }
  }

  async #ask(): Promise<void> {
    const { queue, log } = this.#settings;
    const { locks } = this.#broker;
    const askedAt = performance.now();
    try {
      const answer = await locks?.take(queue, lock, { owner: this.#owner, inLine: false, keptMs });
      // A broker without locks leaves it to those who give the names.
      if (answer === undefined || answer.outcome === "taken") return this.#took(askedAt);
      if (this.#held) this.#lost();
      if (!this.#waits)
        log.warn({ queue }, "another worker serves the node queue of this name: standing by until it is gone");
      this.#waits = true;
    } catch (thrown) {
      log.debug({ queue, error: TaskError.from(thrown, "internal").message }, "a node queue could not be asked for");
      // By now it may be another's.
      if (this.#held && askedAt - this.#heldAt > localLifeMs) this.#lost();
    }
  }

  #took(askedAt: number): void {
    const { queue, log, serves } = this.#settings;
    // Asked before a freeze and answered after it.
    if (performance.now() - askedAt > localLifeMs) return;
    this.#heldAt = askedAt;
    if (this.#held || this.#stopped.signal.aborted) return;
    this.#held = true;
    if (this.#waits) log.info({ queue }, "serving the node queue: whoever did so is gone");
    this.#waits = false;
    serves(true);
  }

  #lost(): void {
    const { queue, log, serves } = this.#settings;
    this.#held = false;
    log.warn({ queue }, "the node queue may be another worker's by now: standing by");
    serves(false);
  }
}

const lock = "@node";
