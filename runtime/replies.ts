import type { Broker, Notice, StoredCall } from "./broker.ts";
import { TaskError } from "./errors.ts";
import { newAddress } from "./id.ts";
import { clientChannel } from "./keys.ts";
import { outside } from "./own-context.ts";
import type { ProgressFeed } from "./progress.ts";
import { clearInterval, performance, setInterval } from "./real-time.ts";
import { isTerminal } from "./state.ts";

/** Someone who waits for a call to end. */
export interface Wait {
  readonly queue: string;
  readonly id: string;
  /** Whether the id was made by this client: one that a user gave may be known in two queues. */
  readonly unique: boolean;
  /** Whether the broker is known to have the call: until then a missing record means nothing. */
  stored: boolean;
  /** When it is looked up next, by {@link performance.now}, and how often it was: for {@link Replies} alone. */
  lookAt: number;
  looks: number;
  /** The call has ended, with this record. */
  ended(record: Uint8Array): void;
  /** The call's record is gone. */
  gone(): void;
  /** It was looked up and has not ended. */
  open?(call: StoredCall): void;
  /** Where its progress goes, if anyone wants to know. */
  readonly progress?: ProgressFeed | undefined;
}

const firstLookMs = 1_000;
const longestLookMs = 5_000;
const tickMs = 500;
/** Ids in one look. */
const looksAtOnce = 500;
/** Ids in one look that have ended with a large record: those who wait for the first are not to wait until the last has arrived. */
const largeAtOnce = 16;

/** What is to be looked up of a queue: whether a message said that it is there, with a record too large for a message. */
type Due = Map<Wait, boolean>;

/**
 * Brings the ends of calls to those who wait for them: by messages on the client's channel, and, as a message may
 * be lost, by looking the calls up after a second and then at growing intervals.
 */
