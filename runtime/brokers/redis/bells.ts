import { pause, settles } from "../../clock.ts";
import type { AnyTaskError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { isLoss, isUnsent, unavailable, wordsOf } from "./failure.ts";
import type { Argument } from "./resp.ts";
import type { Wire } from "./wire.ts";
import type { Script } from "./scripts/script.ts";
import { performance } from "../../real-time.ts";

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
  args(): readonly Argument[];
}

/** How a wait has ended. */
export interface Woken {
  /** The bell that rang. */
  readonly bell?: string | undefined;
  /** The reply of the script that was run. */
  readonly reply?: unknown;
}

interface Waiter {
  readonly wait: Wait;
  /** By {@link performance.now}. */
  readonly until: number;
  readonly resolve: (woken: Woken) => void;
  readonly reject: (error: AnyTaskError) => void;
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
  /** In the order in which they came: one, mostly, for whom a Set would make and shrink a table each time. */
  readonly #waiters: Waiter[] = [];
  #serving: Promise<void> | undefined;
  /** What blocks at the moment, and the id of its connection at the server. */
  #block: Block | undefined;
  readonly #ids = new WeakMap<Wire, number | undefined>();
  /** Those that are listened to already: one signal serves many waits. */
  readonly #signals = new WeakSet<AbortSignal>();
  #closed = false;

  /** @param commands - on which a blocked connection can be woken. */
  constructor(connection: Connection, commands: Connection) {
    this.#connection = connection;
    this.#commands = commands;
  }

  /** @throws TaskError `unavailable` when Redis can't be reached or refuses it. */
  wait(wait: Wait): Promise<Woken> {
    if (this.#closed) return Promise.reject(unavailable("the connection to Redis was closed"));
    const { signal } = wait;
    if (!this.#signals.has(signal)) {
      this.#signals.add(signal);
      signal.addEventListener("abort", () => this.#unblock(), { once: true });
    }
    return new Promise((resolve, reject) => {
      const until = performance.now() + Math.min(wait.waitMs, longestBlockMs);
      const waiter = { wait, until, resolve, reject };
      this.#waiters.push(waiter);
      if (this.#serving === undefined) this.#serving = this.#serveAlone(waiter) ?? this.#serve();
      else this.#unblock(); // What blocks now does not listen to this one's bells.
    });
  }

  /** Lets all waits end, and ends the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unblock();
    // What is claimed at this moment is to come home.
    if (this.#block !== undefined) await settles(this.#serving!, longestFarewellMs);
    await this.#connection.close();
    await this.#serving;
  }

  /** Mostly one waits, who has a script, and nothing is amiss: with no step in between that takes a turn of its own. */
  #serveAlone(waiter: Waiter): Promise<void> | undefined {
    const { fused, signal } = waiter.wait;
    const wire = this.#connection.ready;
    if (fused === undefined || wire === undefined || signal.aborted || !this.#ids.has(wire)) return undefined;
    return this.#blockFused(wire, waiter, fused).then(() => this.#served());
  }

  #served(): Promise<void> | undefined {
    if (this.#waiters.length > 0) return this.#serve();
    this.#serving = undefined;
    return undefined;
  }

  async #serve(): Promise<void> {
    // Whoever made the first wait has it before it can be over.
    while (this.#waiters.length > 0) {
      let wire = this.#connection.ready;
      try {
        wire ??= await this.#connection.usable();
        if (!this.#ids.has(wire)) await this.#askId(wire);
        this.#dismiss();
        await this.#blockOn(wire);
      } catch (thrown) {
        const error = this.#connection.errorOf(thrown, wire);
        // After a loss, all wait on with the next connection.
        if (!isLost(thrown)) for (const waiter of this.#waiters.slice()) this.#reject(waiter, error);
      }
      this.#dismiss();
    }
    this.#serving = undefined;
  }

  async #blockOn(wire: Wire): Promise<void> {
    const [first, ...others] = this.#waiters;
    if (first === undefined) return;
    const { fused } = first.wait;
    if (others.length === 0 && fused !== undefined) return this.#blockFused(wire, first, fused);
    const block = this.#begin(wire);
    try {
      await this.#blockForAll(
        wire,
        secondsUntil(others.reduce((least, { until }) => Math.min(least, until), first.until)),
      );
    } finally {
      this.#end(block);
    }
  }

  #begin(wire: Wire): Block {
    return (this.#block = { id: this.#ids.get(wire), over: false });
  }

  #end(block: Block): void {
    block.over = true;
    this.#block = undefined;
  }

  async #blockForAll(wire: Wire, seconds: number): Promise<void> {
    const bells = new Set(this.#waiters.flatMap(({ wait }) => wait.bells));
    const bell = bellOf(await wire.send(["BLPOP", ...bells, seconds]));
    if (bell === undefined) return;
    // He who has waited longest. Where there is more, his claim rings for the next one.
    for (const waiter of this.#waiters) if (waiter.wait.bells.includes(bell)) return this.#settle(waiter, { bell });
  }

  #blockFused(wire: Wire, waiter: Waiter, fused: Fused): Promise<void> {
    const block = this.#begin(wire);
    const ringing = ["BLPOP", ...waiter.wait.bells, secondsUntil(waiter.until)];
    const running = this.#connection.commandOf(fused.script, fused.key, fused.args());
    return wire.sendTogether([ringing, running]).then(([rang, ran]) => {
      this.#end(block);
      const thrown = rang instanceof Error ? rang : ran instanceof Error ? ran : undefined;
      if (thrown === undefined) return this.#settle(waiter, { bell: bellOf(rang), reply: ran });
      // Not loaded: who waits runs it by himself.
      if (wordsOf(thrown).startsWith("NOSCRIPT")) return this.#settle(waiter, { bell: bellOf(rang) });
      const error = this.#connection.errorOf(thrown, wire);
      // Lost with its connection: whose script it is asks for what it was given.
      if (isLost(thrown)) this.#settle(waiter, {});
      else this.#reject(waiter, error);
    });
  }

  #settle(waiter: Waiter, woken: Woken): void {
    this.#leave(waiter);
    waiter.resolve(woken);
  }

