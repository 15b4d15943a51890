import { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";

/** What others write and a client reads, besides the records of its calls. */
export interface UnreadableCounts {
  /** Events: dropped. */
  readonly events: number;
  /** A call's progress: left out. */
  readonly progress: number;
  /** What workers tell of themselves: each time that it was found, it counted as no worker. */
  readonly presences: number;
}

const consequences: Readonly<Record<keyof UnreadableCounts, string>> = {
  events: "an event can't be read; dropped",
  progress: "a progress can't be read; left out",
  presences: "a worker's presence can't be read; it counts as no worker",
};

/** Counts what can't be read. The first of each kind is logged: whoever wrote one may write a million. */
export class Unreadable {
  readonly #log: Logger;
  readonly #counts = { events: 0, progress: 0, presences: 0 };

  constructor(log: Logger) {
    this.#log = log;
  }

  get counts(): UnreadableCounts {
    return { ...this.#counts };
  }

  /** One could not be read, as `thrown` says. */
  count(kind: keyof UnreadableCounts, about: object, thrown: unknown): void {
    if (++this.#counts[kind] > 1) return;
    const error = TaskError.from(thrown, "internal").message;
    this.#log.warn({ ...about, error }, `${consequences[kind]}; further ones are only counted (client.unreadable)`);
  }
}