export class Replies {
  /** The client's name: what a record's `to` holds. */
  readonly address = newAddress();
  readonly #broker: Broker;
  /**
   * Those who wait, by id: mostly one for each. They stand in arrays, which they leave: now and then a Map leaves its entries
   * to a new table, and what the old one still names outlives many of V8's collections.
   */
  readonly #waiting = new Map<string, Wait[]>();
  /**
   * What is to be looked up, by queue: one look after the other, so that records that take their time to arrive are not
   * asked for again meanwhile, and what else is asked does not wait behind all of them.
   */
  readonly #due = new Map<string, Due>();
  readonly #looking = new Set<Wait>();
  #subscription: Promise<() => Promise<void>> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #heard = false;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Whether the channel is heard already. */
  get heard(): boolean {
    return this.#heard;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when the channel is heard: a call is submitted only then, lest its reply be missed. */
  async ready(): Promise<void> {
    if (this.#closed) throw new TaskError("unavailable", "the client is closed");
    this.#subscription ??= outside(() =>
      this.#broker.subscribe(clientChannel(this.address), (notice) => this.#hear(notice)),
    );
    const subscription = this.#subscription;
    try {
      await subscription;
      this.#heard = !this.#closed;
    } catch (error) {
      if (this.#subscription === subscription) this.#subscription = undefined;
      throw error;
    }
  }

  add(wait: Wait, now = performance.now()): void {
    wait.lookAt = now + firstLookMs;
    const waits = this.#waiting.get(wait.id);
    if (waits === undefined) this.#waiting.set(wait.id, [wait]);
    else waits.push(wait);
    this.#timer ??= outside(() => setInterval(() => this.#lookUpDue(), tickMs));
    if (this.#waiting.size === 1) this.#timer.ref();
  }

  delete(wait: Wait): void {
    const waits = this.#waiting.get(wait.id);
    const at = waits?.indexOf(wait) ?? -1;
    if (waits === undefined || at < 0) return;
    const last = waits.pop()!;
    if (last !== wait) waits[at] = last;
    if (waits.length === 0) this.#waiting.delete(wait.id);
    // Calls made one after the other are not to cost a timer each.
    if (this.#waiting.size === 0) this.#timer?.unref();
  }

  /** Stops hearing. Whoever still waits is the caller's to settle. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#heard = false;
    clearInterval(this.#timer);
    this.#waiting.clear();
    const unsubscribe = await this.#subscription?.catch(() => undefined);
    await unsubscribe?.();
  }

  #hear(notice: Notice): void {
    if (notice.kind === "resumed") {
      this.#lookUp([...this.#waiting.values()].flat(), false);
      return;
    }
    const waiting = this.#waiting.get(notice.id);
    if (waiting === undefined) return;
    const alone = waiting.length === 1;
    // Who is told leaves.
    for (const wait of waiting.slice()) this.#tell(wait, notice, alone);
  }

  /** @param alone - whether nobody else waits for this id, here. */
  #tell(wait: Wait, notice: Exclude<Notice, { readonly kind: "resumed" }>, alone: boolean): void {
    // A message doesn't tell the queue: what may be known in two is looked up in its own. By then a call may have ended, and
    // its last progress be gone; so of one that nobody else waits for here, it is taken from the message.
    if (notice.kind === "progress" && (wait.unique || alone)) wait.progress?.told(notice.value);
    else if (wait.unique && notice.kind === "ended" && notice.record !== undefined) wait.ended(notice.record);
    else this.#lookUp([wait], notice.kind === "ended");
  }

  #lookUpDue(): void {
    const now = performance.now();
    const due: Wait[] = [];
    for (const waiting of this.#waiting.values())
      for (const wait of waiting) if (wait.lookAt <= now && !this.#looking.has(wait)) due.push(wait);
    this.#lookUp(due, false);
  }

  #lookUp(waits: readonly Wait[], large: boolean): void {
    const now = performance.now();
    for (const wait of waits) {
      const spread = 0.75 + 0.5 * Math.random();
      wait.lookAt = now + Math.min(firstLookMs * 2 ** ++wait.looks, longestLookMs) * spread;
      const due = this.#due.get(wait.queue);
      if (due !== undefined) due.set(wait, large || due.get(wait) === true);
      else {
        const first: Due = new Map([[wait, large]]);
        this.#due.set(wait.queue, first);
        // What is due with it goes with it.
        queueMicrotask(() => void this.#lookAll(wait.queue, first));
      }
    }
  }

  async #lookAll(queue: string, due: Due): Promise<void> {
    while (due.size > 0 && !this.#closed) {
      const some: Wait[] = [];
      let largeOnes = 0;
      for (const [wait, large] of due) {
        if (some.length === looksAtOnce || (large && largeOnes === largeAtOnce)) break;
        due.delete(wait);
        if (this.#waiting.get(wait.id)?.includes(wait) !== true) continue;
        some.push(wait);
        this.#looking.add(wait);
        if (large) largeOnes++;
      }
      if (some.length > 0) await this.#read(queue, some);
      for (const wait of some) this.#looking.delete(wait);
    }
    this.#due.delete(queue);
  }

  async #read(queue: string, waiting: readonly Wait[]): Promise<void> {
    // Only a record that was stored before the look was sent can be found missing by it.
    const stored = waiting.map(({ stored }) => stored);
    const heard = waiting.map(({ progress }) => progress?.count);
    let calls: readonly (StoredCall | undefined)[];
    try {
      calls = await this.#broker.read(
        queue,
        waiting.map(({ id }) => id),
        { brief: true },
      );
    } catch {
      return; // The next look comes, and each wait has a bound of its own.
    }
    if (this.#closed) return;
    for (const [index, wait] of waiting.entries()) {
      const call = calls[index];
      if (call === undefined) {
        if (stored[index] === true) wait.gone();
      } else if (isTerminal(call.state)) {
        wait.ended(call.record);
      } else {
        wait.progress?.looked(call.progress, heard[index]);
        wait.open?.(call);
      }
    }
  }
}
