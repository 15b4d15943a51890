import { setMaxListeners } from "node:events";
import type { RedisOptions } from "ioredis";
import { pause, settles } from "../../clock.ts";
import { type AnyTaskError, TaskError } from "../../errors.ts";
import { outside } from "../../own-context.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import {
  advised,
  commandError,
  isDemotion,
  isFinal,
  isLoginRefused,
  isLoss,
  isPassing,
  isUnsent,
  unavailable,
  wordsOf,
} from "./failure.ts";
import { openWire } from "./open-wire.ts";
import type { Argument } from "./resp.ts";
import type { Script } from "./scripts/script.ts";
import { placeOf } from "./source.ts";
import type { Wire } from "./wire.ts";
import { nextTurn, performance } from "../../real-time.ts";

const firstPauseMs = 50;
const longestPauseMs = 2_000;
/** How soon what a server has refused for now is sent again, ms: then later and later. */
const firstRefusalMs = 20;
const longestRefusalMs = 500;
const mostSlowness = 16;
/** How many credentials in a row may be refused before one who waits is told. */
const mostLogins = 3;
/** How often one who waits for as long as it takes is asked whether he still does, ms. */
const askMs = 250;

/** A script that is to be run: what {@link Connection.run} is given. */
interface Work {
  readonly script: Script;
  readonly key: string | readonly string[];
  readonly args: (again: boolean) => readonly Argument[];
  readonly patient: Patient | undefined;
}

/**
 * Asked now and then, after `patienceMs`, whether to go on waiting for a connection that was lost, or for a server that takes no commands
 * for now: with its refusal, as long as nothing was sent of which it is not known what became of it.
 */
export type Patient = (refused?: AnyTaskError) => boolean;

/** A sending that has failed. */
interface Failed {
  readonly wire: Wire;
  /** Undefined if it was lost before there was room for it. */
  readonly command: readonly Argument[] | undefined;
  readonly thrown: unknown;
}

/** One connection to Redis, which is made when it is first needed and again when it was lost. */
export class Connection {
  /** Called each time that it is usable. */
  onUsable: (wire: Wire) => void = () => {};
  /** Called each time that it is lost. */
  onLost: () => void = () => {};
  readonly #options: RedisOptions;
  readonly #settings: ConnectionSettings;
  readonly #place: string;
  readonly #closing = new AbortController();
  #wire: Wire | undefined;
  #attempt: Promise<void> | undefined;
  #failures = 0;
  /** How much more slowly than is expected large commands may arrive: twice as much each time that they seemed lost. */
  #slowness = 1;
  /** What the last attempt failed of, and whether the next one will, too. */
  #failure: AnyTaskError | undefined;
  #final = false;
  #known = false;
  #closed: Promise<void> | undefined;

