import type { Wire } from "./wire.ts";
import { performance } from "../../real-time.ts";

/** By how much two clocks drift apart in a time, at the most: ten times what clocks that are kept in step do. */
const drift = 1 / 1_000;
/** How often the server is asked for its time while there is anything to do, ms. */
const everyMs = 1_000;

/** Where a {@link ServerClock} asks. */
export interface ServerClockSettings {
  /** A connection that can be used now. */
  connection(): Wire | undefined;
  /** For tests: how far scripts are to be ahead of Redis's time, ms. */
  readonly clockOffset: () => number;
}

/**
 * How the server's time relates to `performance.now`, so that the age of a reply is known: it may have been on its way, or
 * have lain in this process's socket, for as long as the line was slow or the process was stopped.
 *
 * What is kept is the most that the server's time can be ahead. A reply that tells the server's time T, of a command that was sent
 * at S and was read at R, shows that it is ahead by T − R at the least and T − S at the most. From the lowest such bound follows the
 * earliest instant at which the server can have said any T. Where a reply contradicts what is known, the server's clock was set.
 */
export class ServerClock {
  readonly #settings: ServerClockSettings;
  /** The bound, ms, and when it was one for certain. */
  #ahead = Number.POSITIVE_INFINITY;
  #at = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(settings: ServerClockSettings) {
    this.#settings = settings;
  }

  /** Asks the server for its time, if that was not done lately. */
  look(now = performance.now()): void {
    if (now - this.#askedAt < everyMs) return;
    const wire = this.#settings.connection();
    if (wire === undefined) return;
    this.#askedAt = now;
    const { clockOffset } = this.#settings;
    wire.send(["TIME"]).then(
      (reply) => {
        if (!Array.isArray(reply)) return;
        const [seconds, microseconds] = (reply as readonly unknown[]).map(Number);
        const time = seconds! * 1_000 + microseconds! / 1_000 + clockOffset();
        if (Number.isFinite(time)) this.#told(time, now, performance.now(), 0);
      },
      () => undefined, // Without it, replies are taken for as old as they can be.
    );
  }

  /** Forgets what it knows: another server may have another clock. */
  reset(): void {
    this.#ahead = Number.POSITIVE_INFINITY;
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * The earliest instant, by `performance.now`, at which the server can have said its time.
   *
   * @param time - epoch ms, without its fraction.
   * @param sentAt - when the command was sent.
   * @param readAt - when its reply was read.
   */
  instantOf(time: number, sentAt: number, readAt = performance.now()): number {
    if (!Number.isFinite(time)) return sentAt;
    this.#told(time, sentAt, readAt, 1);
    return Math.min(Math.max(time - this.#settings.clockOffset() - this.#aheadAt(readAt), sentAt), readAt);
  }

  /** The server's time at the latest, epoch ms; undefined as long as it is not known. */
  latest(now = performance.now()): number | undefined {
    const ahead = this.#aheadAt(now);
    return ahead === Number.POSITIVE_INFINITY ? undefined : Math.ceil(now + ahead + this.#settings.clockOffset());
  }

  /** @param fractionMs - what the time may lack. */
  #told(time: number, sentAt: number, readAt: number, fractionMs: number): void {
    const known = this.#aheadAt(readAt);
    const own = time - this.#settings.clockOffset();
    // It holds from when the command was sent: meanwhile they may have drifted apart.
    const most = own + fractionMs - sentAt;
    if (own - readAt <= known && known <= most + (readAt - sentAt) * drift) return;
    this.#ahead = most;
    this.#at = sentAt;
  }

  #aheadAt(now: number): number {
    return this.#ahead + Math.max(0, now - this.#at) * drift;
  }
}
