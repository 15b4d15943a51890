import type { Notice, Unsubscribe } from "../../broker.ts";
import type { Connection } from "./connection.ts";
import { isLoss, wordsOf } from "./failure.ts";
import { readMessage } from "./message.ts";
import type { Wire } from "./wire.ts";
import { clearInterval, setInterval } from "../../real-time.ts";

type Listener = (notice: Notice) => void;

/** How often the connection is asked whether it still stands, ms. */
const askMs = 2_000;

/** One that only listens would never notice that it is half open: what waits for an answer does. */
function askNowAndThen(wire: Wire): void {
  const timer = setInterval(() => void wire.send(["PING"]).catch(() => undefined), askMs);
  timer.unref();
  wire.onEnd(() => clearInterval(timer));
}

/** Hears channels, on a connection of their own, and again whenever that was lost. */
export class Channels {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #failed: (thrown: unknown) => void;

  /** @param failed - takes what a listener has thrown. */
  constructor(connection: Connection, namespace: string, failed: (thrown: unknown) => void) {
    this.#connection = connection;
    this.#failed = failed;
    this.#prefix = `${namespace}:`;
    connection.onUsable = (wire) => {
      wire.hear((channel, message) => this.#hear(channel, message));
      askNowAndThen(wire);
    };
    connection.onLost = () => void this.#resume();
  }

  /** Resolves when Redis has confirmed it. */
  async subscribe(channel: string, listener: Listener): Promise<Unsubscribe> {
    const name = this.#prefix + channel;
    const heard: Listener = (notice) => listener(notice); // One may listen twice.
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(heard));
    try {
      await this.#confirm([name]);
    } catch (error) {
      this.#forget(name, heard);
      throw error;
    }
    return async () => {
      if (!this.#forget(name, heard)) return;
      // What comes until it is confirmed, or should it fail, is heard by nobody.
      await this.#connection.ready?.send(["UNSUBSCRIBE", name]).catch(() => undefined);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#connection.close();
  }

  /** Subscribes to channels, on another connection if one is lost before the answer. */
  async #confirm(names: readonly string[], patient?: () => boolean): Promise<void> {
    for (;;) {
      const wire = await this.#connection.usable(patient);
      try {
        const replies = await wire.sendTogether(names.map((name) => ["SUBSCRIBE", name]));
        const refused = replies.find((reply) => reply instanceof Error);
        if (refused !== undefined) throw refused;
        return;
      } catch (thrown) {
        const error = this.#connection.errorOf(thrown, wire);
        if (!isLoss(wordsOf(thrown))) throw error;
      }
    }
  }

  /** After a loss: what was said meanwhile went unheard. */
  async #resume(): Promise<void> {
    const names = [...this.#listeners.keys()];
    if (names.length === 0) return;
    try {
      await this.#confirm(names, () => this.#listeners.size > 0);
    } catch {
      return; // It was closed, or may not listen any more: whoever waits looks at intervals.
    }
    for (const name of names) this.#tell(name, [{ kind: "resumed" }]);
  }

  #hear(name: string, message: Buffer): void {
    this.#tell(name, readMessage(message));
  }

  #tell(name: string, notices: readonly Notice[]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const notice of notices) {
      for (const listener of listeners) {
        try {
          listener(notice);
        } catch (thrown) {
          // A listener's fault is not the others', nor the connection's; and anyone may have published the message.
          this.#failed(thrown);
        }
      }
    }
  }

  /** @returns whether nobody listens any more. */
  #forget(name: string, listener: Listener): boolean {
    const listeners = this.#listeners.get(name);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return false;
    return this.#listeners.delete(name);
  }
}
