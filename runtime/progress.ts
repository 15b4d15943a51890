import { decode } from "./codec.ts";
import type { Declaration } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { loggable } from "./thrown.ts";

/** A progress as its caller reads it. @throws TaskError `invalid_result` for what does not fit its schema. */
export function progressOf(declaration: Declaration, told: Uint8Array): unknown {
  return declaration.progress.pass(decode(told));
}

/**
 * The progress of one call, as messages and looks bring it: each value once. A look that was on its way while a message
 * came may bring an older value, and one that comes after it the same again.
 */
export class ProgressFeed {
  readonly #listener: (value: Uint8Array) => void;
  #last: Uint8Array | undefined;
  #count = 0;

  constructor(listener: (value: Uint8Array) => void) {
    this.#listener = listener;
  }

  /** How many values there were: what {@link looked} is to be given, from before the look. */
  get count(): number {
    return this.#count;
  }

  /** A message has brought a value. */
  told(value: Uint8Array): void {
    if (this.#last !== undefined && Buffer.compare(this.#last, value) === 0) return;
    this.#last = value;
    this.#count += 1;
    this.#listener(value);
  }

  /** A look has brought a value, if there is one. */
  looked(value: Uint8Array | undefined, before: number | undefined): void {
    if (value !== undefined && before === this.#count) this.told(value);
  }
}

/** A caller's `onProgress`, for one call. */
export class ProgressListener {
  readonly #listener: (progress: never) => unknown;
  readonly #log: Logger;
  readonly #about: object;
  #hasFailed = false;

  constructor(listener: (progress: never) => unknown, log: Logger, about: object) {
    this.#listener = listener;
    this.#log = log;
    this.#about = about;
  }

  /** Calls it with what `read` gives. What either throws, or a promise rejects with, harms no call: it is logged, once. */
  hear(read: () => unknown): void {
    try {
      const returned = this.#listener(read() as never);
      if (returned instanceof Promise) returned.catch((thrown: unknown) => this.#failed(thrown));
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #failed(thrown: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const error = TaskError.from(thrown, "failed");
    this.#log.warn(
      { ...this.#about, error: error.message, cause: loggable(error.cause) },
      "onProgress failed; its call goes on",
    );
  }
}
