import { outside } from "./own-context.ts";
import { nextTurn, performance } from "./real-time.ts";

/** What was seen of a key, and when the look for it was sent, by `performance.now`. */
interface Seen<Value> {
  readonly at: number;
  readonly value: Value;
}

interface Looks<Value> {
  last: Seen<Value> | undefined;
  /** The one on its way, and one that will be sent when it is back: for those who came meanwhile. */
  current: Look<Value> | undefined;
  next: Promise<Seen<Value>> | undefined;
}

interface Look<Value> {
  /** Infinity until it is sent. */
  at: number;
  readonly seen: Promise<Seen<Value>>;
}

/** How many keys are known before those that were not looked at lately are forgotten, and for how long they are kept, ms. */
const mostKnown = 1_000;
const keptMs = 5_000;

/**
 * Looks that many share: those of one turn of the event loop make one, and there is one on its way at a time for a key, whatever the
 * number of those who want to know. Nobody is given what was seen before they asked.
 */
export class SharedLooks<Value> {
  readonly #look: (key: string) => Promise<Value>;
  readonly #known = new Map<string, Looks<Value>>();

  constructor(look: (key: string) => Promise<Value>) {
    this.#look = look;
  }

  /** What was seen last, if the look for it was sent after `since`. */
  last(key: string, since: number): Value | undefined {
    const last = this.#known.get(key)?.last;
    return last !== undefined && last.at >= since ? last.value : undefined;
  }

  /** What is seen by a look that is sent at `since` or later. @throws as that look does. */
  async since(key: string, since: number): Promise<Value> {
    const looks = this.#looksOf(key);
    if (looks.last !== undefined && looks.last.at >= since) return looks.last.value;
    if (looks.current !== undefined && looks.current.at >= since) return (await looks.current.seen).value;
    return (await this.#next(key, looks)).value;
  }

  #looksOf(key: string): Looks<Value> {
    let looks = this.#known.get(key);
    if (looks === undefined) {
      this.#known.set(key, (looks = { last: undefined, current: undefined, next: undefined }));
      if (this.#known.size > mostKnown) this.#forgetOld();
    }
    return looks;
  }

  #next(key: string, looks: Looks<Value>): Promise<Seen<Value>> {
    const { current } = looks;
    if (current === undefined) return this.#send(key, looks).seen;
    return (looks.next ??= outside(async () => {
      await current.seen.catch(() => undefined);
      looks.next = undefined;
      return this.#send(key, looks).seen;
    }));
  }

  #send(key: string, looks: Looks<Value>): Look<Value> {
    const seen = outside(async (): Promise<Seen<Value>> => {
      // For all that is called in this turn.
      await nextTurn();
      look.at = performance.now();
      try {
        return (looks.last = { at: look.at, value: await this.#look(key) });
      } finally {
        looks.current = undefined;
      }
    });
    const look: Look<Value> = { at: Number.POSITIVE_INFINITY, seen };
    looks.current = look;
    return look;
  }

  #forgetOld(): void {
    const since = performance.now() - keptMs;
    for (const [key, { last, current }] of this.#known)
      if (current === undefined && (last === undefined || last.at < since)) this.#known.delete(key);
  }
}
