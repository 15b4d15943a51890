import type * as threads from "node:worker_threads";
import type { Redis } from "ioredis";
import type { tableLayout } from "../../../lease-table.ts";
import type { Login } from "../credentials.ts";
import type { InstanceOptions } from "../driver.ts";

/** A script as the thread needs it. */
interface ThreadScript {
  readonly lua: string;
  readonly sha: string;
}

/** All that the thread is given. */
export interface ThreadData {
  readonly memory: SharedArrayBuffer;
  readonly layout: typeof tableLayout;
  /** How many rows there are of each kind. */
  readonly leases: number;
  readonly attempts: number;
  readonly worker: string;
  readonly leaseMs: number;
  readonly presenceMs: number;
  /** How often the worker's event loop shows that it runs, ms. */
  readonly intervalMs: number;
  /** The keys of the queues' lists, what their records' keys begin with, and the worker's presence, by the queues' numbers. */
  readonly queues: readonly { readonly list: string; readonly result: string; readonly presence: Uint8Array }[];
  readonly scripts: { readonly renew: ThreadScript; readonly finish: ThreadScript; readonly report: ThreadScript };
  readonly longestTtlMs: number;
  readonly clockOffset: number;
  /** The path of ioredis, and what an instance of it is given. */
  readonly driver: string;
  readonly options: InstanceOptions;
  readonly connectTimeoutMs: number;
  /** Whether it is to wait for credentials before it connects. */
  readonly isGivenCredentials: boolean;
}

/** What the thread tells. */
export type ThreadNotice =
  /** The event loop runs again: for how long it did not, ms, and how many attempts were answered meanwhile. */
  | { readonly kind: "awake"; readonly blockedMs: number; readonly answered: number }
  | { readonly kind: "trouble"; readonly words: string };

/** A running attempt whose time is up. */
interface Late {
  readonly row: number;
  /** The row's state when it was read. */
  readonly state: number;
  readonly queue: { readonly list: string; readonly result: string };
  readonly id: string;
  readonly fence: number;
  readonly number: number;
  readonly limitMs: number;
  readonly ttlMs: number;
  readonly retryMs: number;
  readonly limitedByCall: boolean;
}

/**
 * The lease keeper. While the worker's event loop runs, it looks at the table and does nothing. While it does not, it
 * renews the leases; and attempts whose time has been up for a moment, as the loop has not said so, it answers itself.
 *
 * It runs as the text of this function, so that no bundler can lose it: nothing from outside of it may be named in it,
 * and no function in it may be named but as an object's method, for bundlers that keep names wrap all others.
 */
