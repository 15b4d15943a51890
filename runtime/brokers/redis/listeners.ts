import { listenersOf } from "../../keys.ts";
import type { Wire } from "./wire.ts";
import { performance } from "../../real-time.ts";

/** How long a look is good for, ms: so long after the first has begun to listen, some may not know of it. */
const freshMs = 1_000;

/** Whether anybody listens to a queue, when that was asked. */
interface Look {
  readonly at: number;
  readonly heard: boolean;
}

/**
 * Which queues somebody listens to, so that scripts pay nothing for events that nobody hears: they look only if they are
 * given a second key, and they are not while a look of the last second has found nobody. It is made when a script is run, so
 * that one who does nothing asks nothing.
 */
export class Listeners {
  readonly #looks = new Map<string, Look>();
  readonly #asked = new Set<string>();
  readonly #connection: () => Wire | undefined;

  /** @param connection - one that can be used now. */
  constructor(connection: () => Wire | undefined) {
    this.#connection = connection;
  }

  /** The second key of a script that is run now: undefined while it is known that nobody listens. */
  keyFor(list: string): string | undefined {
    const look = this.#looks.get(list);
    const fresh = look !== undefined && performance.now() - look.at < freshMs;
    if (!fresh && !this.#asked.has(list)) this.#ask(list);
    return fresh && !look.heard ? undefined : listenersOf(list);
  }

  #ask(list: string): void {
    const wire = this.#connection();
    if (wire === undefined) return;
    const at = performance.now();
    this.#asked.add(list);
    wire.send(["EXISTS", listenersOf(list)]).then(
      (found) => {
        this.#looks.set(list, { at, heard: found === 1 });
        this.#asked.delete(list);
      },
      () => this.#asked.delete(list), // Scripts look for themselves.
    );
  }
}
