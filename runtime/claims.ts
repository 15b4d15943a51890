import { batchLimit, firstEarly } from "./batch.ts";
import type { Broker, ClaimedBatch, ServedQueue } from "./broker.ts";
import { pause } from "./clock.ts";
import { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { setImmediate, setTimeout } from "./real-time.ts";
import type { SuspectRoom } from "./suspect-window.ts";

/** Slots for any call, and those for calls that a handler waits for. */
export interface FreeSlots {
  readonly any: number;
  readonly nested: number;
}

/** What the loop of claims needs of its worker. */
export interface ClaimsSettings {
  readonly worker: string;
  readonly leaseMs: number;
  readonly queues: readonly ServedQueue[];
  /** The largest record that is to be given, bytes. */
  readonly maxRecordBytes: number;
  readonly log: Logger;
  /** How many calls may be claimed now, and how many of those that a handler waits for. */
  free(): FreeSlots;
  /** How many calls whose worker died may be among them: until this claim is over. */
  takeSuspects(): SuspectRoom;
  /** The same, if another claim were made now. */
  suspects(): SuspectRoom;
  /** A claim has come home. What it brought is begun, or given back, in the same turn. */
  over(): void;
  begin(batches: readonly ClaimedBatch[]): void;
  giveBack(batches: readonly ClaimedBatch[]): void;
}

/** How long one claim waits before it is made anew, ms. */
const waitMs = 1_000;
const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** How long a claim that was called off may take to come home, ms. */
const farewellMs = 500;

/** The loop in which a worker claims calls, for as many as it has free slots. */
export class Claims {
  readonly #broker: Broker;
  readonly #settings: ClaimsSettings;
  /** In the order in which they are asked. */
  #queues: readonly ServedQueue[];
  readonly #stopped = new AbortController();
  /** Calls the claim off that is made at present. */
  #current = new AbortController();
  /** No longer waits for it. */
  #leave: (() => void) | undefined;
  #afresh = false;
  #slotFreed: (() => void) | undefined;
  /** Whether the claim that is made at present is for nested calls only. */
  #nestedOnly = false;
  /** Whether it leaves out suspects that are to run alone, as others run. */
  #besideSuspects = false;

  constructor(broker: Broker, settings: ClaimsSettings) {
    this.#broker = broker;
    this.#settings = settings;
    this.#queues = settings.queues;
  }

  /** Claims until it is stopped. */
  async run(): Promise<void> {
    const { log } = this.#settings;
    const { signal } = this.#stopped;
    let pauseMs = firstPauseMs;
    let trouble: string | undefined;
    while (!signal.aborted) {
      const { any, nested } = this.#settings.free();
      const limit = shareOf(any > 0 ? any : nested);
      if (limit <= 0 || this.#queues.length === 0) {
        await new Promise<void>((resolve) => (this.#slotFreed = resolve));
        continue;
      }
      try {
        this.#nestedOnly = any <= 0;
        const claimed = await this.#claim(limit);
        // Few are answered before the next claim, which is then not in their way. Many begin behind it (see executions.ts).
        if (claimed > 0 && claimed < firstEarly) await new Promise((resolve) => setImmediate(resolve));
        pauseMs = firstPauseMs;
        if (trouble !== undefined) log.info({}, "claims succeed again");
        trouble = undefined;
      } catch (thrown) {
        const { message } = TaskError.from(thrown, "internal");
        // An outage is told once, and not every two seconds.
        if (message !== trouble) log.warn({ error: message }, "a claim failed; trying again until it succeeds");
        trouble = message;
        await pause(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      }
    }
  }

  /** A slot has become free, or is lent. */
  freed(): void {
    this.#slotFreed?.();
    // What is free for any call does not wait for a nested one; nor does a suspect that is to run alone, once the others have ended.
    const isForAny = this.#nestedOnly && this.#settings.free().any > 0;
    const isForAlone = this.#besideSuspects && !this.#settings.suspects().beside;
    if (!isForAny && !isForAlone) return;
    this.#nestedOnly = false;
    this.#besideSuspects = false;
    this.#current.abort();
    this.#current = new AbortController();
  }

  /** Claims from a queue, too, from now on. */
  serve(queue: ServedQueue): void {
    this.leave(queue.name);
    this.#queues = [...this.#queues, queue];
    this.#slotFreed?.();
    this.#callOff();
  }

  /** Claims no more from a queue. */
  leave(name: string): void {
    if (!this.#queues.some((queue) => queue.name === name)) return;
    this.#queues = this.#queues.filter((queue) => queue.name !== name);
    this.#callOff();
  }

  /** Calls the claim off that is made at present, and makes the next one over new connections. */
  reopen(): void {
    this.#afresh = true;
    this.#callOff();
  }

  stop(): void {
    this.#stopped.abort();
    this.#slotFreed?.();
    this.#callOff();
  }

  #callOff(): void {
    this.#current.abort();
    this.#current = new AbortController();
    // One that hangs is left to itself: what it should still bring is begun, or given back.
    const leave = this.#leave;
    if (leave !== undefined) setTimeout(leave, farewellMs).unref();
  }

  /** @returns how many there were. */
  #claim(limit: number): Promise<number> {
    const { worker, leaseMs, maxRecordBytes } = this.#settings;
    const queues = this.#queues;
    const { signal } = this.#current;
    const nestedOnly = this.#nestedOnly;
    const { most, beside } = this.#settings.suspects();
    const suspect = most > 0;
    this.#besideSuspects = suspect && beside;
    const suspects = suspect ? { suspect, mostSuspects: most, besideSuspects: beside } : { suspect };
    const request = { worker, queues, limit, waitMs, leaseMs, maxRecordBytes, ...suspects, nestedOnly, signal };
    const claiming = this.#broker.claim(this.#afresh ? { ...request, afresh: true } : request);
    this.#afresh = false;
    return new Promise((resolve, reject) => {
      const leave = () => resolve(0);
      const left = () => {
        this.#settings.over();
        if (this.#leave !== leave) return;
        this.#leave = undefined;
        this.#nestedOnly = false;
        this.#besideSuspects = false;
      };
      this.#leave = leave;
      claiming.then(
        (batches) => {
          left();
          try {
            this.#turn(batches);
            this.#take(batches);
            resolve(batches.reduce((sum, { calls }) => sum + calls.length, 0));
          } catch (thrown) {
            reject(thrown);
          }
        },
        (thrown: unknown) => {
          left();
          this.#turn([]); // The others are not to wait until that of the first is mended.
          reject(thrown);
        },
      );
    });
  }

  #take(batches: readonly ClaimedBatch[]): void {
    if (batches.length === 0) return;
    if (this.#stopped.signal.aborted) this.#settings.giveBack(batches);
    else this.#settings.begin(batches);
  }

  /** Those that have given calls are behind those that have not, and each is first in its turn. */
  #turn(batches: readonly ClaimedBatch[]): void {
    if (this.#queues.length <= 1) return;
    const turned = [...this.#queues.slice(1), ...this.#queues.slice(0, 1)];
    const gave = new Set(batches.map(({ queue }) => queue));
    this.#queues = [...turned.filter(({ name }) => !gave.has(name)), ...turned.filter(({ name }) => gave.has(name))];
  }
}

/**
 * How many to claim for so many slots. Of many slots, some are kept for the next claim: it is on its way, and the broker busy with
 * it, while these calls run.
 */
function shareOf(slots: number): number {
  return Math.min(slots, batchLimit, Math.max(firstEarly, Math.ceil(slots / 2)));
}