  #reject(waiter: Waiter, error: AnyTaskError): void {
    this.#leave(waiter);
    waiter.reject(error);
  }

  #leave(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at >= 0) this.#waiters.splice(at, 1);
  }

  /** Settles those whose wait is over. */
  #dismiss(): void {
    const now = performance.now();
    for (const waiter of this.#waiters.slice()) {
      if (this.#closed || waiter.wait.signal.aborted || waiter.until <= now) this.#settle(waiter, {});
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
        if (block.over || (await commands.send(["CLIENT", "UNBLOCK", block.id])) === 1) return;
        // It is on its way: it has not reached the server yet, or its reply not us.
        await pause(unblockAgainMs);
      }
    } catch {
      // Without the right to it, or a connection, the block ends by its own timeout.
    }
  }

  /** Asks for the connection's id at the server: undefined where the user may not ask for it. */
  async #askId(wire: Wire): Promise<void> {
    const id = await wire.send(["CLIENT", "ID"]).catch(() => undefined);
    if (wire.usable) this.#ids.set(wire, id as number | undefined);
  }
}

/** How long to block, s: to the millisecond, as each digit costs. */
function secondsUntil(until: number): number {
  return Math.ceil(Math.max(shortestBlockMs, until - performance.now())) / 1_000;
}

function isLost(thrown: unknown): boolean {
  return isLoss(wordsOf(thrown)) || isUnsent(wordsOf(thrown));
}

/** Which bell has rung, by the reply of `BLPOP`. */
function bellOf(rang: unknown): string | undefined {
  return Array.isArray(rang) ? String(rang[0]) : undefined;
}
