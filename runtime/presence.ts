import type { Broker, Presence } from "./broker.ts";
import type { Declaration } from "./declaration.ts";
import type { Unreadable } from "./unreadable.ts";

/** Which workers of a queue list a task: none is there, some are but not for it, or one is. */
export type Served = "nobody" | "others" | "served";

/** How long a look at a queue's workers is good for, ms. */
const freshMs = 1_000;
/** How long a reply proves that its task is served, ms. */
const provenMs = 5_000;

/** How many routes and queues are known before those that are of no use any more are forgotten. */
const mostKnown = 1_000;

/** What a client knows of the workers that listen. */
export class PresenceView {
  readonly #broker: Broker;
  readonly #unreadable: Unreadable | undefined;
  readonly #looks = new Map<string, { readonly at: number; readonly workers: Promise<readonly Presence[]> }>();
  readonly #proven = new Map<string, number>();

  /** @param unreadable - counts what can't be read. */
  constructor(broker: Broker, unreadable?: Unreadable) {
    this.#broker = broker;
    this.#unreadable = unreadable;
  }

  /** A reply has come to a call that was made at `at`, by `performance.now`: since then a worker has served the task in its queue. */
  prove(route: string, at: number): void {
    // Noted once a second, and not with each of many replies.
    if (at - (this.#proven.get(route) ?? Number.NEGATIVE_INFINITY) < freshMs) return;
    this.#proven.set(route, at);
    if (this.#proven.size > mostKnown) forgetOld(this.#proven, (before) => at - before > provenMs);
  }

  /** Whether a reply has proven it lately, without asking. */
  proven(route: string, now = performance.now()): boolean {
    const at = this.#proven.get(route);
    return at !== undefined && now - at < provenMs;
  }

  /** Asks ahead of a {@link look}. */
  prefetch(declaration: Declaration): void {
    this.look(declaration).catch(() => undefined);
  }

  /** What a reply has proven lately, or else the broker says, which is asked at most once a second and queue. */
  async look({ queue, name, route }: Declaration): Promise<Served> {
    if (this.proven(route)) return "served";
    const now = performance.now();
    let look = this.#looks.get(queue);
    if (look === undefined || now - look.at > freshMs) {
      look = { at: now, workers: this.#ask(queue) };
      look.workers.catch(() => this.#looks.delete(queue));
      this.#looks.set(queue, look);
      if (this.#looks.size > mostKnown) forgetOld(this.#looks, ({ at }) => now - at > freshMs);
    }
    const workers = await look.workers;
    if (workers.length === 0) return "nobody";
    return workers.some(({ tasks }) => tasks.includes(name)) ? "served" : "others";
  }

  #ask(queue: string): Promise<readonly Presence[]> {
    return this.#broker.presence(queue, (error) => this.#unreadable?.count("presences", { queue }, error));
  }
}

function forgetOld<T>(known: Map<string, T>, isOld: (one: T) => boolean): void {
  for (const [key, one] of known) if (isOld(one)) known.delete(key);
}
