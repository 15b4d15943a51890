import type { Broker, Presence } from "./broker.ts";
import type { Declaration } from "./declaration.ts";
import { SharedLooks } from "./shared-looks.ts";
import { performance } from "./real-time.ts";
import type { Unreadable } from "./unreadable.ts";

/** Which workers of a queue list a task: none is there, some are but not for it, or one is. */
export type Served = "nobody" | "others" | "served";

/** How long it is known that a task is served, ms: by a look, and by a reply. Never that it is not. */
const freshMs = 1_000;
const provenMs = 5_000;

/** How many routes are known before those that are of no use any more are forgotten. */
const mostKnown = 1_000;

/** What a client knows of the workers that listen. */
export class PresenceView {
  readonly #looks: SharedLooks<readonly Presence[]>;
  readonly #proven = new Map<string, number>();

  /** @param unreadable - counts what can't be read. */
  constructor(broker: Broker, unreadable?: Unreadable) {
    this.#looks = new SharedLooks((queue) =>
      broker.presence(queue, (error) => unreadable?.count("presences", { queue }, error)),
    );
  }

  /** A reply has come to a call that was made at `at`, by `performance.now`: since then a worker has served the task in its queue. */
  prove(route: string, at: number): void {
    // Noted once a second, and not with each of many replies.
    if (at - (this.#proven.get(route) ?? Number.NEGATIVE_INFINITY) < freshMs) return;
    this.#proven.set(route, at);
    if (this.#proven.size > mostKnown)
      for (const [known, before] of this.#proven) if (at - before > provenMs) this.#proven.delete(known);
  }

  /** Whether a reply has proven it lately, without asking. */
  proven(route: string, now = performance.now()): boolean {
    const at = this.#proven.get(route);
    return at !== undefined && now - at < provenMs;
  }

  /** Asks ahead of a {@link look}. */
  prefetch(declaration: Declaration, since: number): void {
    this.look(declaration, since).catch(() => undefined);
  }

  /**
   * Who serves a task. That somebody does may have been seen a second ago; that nobody does ends calls, and is seen by a look
   * that began after `since`, by `performance.now`: a worker that came before the call is never missed.
   */
  async look({ queue, name, route }: Declaration, since: number): Promise<Served> {
    if (this.proven(route)) return "served";
    const isServed = (workers: readonly Presence[]): boolean => workers.some(({ tasks }) => tasks.includes(name));
    const known = this.#looks.last(queue, performance.now() - freshMs);
    if (known !== undefined && isServed(known)) return "served";
    const workers = await this.#looks.since(queue, since);
    if (workers.length === 0) return "nobody";
    return isServed(workers) ? "served" : "others";
  }
}