export function keeperThread(require: NodeJS.Require, data: ThreadData): void {
  const { parentPort } = require("node:worker_threads") as typeof threads;
  const { layout, leaseMs, intervalMs, scripts } = data;
  const ints = new Int32Array(data.memory);
  const doubles = new Float64Array(data.memory);
  const characters = new Uint16Array(data.memory);
  const [seconds, nanoseconds] = process.hrtime();
  const clockOffset = seconds * 1e3 + nanoseconds / 1e6 - performance.now();
  /** How often it looks: nobody tells it of a row, so that this is how late it may be. */
  const lookMs = Math.min(100, intervalMs);
  /** How long the event loop has to say itself that an attempt's time is up. */
  const courtesyMs = 100;

  const keeper = {
    redis: undefined as Redis | undefined,
    credentials: undefined as Login | undefined,
    beats: 0,
    /** When the event loop was last seen to run. */
    awakeAt: 0,
    /** When leases were last renewed here, and when it may next be tried to connect. */
    renewedAt: 0,
    connectAt: 0,
    /** The latest time until which one of the running attempts may run. */
    latest: 0,
    /** Attempts that were answered here: the row, and its state then. */
    answered: new Map<number, number>(),
    answers: 0,

    now(): number {
      return performance.now() + clockOffset;
    },

    async run(): Promise<void> {
      this.awakeAt = this.now();
      parentPort?.on("message", (given: Login) => {
        this.credentials = given;
      });
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, lookMs));
        await this.look();
      }
    },

    async look(): Promise<void> {
      const now = this.now();
      const beats = Atomics.load(ints, layout.beats >> 2);
      const blocked = beats === this.beats && now - this.awakeAt > 1.5 * intervalMs;
      const late = this.lateAttempts(now);
      if (beats !== this.beats) {
        this.tellAwake(now);
        this.beats = beats;
        this.awakeAt = now;
      }
      // A loop that is blocked for ever is to lose its other calls to other workers.
      const keeps = blocked && now < Math.max(this.latest, this.awakeAt) + leaseMs;
      const renews = keeps && now >= this.renewedAt + intervalMs;
      if (!renews && late.length === 0) {
        if (!blocked) this.disconnect();
        return;
      }
      try {
        const redis = await this.connected(now);
        if (redis === undefined) return;
        if (renews) await this.renew(redis, now);
        await Promise.all(late.map((attempt) => this.answer(redis, attempt)));
      } catch (thrown) {
        this.fail(thrown instanceof Error ? thrown.message : String(thrown));
      }
    },

    tellAwake(now: number): void {
      const blockedMs = now - this.awakeAt;
      if (this.renewedAt > this.awakeAt || this.answers > 0) {
        this.tell({ kind: "awake", blockedMs, answered: this.answers });
      }
      this.answers = 0;
    },

    fail(words: string): void {
      this.disconnect();
      this.connectAt = this.now() + intervalMs / 3;
      // Its words alone: ioredis's errors carry the arguments of their commands.
      this.tell({ kind: "trouble", words: words.slice(0, 300) });
    },

    tell(notice: ThreadNotice): void {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window has a part in this
      parentPort?.postMessage(notice);
    },

    disconnect(): void {
      this.redis?.disconnect();
      this.redis = undefined;
    },

    async connected(now: number): Promise<Redis | undefined> {
      if (this.redis?.status === "ready") return this.redis;
      if (now < this.connectAt) return undefined;
      this.disconnect();
      if (data.isGivenCredentials && this.credentials === undefined) throw new Error("there are no credentials yet");
      const { Redis: Driver } = require(data.driver) as { readonly Redis: typeof Redis };
      const redis = new Driver({
        ...data.options,
        ...this.credentials,
        // It is made anew here, with what is to be said then.
        retryStrategy() {
          return null;
        },
        sentinelRetryStrategy() {
          return null;
        },
      });
      this.redis = redis;
      const words: string[] = [];
      redis.on("error", (error: unknown) => words.push(error instanceof Error ? error.message : String(error)));
      // ioredis bounds the connecting alone, and not the wait for one who accepts and then says nothing.
      const timer = setTimeout(() => redis.disconnect(), data.connectTimeoutMs);
      try {
        await redis.connect();
      } catch (thrown) {
        throw words.length > 0 ? new Error(words[0]) : thrown;
      } finally {
        clearTimeout(timer);
      }
      return redis;
    },

    async script(redis: Redis, { sha, lua }: ThreadScript, key: string, args: (string | number | Buffer)[]) {
      // Whether somebody listens is for the script to look.
      const rest = [2, key, key.replace(/queue$/, "listeners"), data.clockOffset, ...args];
      try {
        return await redis.callBuffer("EVALSHA", [sha, ...rest]);
      } catch (thrown) {
        if (!(thrown instanceof Error && thrown.message.startsWith("NOSCRIPT"))) throw thrown;
        return redis.callBuffer("EVAL", [lua, ...rest]);
      }
    },

    /** A row's state if it is in use, else 0. */
    stateOf(row: number): number {
      const state = Atomics.load(ints, row >> 2);
      return (state & 1) === 1 ? state : 0;
    },

    async renew(redis: Redis, now: number): Promise<void> {
      const { bytes, queue, fence, keptAt } = layout.lease;
      const fences = data.queues.map(() => [] as number[]);
      const rows = data.queues.map(() => [] as number[]);
      for (let at = 0; at < data.leases; at++) {
        const row = layout.leases + at * bytes;
        const state = this.stateOf(row);
        if (state === 0) continue;
        const held = doubles[(row + fence) >> 3]!;
        const number = ints[(row + queue) >> 2]!;
        if (this.stateOf(row) !== state) continue;
        fences[number]?.push(held);
        rows[number]?.push(row);
      }
      await Promise.all(
        fences.map(async (held, number) => {
          const { list, presence } = data.queues[number]!;
          const head = [data.worker, leaseMs, data.presenceMs, Buffer.from(presence)];
          for (let at = 0; at === 0 || at < held.length; at += 1_000) {
            const some = held.slice(at, at + 1_000);
            const reply = (await this.script(redis, scripts.renew, list, [...head, ...some])) as readonly unknown[];
            const lost = new Set(reply.map(Number));
            for (let nth = 0; nth < some.length; nth++) {
              if (!lost.has(some[nth]!)) doubles[(rows[number]![at + nth]! + keptAt) >> 3] = now;
            }
          }
        }),
      );
      this.renewedAt = now;
    },

    /** The running attempts whose time is up and that were not answered yet; and how long all of them may run. */
    lateAttempts(now: number): Late[] {
      const { attempt } = layout;
      const late: Late[] = [];
      this.latest = 0;
      for (let at = 0; at < data.attempts; at++) {
        const row = layout.leases + data.leases * layout.lease.bytes + at * attempt.bytes;
        const state = this.stateOf(row);
        if (state === 0) continue;
        const until = doubles[(row + attempt.until) >> 3]!;
        // What is no number would hide all others.
        if (Number.isNaN(until)) continue;
        this.latest = Math.max(this.latest, until);
        if (now < until + courtesyMs || this.answered.get(row) === state) continue;
        const queue = data.queues[ints[(row + attempt.queue) >> 2]!];
        const first = (row + attempt.id) >> 1;
        const length = ints[(row + attempt.idLength) >> 2]!;
        const one = {
          row,
          state,
          id: String.fromCharCode(...characters.slice(first, first + length)),
          fence: doubles[(row + attempt.fence) >> 3]!,
          number: ints[(row + attempt.number) >> 2]!,
          limitMs: doubles[(row + attempt.limitMs) >> 3]!,
          ttlMs: doubles[(row + attempt.ttlMs) >> 3]!,
          retryMs: doubles[(row + attempt.retryMs) >> 3]!,
          limitedByCall: ints[(row + attempt.limitedByCall) >> 2] === 1,
        };
        if (queue !== undefined && this.stateOf(row) === state) late.push({ ...one, queue });
      }
      return late;
    },

    /** Says that an attempt's time is up. Should the worker have said something of it meanwhile, its fence tells. */
    async answer(redis: Redis, attempt: Late): Promise<void> {
      const { row, state, queue, id, fence, retryMs } = attempt;
      // It is no UTF-8 (see foreign-text.ts): its worker answers, or its lease lapses.
      if (/\p{Cs}/u.test(id)) return;
      const error = this.errorOf(attempt);
      if (retryMs >= 0) {
        await this.script(redis, scripts.report, queue.list, ["retry", id, fence, retryMs, error]);
      } else {
        const record = (await redis.callBuffer("GET", [queue.result + id])) as Buffer | null;
        // The event loop may run again.
        if (this.stateOf(row) !== state) return;
        const reply = record === null ? undefined : this.replyOf(attempt, record, error);
        const ttlMs = Math.min(Math.max(1, Math.ceil(attempt.ttlMs)), data.longestTtlMs);
        if (reply !== undefined) {
          const packed = Buffer.concat([this.sized(Buffer.from(id)), this.sized(reply)]);
          await this.script(redis, scripts.finish, queue.list, [fence, ttlMs, packed]);
        }
      }
      this.answered.set(row, state);
      this.answers++;
    },

    /** One string as `packed` has them. */
    sized(bytes: Buffer): Buffer {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(bytes.length);
      return Buffer.concat([size, bytes]);
    },

    /** The reply's record, from the request's: its header with what has changed, and the error. */
    replyOf({ number, fence }: Late, record: Buffer, error: Buffer): Buffer | undefined {
      if (record.length < 45 || record.toString("latin1", 1, 5) !== "\xa1h\xc4(") return undefined;
      const head = Buffer.from(record.subarray(0, 45));
      const keepsRequest = (head[8]! & 2) !== 0;
      head[0] = keepsRequest ? 0x83 : 0x82;
      head[6] = 5; // failed
      head.writeUInt16BE(number, 9);
      head.writeDoubleBE(fence, 13);
      const parts = [head, this.text("error"), error];
      if (keepsRequest) {
        parts.push(this.text("request"), Buffer.from([0xc6]), this.sized(record));
      }
      return Buffer.concat(parts);
    },

    /** What the worker would say (see invoke.ts), as MessagePack. */
    errorOf({ limitMs, limitedByCall, number }: Late): Buffer {
      const which = limitedByCall ? "the call's time was up" : "the attempt's time was up";
      return Buffer.concat([
        Buffer.from([0x83]),
        this.text("code"),
        this.text("deadline_exceeded"),
        this.text("message"),
        this.text(`${which} after ${Math.round(limitMs)} ms`),
        this.text("attempt"),
        Buffer.from(number < 128 ? [number] : number < 256 ? [0xcc, number] : [0xcd, number >> 8, number & 255]),
      ]);
    },

    /** A text of less than 256 bytes, as MessagePack. */
    text(text: string): Buffer {
      const bytes = Buffer.from(text);
      return Buffer.concat([Buffer.from(bytes.length < 32 ? [0xa0 + bytes.length] : [0xd9, bytes.length]), bytes]);
    },
  };
  void keeper.run();
}
