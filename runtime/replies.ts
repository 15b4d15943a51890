import type { Broker, Notice, StoredCall } from "./broker.ts";
import { TaskError } from "./errors.ts";
import { newAddress } from "./id.ts";
import { clientChannel } from "./keys.ts";
import { isTerminal } from "./state.ts";

/** Someone who waits for a call to end. */
export interface Wait {
  readonly queue: string;
  readonly id: string;
  /** Whether the id was made by this client: one that a user gave may be known in two queues. */
  readonly unique: boolean;
  /** Whether the broker is known to have the call: until then a missing record means nothing. */
  stored: boolean;
  /** The call has ended, with this record. */
  ended(record: Uint8Array): void;
  /** The call's record is gone. */
  gone(): void;
  /** It was looked up and has not ended. */
  open?(call: StoredCall): void;
  progress?(value: Uint8Array): void;
}

interface Waiting {
  readonly wait: Wait;
  /** When it is looked up next, by {@link performance.now}. */
  lookAt: number;
  looks: number;
}

const firstLookMs = 1_000;
const longestLookMs = 5_000;
const tickMs = 500;
/** Ids in one look: replies may be large. */
const looksAtOnce = 500;

/**
 * Brings the ends of calls to those who wait for them: by messages on the client's channel, and, as a message may
 * be lost, by looking the calls up after a second and then at growing intervals.
 */
export class Replies {
  /** The client's name: what a record's `to` holds. */
  readonly address = newAddress();
  readonly #broker: Broker;
  readonly #waiting = new Map<string, Waiting[]>();
  #subscription: Promise<() => Promise<void>> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when the channel is heard: a call is submitted only then, lest its reply be missed. */
  async ready(): Promise<void> {
    if (this.#closed) throw new TaskError("unavailable", "the client is closed");
    this.#subscription ??= this.#broker.subscribe(clientChannel(this.address), (notice) => this.#hear(notice));
    const subscription = this.#subscription;
    try {
      await subscription;
    } catch (error) {
      if (this.#subscription === subscription) this.#subscription = undefined;
      throw error;
    }
  }

  add(wait: Wait): void {
    const waiting: Waiting = { wait, looks: 0, lookAt: performance.now() + firstLookMs };
    const others = this.#waiting.get(wait.id);
    if (others === undefined) this.#waiting.set(wait.id, [waiting]);
    else others.push(waiting);
    this.#timer ??= setInterval(() => this.#lookUpDue(), tickMs);
  }

  delete(wait: Wait): void {
    const others = this.#waiting.get(wait.id);
    if (others === undefined) return;
    const rest = others.length === 1 ? [] : others.filter((other) => other.wait !== wait);
    if (rest.length > 0) this.#waiting.set(wait.id, rest);
    else if (others[0]?.wait === wait) this.#waiting.delete(wait.id);
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Stops hearing. Whoever still waits is the caller's to settle. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#waiting.clear();
    const unsubscribe = await this.#subscription?.catch(() => undefined);
    await unsubscribe?.();
  }

  #hear(notice: Notice): void {
    if (notice.kind === "resumed") {
      this.#lookUp([...this.#waiting.values()].flat());
      return;
    }
    const waiting = this.#waiting.get(notice.id);
    if (waiting === undefined) return;
    // A message doesn't tell the queue: what may be known in two is looked up in its own.
    const told = waiting.every(({ wait }) => wait.unique);
    if (notice.kind === "progress" && told) {
      for (const { wait } of waiting) wait.progress?.(notice.value);
    } else if (notice.kind === "ended" && told && notice.record !== undefined) {
      for (const { wait } of waiting) wait.ended(notice.record);
    } else {
      this.#lookUp(waiting);
    }
  }

  #lookUpDue(): void {
    const now = performance.now();
    const due: Waiting[] = [];
    for (const waiting of this.#waiting.values()) {
      for (const one of waiting) if (one.lookAt <= now) due.push(one);
    }
    this.#lookUp(due);
  }

  #lookUp(due: readonly Waiting[]): void {
    const now = performance.now();
    const byQueue = new Map<string, Waiting[]>();
    for (const waiting of due) {
      const spread = 0.75 + 0.5 * Math.random();
      waiting.lookAt = now + Math.min(firstLookMs * 2 ** ++waiting.looks, longestLookMs) * spread;
      const { queue } = waiting.wait;
      const others = byQueue.get(queue);
      if (others === undefined) byQueue.set(queue, [waiting]);
      else others.push(waiting);
    }
    for (const [queue, waiting] of byQueue) {
      for (let at = 0; at < waiting.length; at += looksAtOnce) {
        void this.#read(queue, waiting.slice(at, at + looksAtOnce));
      }
    }
  }

  async #read(queue: string, waiting: readonly Waiting[]): Promise<void> {
    // Only a record that was stored before the look was sent can be found missing by it.
    const stored = waiting.map(({ wait }) => wait.stored);
    let calls: readonly (StoredCall | undefined)[];
    try {
      calls = await this.#broker.read(
        queue,
        waiting.map(({ wait }) => wait.id),
      );
    } catch {
      return; // The next look comes, and each wait has a bound of its own.
    }
    if (this.#closed) return;
    for (const [index, { wait }] of waiting.entries()) {
      const call = calls[index];
      if (call === undefined) {
        if (stored[index] === true) wait.gone();
      } else if (isTerminal(call.state)) {
        wait.ended(call.record);
      } else {
        if (call.progress !== undefined) wait.progress?.(call.progress);
        wait.open?.(call);
      }
    }
  }
}