  constructor(options: RedisOptions, settings: ConnectionSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#place = placeOf(options);
    // Each command that waits for its server listens, however many there are.
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Runs a script. Where the connection is lost before the reply, it is sent again on the next one, for every script
   * has the effect of one run. So it is where the server has refused it only for now.
   *
   * @param args - asked for right before each sending, and told whether it was sent before and may have been run.
   * @throws TaskError `unavailable`, `outcome_unknown`, `resource_exhausted` or `internal`.
   */
  run(
    script: Script,
    key: string | readonly string[],
    args: (again: boolean) => readonly Argument[],
    patient?: Patient,
  ): Promise<unknown> {
    const wire = this.ready;
    if (wire === undefined || (script.bulky && !wire.hasRoom)) return this.#persist({ script, key, args, patient });
    // Mostly nothing is amiss: one promise then, and not one for each thing that may be.
    const command = this.commandOf(script, key, args(false));
    const failed = (thrown: unknown) => this.#persist({ script, key, args, patient }, { wire, command, thrown });
    return wire.send(command).catch(failed);
  }

  /** Sends a script until it is answered, or there is no sense in it any more. */
  async #persist({ script, key, args, patient }: Work, before?: Failed): Promise<unknown> {
    let unknown: AnyTaskError | undefined;
    let refused: AnyTaskError | undefined;
    let refusals = 0;
    let until = Number.POSITIVE_INFINITY;
    let failed = before;
    for (;;) {
      if (failed === undefined) {
        let wire: Wire;
        try {
          wire = await this.usable(patient);
        } catch (error) {
          throw unknown ?? refused ?? error;
        }
        const again = unknown !== undefined;
        let command: readonly Argument[] | undefined;
        const make = () => (command = this.commandOf(script, key, args(again)));
        try {
          return await (script.bulky ? wire.sendInTurn(make) : wire.send(make()));
        } catch (thrown) {
          failed = { wire, command, thrown };
        }
      }
      const { wire, command } = failed;
      let { thrown } = failed;
      failed = undefined;
      if (command !== undefined && wordsOf(thrown).startsWith("NOSCRIPT")) {
        try {
          return await wire.send(["EVAL", script.lua, ...command.slice(2)]);
        } catch (again) {
          thrown = again;
        }
      }
      const words = wordsOf(thrown);
      const error = this.errorOf(thrown, wire);
      refused = isPassing(words) ? error : undefined;
      if (isLoss(words)) unknown = error;
      else if (refused === undefined && !isUnsent(words)) throw error;
      // A server that never answers it is not to be asked for ever.
      until = Math.min(until, performance.now() + this.#settings.patienceMs);
      const isWanted = patient?.(unknown === undefined ? refused : undefined) === true;
      if (this.#closing.signal.aborted || (performance.now() >= until && !isWanted)) throw unknown ?? error;
      if (refused === undefined) {
        // That it is lost may be heard only in the next turn of the event loop.
        await nextTurn();
      } else {
        await pause(Math.min(firstRefusalMs * 2 ** refusals++, longestRefusalMs), this.#closing.signal);
      }
    }
  }

  /** What is run meanwhile goes out in one write. */
  together<Result>(act: () => Result): Result {
    const { ready } = this;
    return ready === undefined ? act() : ready.together(act);
  }

  /** The connection if it can be used now. */
  get ready(): Wire | undefined {
    return this.#wire?.usable === true && !this.#closing.signal.aborted ? this.#wire : undefined;
  }

  /**
   * The connection, when it can be used.
   *
   * @throws TaskError `unavailable` with what is wrong.
   */
  async usable(patient?: Patient): Promise<Wire> {
    const until = performance.now() + this.#settings.patienceMs;
    for (;;) {
      if (this.#closing.signal.aborted) throw unavailable("the connection to Redis was closed");
      const { ready } = this;
      if (ready !== undefined) return ready;
      const leftMs = until - performance.now();
      const settled = await settles((this.#attempt ??= outside(() => this.#open())), leftMs > 0 ? leftMs : askMs);
      if (this.ready !== undefined || this.#closing.signal.aborted) continue;
      if (this.#known && patient?.() === true) continue;
      if ((settled && this.#final) || performance.now() >= until) {
        throw this.#failure ?? this.#unreachable(`no answer within ${this.#settings.patienceMs} ms`);
      }
    }
  }

  /** Leaves the connection that it has, as if it had been lost. */
  leave(): void {
    void this.#wire?.close();
  }

  /** The command that runs a script. */
  commandOf(script: Script, key: string | readonly string[], args: readonly Argument[]): Argument[] {
    const { clockOffset, listeners } = this.#settings;
    if (typeof key !== "string") return ["EVALSHA", script.sha, key.length, ...key, clockOffset(), ...args];
    const second = listeners?.keyFor(key);
    if (second === undefined) return ["EVALSHA", script.sha, 1, key, clockOffset(), ...args];
    return ["EVALSHA", script.sha, 2, key, second, clockOffset(), ...args];
  }

  /** What a command's failure means. A server that has become a replica is left: its address may lead elsewhere by now. */
  errorOf(thrown: unknown, wire: Wire | undefined): AnyTaskError {
    if (isDemotion(wordsOf(thrown))) void wire?.close();
    return thrown instanceof TaskError ? thrown : commandError(thrown, this.#place);
  }

  /** Ends it; resolves when nothing of it is left. */
  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#attempt;
    await this.#wire?.close();
  }

  /** Tries to connect, once. */
  async #open(): Promise<void> {
    try {
      await this.#pause();
      const wire = await openWire(this.#options, this.#place, this.#settings, this.#closing.signal, this.#slowness);
      wire.onEnd(() => this.#lost(wire));
      if (!wire.usable) throw new Error("it hung up at once");
      this.#failures = 0;
      this.#failure = undefined;
      this.#final = false;
      this.#known = true;
      this.#wire = wire;
      this.onUsable(wire);
    } catch (thrown) {
      this.#failures++;
      this.#failure = thrown instanceof TaskError ? thrown : this.#unreachable(wordsOf(thrown));
      // A server that could be used and can't be now may be in the midst of a failover.
      this.#final =
        (thrown instanceof TaskError && !this.#known) ||
        (isFinal(wordsOf(thrown)) && !this.#mayAskAgain(wordsOf(thrown)));
    } finally {
      this.#attempt = undefined;
    }
  }

  /** Credentials may have been replaced while they were on their way. */
  #mayAskAgain(words: string): boolean {
    return this.#settings.credentials !== undefined && isLoginRefused(words) && this.#failures < mostLogins;
  }

  /** Before another attempt: the longer, the more have failed. */
  async #pause(): Promise<void> {
    if (this.#failures === 0) return;
    const pauseMs = Math.min(firstPauseMs * 2 ** (this.#failures - 1), longestPauseMs) * (0.75 + 0.5 * Math.random());
    await pause(pauseMs, this.#closing.signal);
  }

  #lost(wire: Wire): void {
    if (this.#wire !== wire) return;
    this.#wire = undefined;
    this.#slowness = wire.outpaced ? Math.min(2 * this.#slowness, mostSlowness) : 1;
    this.onLost();
  }

  #unreachable(words: string): AnyTaskError {
    return unavailable(`can't reach Redis${this.#place}: ${advised(words)}`);
  }
}
