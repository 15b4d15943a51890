import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import {
  type Beat,
  type BeatReply,
  type Broker,
  type ClaimedBatch,
  type ClaimRequest,
  type Notice,
  type Presence,
  type ReadOptions,
  type Report,
  type StoredCall,
  type Submission,
  type SubmitBatch,
  type Submitted,
  TaskError,
  type TaskErrorCode,
  type Unsubscribe,
  type Verdict,
  withTimeLeft,
} from "taskpact/broker";
import { readFrames, sendFrame, type Told } from "./frames.ts";

/** After how long a connection that broke is made anew, ms. */
const reconnectMs = 20;
/** How long is tried to say again what may not have been heard, ms. */
const patienceMs = 2_000;

/** The connection broke before an answer came. */
class LostConnection extends Error {}
/** None can be made. */
class NoConnection extends Error {}

/** What callers are told of it. */
function told(error: unknown, wasSent: boolean): unknown {
  if (!(error instanceof LostConnection || error instanceof NoConnection)) return error;
  if (wasSent) return new TaskError("outcome_unknown", "the connection to the shelf was lost before it answered");
  return new TaskError("unavailable", `there is no shelf: ${error.message}`);
}

/** A question that has not been answered. */
interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A broker that asks a {@link ShelfServer}, over one connection that is made when it is first needed. */
export class ShelfBroker implements Broker {
  readonly #path: string;
  readonly #namespace: string;
  readonly #listeners = new Map<string, Set<(notice: Notice) => void>>();
  readonly #pending = new Map<number, Pending>();
  readonly #claims = new Set<AbortController>();
  #socket: Promise<Socket> | undefined;
  #reconnecting: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isClosed = false;

  constructor(path: string, namespace: string) {
    this.#path = path;
    this.#namespace = namespace;
  }

  async submit(queue: string, { calls, acknowledged, maxLength }: SubmitBatch): Promise<readonly Submitted[]> {
    const everSent = new Set<Submission>();
    let places = new Map<Submission, number>();
    const late = new Set<Submission>();
    // Made right before each sending: what is not wanted by then, or past its deadline, is not sent.
    const given = () => {
      const now = performance.now();
      places = new Map();
      const bare: Pick<Submission, "id" | "record" | "priority" | "delayMs">[] = [];
      for (const call of calls) {
        if (call.caller?.wanted() === false) continue;
        const left = withTimeLeft(call, now);
        if (left === undefined) {
          if (!everSent.has(call)) late.add(call);
          continue;
        }
        call.caller?.sent();
        const { id, record, priority, delayMs } = left;
        everSent.add(call);
        places.set(call, bare.push({ id, record, priority, delayMs }) - 1);
      }
      return [queue, { calls: bare, acknowledged, maxLength }];
    };
    const submitted = (await this.#ask("submit", given)) as readonly Submitted[];
    return calls.map((call) => submitted[places.get(call) ?? -1] ?? { outcome: late.has(call) ? "late" : "accepted" });
  }

  async claim({ signal, ...request }: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    if (signal.aborted && !this.#isClosed) return [];
    const socket = await this.#connected().catch((error: unknown) => {
      throw told(error, false);
    });
    const ended = new AbortController();
    const id = ++this.#lastId;
    // It is not asked again: whoever claims does so anyway.
    const answer = this.#askAs(id, socket, "claim", request);
    // The answer tells what the claim has by then: nothing is leased to one that has gone.
    const giveUp = (): void => void this.#askOn(socket, "giveUp", id).catch(() => undefined);
    signal.addEventListener("abort", giveUp);
    ended.signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    this.#claims.add(ended);
    try {
      return (await answer) as readonly ClaimedBatch[];
    } catch (error) {
      throw told(error, true);
    } finally {
      this.#claims.delete(ended);
      signal.removeEventListener("abort", giveUp);
    }
  }

  finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]> {
    return this.#ask("finish", () => [queue, reports]) as Promise<readonly Verdict[]>;
  }

  renew(beat: Beat): Promise<BeatReply> {
    return this.#ask("renew", () => [beat]) as Promise<BeatReply>;
  }

  cancel(queue: string, id: string): Promise<StoredCall | undefined> {
    return this.#ask("cancel", () => [queue, id]) as Promise<StoredCall | undefined>;
  }

  revoke(queue: string, id: string, nonce: string): Promise<boolean> {
    return this.#ask("revoke", () => [queue, id, nonce]) as Promise<boolean>;
  }

  read(queue: string, ids: readonly string[], options?: ReadOptions): Promise<readonly (StoredCall | undefined)[]> {
    return this.#ask("read", () => [queue, ids, options?.waiter]) as Promise<readonly (StoredCall | undefined)[]>;
  }

  presence(queue: string): Promise<readonly Presence[]> {
    return this.#ask("presence", () => [queue]) as Promise<readonly Presence[]>;
  }

  async subscribe(channel: string, listener: (notice: Notice) => void): Promise<Unsubscribe> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    // One of its own, that it may be given twice.
    const own = (notice: Notice): void => listener(notice);
    this.#listeners.set(channel, listeners.add(own));
    try {
      await this.#ask("hear", () => [channel]);
    } catch (error) {
      listeners.delete(own);
      throw error;
    }
    return async () => {
      if (!listeners.delete(own) || listeners.size > 0 || this.#isClosed) return;
      this.#listeners.delete(channel);
      // Deaf it is already: the server is told so that it sends nothing more.
      await this.#ask("deafen", () => [channel]).catch(() => undefined);
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#reconnecting);
    this.#listeners.clear();
    const socket = await this.#socket?.catch(() => undefined);
    if (socket === undefined) return;
    for (const claim of this.#claims) claim.abort();
    // What has been asked is answered before the connection goes.
    if (this.#pending.size > 0) await this.#askOn(socket, "giveUp", 0).catch(() => undefined);
    socket.destroy();
  }

  /** Asks, and asks again on another connection where one was lost: all that is asked so may be said twice. */
  async #ask(what: string, given: () => readonly unknown[]): Promise<unknown> {
    const until = performance.now() + patienceMs;
    let wasSent = false;
    for (;;) {
      try {
        const socket = await this.#connected();
        wasSent = true;
        return await this.#askOn(socket, what, ...given());
      } catch (error) {
        const isLost = error instanceof LostConnection || (wasSent && error instanceof NoConnection);
        if (!isLost || this.#isClosed || performance.now() >= until) throw told(error, wasSent);
        await pause(reconnectMs);
      }
    }
  }

  #askOn(socket: Socket, what: string, ...given: readonly unknown[]): Promise<unknown> {
    return this.#askAs(++this.#lastId, socket, what, ...given);
  }

  #askAs(id: number, socket: Socket, what: string, ...given: readonly unknown[]): Promise<unknown> {
    if (socket.destroyed) return Promise.reject(new LostConnection());
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      sendFrame(socket, [id, what, ...given]);
    });
  }

  #connected(): Promise<Socket> {
    if (this.#isClosed) return Promise.reject(new TaskError("unavailable", "the connection to the shelf is closed"));
    return (this.#socket ??= this.#connect());
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#path, () => {
        sendFrame(socket, this.#namespace);
        resolve(socket);
      });
      socket.on("error", ({ message }) => {
        reject(new NoConnection(message));
      });
      socket.on("close", () => this.#lost());
      readFrames(socket, (value) => this.#take(value as Told));
    });
  }

  #take([id, kind, first, second]: Told): void {
    if (kind === "notice") {
      for (const listener of this.#listeners.get(first) ?? []) listener(second as Notice);
      return;
    }
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (kind === "answer") pending?.resolve(first);
    else pending?.reject(new TaskError(first as TaskErrorCode, second));
  }

  /** What was asked may have been done. Who listens is heard again as soon as that is possible, and is told. */
  #lost(): void {
    this.#socket = undefined;
    for (const { reject } of this.#pending.values()) reject(new LostConnection());
    this.#pending.clear();
    if (this.#isClosed || this.#listeners.size === 0) return;
    this.#reconnecting = setTimeout(() => void this.#resume(), reconnectMs);
  }

  async #resume(): Promise<void> {
    try {
      const channels = [...this.#listeners.keys()];
      await Promise.all(channels.map((channel) => this.#ask("hear", () => [channel])));
      for (const channel of channels)
        for (const listener of this.#listeners.get(channel) ?? []) listener({ kind: "resumed" });
    } catch {
      // A connection that could not be made has ended, too: that comes back here.
    }
  }
}
