import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { AnyTaskError } from "../../errors.ts";
import type { Argument, Connection } from "./connection.ts";
import { unavailable, wordsOf } from "./failure.ts";
import type { Script } from "./scripts/script.ts";

/** One who waits for a bell. */
export interface Wait {
  /** Keys of the bells, any of which will do. */
  readonly bells: readonly string[];
  /** How long to wait, ms. It may be cut short to this module's own limit. */
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** What to run at once when the bell rings, or the wait is over, if nobody else waits. */
  readonly fused?: Fused | undefined;
}

/** A script that goes out in the same write as the wait. */
export interface Fused {
  readonly script: Script;
  readonly key: string | readonly string[];
  readonly args: () => readonly Argument[];
}

/** How a wait has ended. */
export interface Woken {
  /** The bell that rang. */
  readonly bell?: string | undefined;
  /** The reply of the script that was run. */
  readonly reply?: unknown;
}

interface Waiter extends Wait {
  /** By {@link performance.now}. */
  readonly until: number;
  settle(woken: Woken): void;
  reject(error: AnyTaskError): void;
}

interface Block {
  readonly id: number | undefined;
  over: boolean;
}

/** How long one `BLPOP` blocks, ms: well below the time after which a silent connection is taken for dead. */
const longestBlockMs = 1_000;
const shortestBlockMs = 5;
const unblockAgainMs = 5;
const longestFarewellMs = 250;

/**
 * Waits for bells, on one connection for all who wait: behind a command that blocks, any other would have to wait.
 * With one who waits, which is how a worker does, his script goes out in the same write.
 */
export class Bells {
  readonly #connection: Connection;
  readonly #commands: Connection;
  readonly #waiters = new Set<Waiter>();
  #serving: Promise<void> | undefined;
  /** What blocks at the moment, and the id of its connection at the server. */
  #block: Block | undefined;
  readonly #ids = new WeakMap<Redis, number>();
  #closed = false;

  /** @param commands - on which a blocked connection can be woken. */
  constructor(connection: Connection, commands: Connection) {
    this.#connection = connection;
    this.#commands = commands;
  }

  /** @throws TaskError `unavailable` when Redis can't be reached or refuses it. */
  wait(wait: Wait): Promise<Woken> {
    if (this.#closed) return Promise.reject(unavailable("the connection to Redis was closed"));
    return new Promise((resolve, reject) => {
      const wake = () => this.#unblock();
      const leave = () => {
        this.#waiters.delete(waiter);
        wait.signal.removeEventListener("abort", wake);
      };
      const waiter: Waiter = {
        ...wait,
        until: performance.now() + Math.min(wait.waitMs, longestBlockMs),
        settle(woken) {
          leave();
          resolve(woken);
        },
        reject(error) {
          leave();
          reject(error);
        },
      };
      wait.signal.addEventListener("abort", wake, { once: true });
      this.#waiters.add(waiter);
      if (this.#serving === undefined) this.#serving = this.#serve();
      else this.#unblock(); // What blocks now does not listen to this one's bells.
    });
  }

  /** Lets all waits end, and ends the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unblock();
    // What is claimed at this moment is to come home.
    if (this.#block !== undefined)
      await Promise.race([this.#serving, sleep(longestFarewellMs, undefined, { ref: false })]);
    await this.#connection.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    while (this.#waiters.size > 0) {
      let redis: Redis | undefined;
      try {
        redis = await this.#connection.usable();
        await this.#blockOn(redis);
      } catch (thrown) {
        const error = this.#connection.errorOf(thrown, redis);
        // After a loss, all wait on with the next connection.
        if (error.code !== "outcome_unknown") for (const waiter of this.#waiters) waiter.reject(error);
      }
      this.#dismiss();
    }
    this.#serving = undefined;
  }

  async #blockOn(redis: Redis): Promise<void> {
    const id = await this.#idOf(redis);
    this.#dismiss();
    const [first, ...others] = this.#waiters;
    if (first === undefined) return;
    const until = others.reduce((least, waiter) => Math.min(least, waiter.until), first.until);
    const seconds = Math.max(shortestBlockMs, until - performance.now()) / 1_000;
    const block: Block = { id, over: false };
    this.#block = block;
    try {
      if (others.length === 0 && first.fused !== undefined) await this.#blockFused(redis, first, first.fused, seconds);
      else await this.#blockForAll(redis, seconds);
    } finally {
      block.over = true;
      this.#block = undefined;
    }
  }

  async #blockForAll(redis: Redis, seconds: number): Promise<void> {
    const bells = new Set([...this.#waiters].flatMap((waiter) => waiter.bells));
    const rang = await redis.blpop([...bells], seconds);
    if (rang === null) return;
    const [bell] = rang;
    // He who has waited longest. Where there is more, his claim rings for the next one.
    for (const waiter of this.#waiters) if (waiter.bells.includes(bell)) return waiter.settle({ bell });
  }

  async #blockFused(redis: Redis, waiter: Waiter, { script, key, args }: Fused, seconds: number): Promise<void> {
    const replies = await redis
      .pipeline()
      .blpop([...waiter.bells], seconds)
      .callBuffer("EVALSHA", this.#connection.argumentsOf(script, key, args()))
      .exec();
    const [unheard, rang] = replies?.[0] ?? [];
    const [refused, reply] = replies?.[1] ?? [];
    const fault = unheard ?? refused;
    const bell = (rang as readonly [string, string] | null | undefined)?.[0];
    if (fault === null || fault === undefined) return waiter.settle({ bell, reply });
    // Not loaded: who waits runs it by himself.
    if (wordsOf(fault).startsWith("NOSCRIPT")) return waiter.settle({ bell });
    const error = this.#connection.errorOf(fault, redis);
    // Lost with its connection: whose script it is asks for what it was given.
    if (error.code === "outcome_unknown") waiter.settle({});
    else waiter.reject(error);
  }

  /** Settles those whose wait is over. */
  #dismiss(): void {
    const now = performance.now();
    for (const waiter of this.#waiters) {
      if (this.#closed || waiter.signal.aborted || waiter.until <= now) waiter.settle({});
    }
  }

  /** Lets what blocks return early, for those who wait have changed. */
  #unblock(): void {
    if (this.#block === undefined) this.#dismiss();
    else void this.#wake(this.#block);
  }

  async #wake(block: Block): Promise<void> {
    try {
      while (!block.over && block.id !== undefined) {
        const commands = await this.#commands.usable();
        if (block.over || (await commands.client("UNBLOCK", block.id)) === 1) return;
        // It is on its way: it has not reached the server yet, or its reply not us.
        await sleep(unblockAgainMs);
      }
    } catch {
      // Without the right to it, or a connection, the block ends by its own timeout.
    }
  }

  /** The connection's id at the server; undefined where the user may not ask for it. */
  async #idOf(redis: Redis): Promise<number | undefined> {
    let id = this.#ids.get(redis);
    if (id === undefined) {
      id = await redis.client("ID").catch(() => undefined);
      if (id !== undefined) this.#ids.set(redis, id);
    }
    return id;
  }
}
