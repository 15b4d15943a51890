import { hrtime, performance } from "./real-time.ts";

/*
 * What a worker holds, in memory that it shares with its lease keeper: a thread that goes on while handlers block the
 * event loop. Here is the side that writes; a keeper brings its own reading, for its code stands alone.
 *
 * Each row begins with a number that is odd while the row is in use, and grows by one with each change: who reads it
 * before and after the rest, and finds it odd and the same, has read one row and not parts of two.
 */

/** Where things stand, in bytes. Numbers are in the machine's own order. */
export const tableLayout = {
  /** int32: how often the event loop has shown that it runs. */
  beats: 0,
  leases: 16,
  /**
   * A row of a lease: its state; the queue's number; as float64 the fence, and when the keeper last sent a renewal that
   * succeeded, by the clock of `hrtime`, ms. The keeper writes that field, and no other.
   */
  lease: { bytes: 24, queue: 4, fence: 8, keptAt: 16 },
  /**
   * A row of a running attempt: its state; the queue's number; the attempt's; how many characters its id has; then as
   * float64 its fence, until when it may run (see {@link TableAttempt}), limitMs, ttlMs and retryMs; whether the call's
   * own time is what limits it; its id's characters, UTF-16.
   */
  attempt: {
    bytes: 320,
    queue: 4,
    number: 8,
    idLength: 12,
    fence: 16,
    until: 24,
    limitMs: 32,
    ttlMs: 40,
    retryMs: 48,
    limitedByCall: 56,
    id: 60,
  },
  idCharacters: 128,
} as const;

/** A running attempt, and what is to be said of it should its time be up while nobody else can. */
export interface TableAttempt {
  /** The queue's number. */
  readonly queue: number;
  readonly id: string;
  readonly fence: number;
  /** Which attempt it is, counted from 1. */
  readonly number: number;
  /** When its handler began, by this process's `performance.now`. */
  readonly begunAt: number;
  /** How long it may run, ms; Infinity for as long as it likes. */
  readonly limitMs: number;
  /** Whether that is the call's own limit rather than the attempt's. */
  readonly limitedByCall: boolean;
  /** How long the answer that its time is up can be read, ms. */
  readonly ttlMs: number;
  /** After how long it is to be repeated instead, ms; undefined if it is not. */
  readonly retryMs: number | undefined;
}

/** What all threads of a process have in common is the clock of `hrtime`; `performance.now` is that from another zero. */
function clockOffset(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6 - performance.now();
}

/** More than these are not protected, so that a scan stays short. */
const mostAttempts = 8_192;

/** The side of the table that a worker writes. What finds no room in it is not protected while the event loop is blocked. */
export class LeaseTable {
  readonly leases: number;
  readonly attempts: number;
  readonly memory: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly #characters: Uint16Array;
  readonly #freeLeases: number[];
  readonly #freeAttempts: number[];
  readonly #clockOffset = clockOffset();

  /** @param slots - how many attempts a worker runs at a time. */
  constructor(slots: number) {
    this.attempts = Math.min(slots, mostAttempts);
    // Besides what runs, a worker claims while it has reports on their way, of no more than twice its slots.
    this.leases = 3 * this.attempts;
    const { leases, lease, attempt } = tableLayout;
    const firstAttempt = leases + this.leases * lease.bytes;
    this.memory = new SharedArrayBuffer(firstAttempt + this.attempts * attempt.bytes);
    this.#ints = new Int32Array(this.memory);
    this.#doubles = new Float64Array(this.memory);
    this.#characters = new Uint16Array(this.memory);
    // The first row is the first one taken.
    this.#freeLeases = Array.from({ length: this.leases }, (_, row) => leases + row * lease.bytes).toReversed();
    this.#freeAttempts = Array.from(
      { length: this.attempts },
      (_, row) => firstAttempt + row * attempt.bytes,
    ).toReversed();
  }

  /** Shows that the event loop runs. */
  beat(): void {
    Atomics.add(this.#ints, tableLayout.beats >> 2, 1);
  }

  /** When the keeper last sent a renewal of a row's lease that succeeded, by `performance.now`; negative before the first. */
  keptAt(row: number): number {
    return this.#doubles[(row + tableLayout.lease.keptAt) >> 3]! - this.#clockOffset;
  }

  /** A lease is this worker's. @returns its row; undefined if there is no room. */
  hold(queue: number, fence: number): number | undefined {
    const row = this.#freeLeases.pop();
    if (row === undefined) return undefined;
    const { lease } = tableLayout;
    this.#ints[(row + lease.queue) >> 2] = queue;
    this.#doubles[(row + lease.fence) >> 3] = fence;
    this.#turn(row);
    return row;
  }

  /** A lease is this worker's no more. */
  drop(row: number | undefined): void {
    if (row === undefined) return;
    this.#turn(row);
    this.#freeLeases.push(row);
  }

  /** A handler begins. @returns its row; undefined if there is no room, or the id is too long for one. */
  begin(given: TableAttempt): number | undefined {
    const { id, retryMs = -1 } = given;
    const { length } = id;
    if (length > tableLayout.idCharacters) return undefined;
    const row = this.#freeAttempts.pop();
    if (row === undefined) return undefined;
    const { attempt } = tableLayout;
    const ints = this.#ints;
    const doubles = this.#doubles;
    ints[(row + attempt.queue) >> 2] = given.queue;
    ints[(row + attempt.number) >> 2] = given.number;
    ints[(row + attempt.idLength) >> 2] = length;
    doubles[(row + attempt.fence) >> 3] = given.fence;
    doubles[(row + attempt.until) >> 3] = given.begunAt + this.#clockOffset + given.limitMs;
    doubles[(row + attempt.limitMs) >> 3] = given.limitMs;
    doubles[(row + attempt.ttlMs) >> 3] = given.ttlMs;
    doubles[(row + attempt.retryMs) >> 3] = retryMs;
    ints[(row + attempt.limitedByCall) >> 2] = given.limitedByCall ? 1 : 0;
    const characters = this.#characters;
    const first = (row + attempt.id) >> 1;
    for (let at = 0; at < length; at++) characters[first + at] = id.charCodeAt(at);
    this.#turn(row);
    return row;
  }

  /** An attempt has an outcome: what is to be said of it is this thread's business. */
  end(row: number | undefined): void {
    if (row === undefined) return;
    this.#turn(row);
    this.#freeAttempts.push(row);
  }

  #turn(row: number): void {
    Atomics.add(this.#ints, row >> 2, 1);
  }
}
