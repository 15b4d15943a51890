import type { Broker } from "./broker.ts";
import { bury } from "./burial.ts";
import { pause } from "./clock.ts";
import { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { isAutomatic, isListenedTo } from "./node-queue.ts";
import { keepNode, type KnownNode, leaveNode, nodesOf } from "./node-registry.ts";

/** How an {@link Undertaker} works. */
export interface UndertakerSettings {
  /** How often it looks, ms, give or take a quarter. @default 30_000 */
  readonly everyMs?: number | undefined;
  /** For how long a process that was found absent must stay so, ms: one that has lost its connection may come back. @default 15_000 */
  readonly absentMs?: number | undefined;
  /** Its own queue, which it keeps known. */
  readonly own?: KnownNode | undefined;
}

/** How many processes one look is for. */
const mostLooked = 20;

/**
 * What every worker does for those that are gone: it ends what was left in their node queues. At each look it begins with any of
 * them, and goes on to the next until it finds one that is there: together they find all, and none costs more for being many.
 */
export class Undertaker {
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #everyMs: number;
  readonly #absentMs: number;
  readonly #own: KnownNode | undefined;
  readonly #stopped = new AbortController();
  #working: Promise<void> | undefined;

  constructor(broker: Broker, log: Logger, { everyMs = 30_000, absentMs = 15_000, own }: UndertakerSettings = {}) {
    this.#broker = broker;
    this.#log = log;
    this.#everyMs = everyMs;
    this.#absentMs = absentMs;
    this.#own = own;
  }

  start(): void {
    this.#working ??= this.#work();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      await pause(this.#everyMs * (0.75 + 0.5 * Math.random()), signal);
      if (signal.aborted) return;
      try {
        if (this.#own !== undefined) await keepNode(this.#broker, this.#own);
        await this.#look();
      } catch (thrown) {
        // A broker that is away is told of by whoever needs it more.
        this.#log.debug({ error: TaskError.from(thrown, "internal").message }, "node queues could not be looked after");
      }
    }
  }

  async #look(): Promise<void> {
    const known = (await nodesOf(this.#broker)).filter(({ queue }) => isAutomatic(queue) && queue !== this.#own?.queue);
    const first = Math.floor(Math.random() * known.length);
    const turned = [...known.slice(first), ...known.slice(0, first)].slice(0, mostLooked);
    for (const node of turned) {
      if (this.#stopped.signal.aborted || (await this.#isThere(node.queue))) return;
      await pause(this.#absentMs, this.#stopped.signal);
      if (this.#stopped.signal.aborted || (await this.#isThere(node.queue))) return;
      await this.#bury(node);
    }
  }

  async #isThere(queue: string): Promise<boolean> {
    return isListenedTo(this.#broker, queue);
  }

  async #bury(node: KnownNode): Promise<void> {
    if (await bury(this.#broker, node.queue)) await leaveNode(this.#broker, node);
    else await keepNode(this.#broker, node);
  }
}
