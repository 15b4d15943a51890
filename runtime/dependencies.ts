import { pause, settles } from "./clock.ts";
import type { Declaration } from "./declaration.ts";
import { lastWordsMs } from "./defaults.ts";
import { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { outside, thisContext, type Within } from "./own-context.ts";
import { loggable } from "./thrown.ts";

/** What a function that opens dependencies is given. */
export interface Opening {
  /**
   * Says how something that was just opened is closed again: at the end, the last first, or at once if what comes after
   * it can't be opened. What it throws is logged.
   */
  readonly onClose: (close: () => unknown) => void;
}

/** Opens what handlers depend on, and gives what they find in `context.dependencies`. */
export type Open<Dependencies = unknown> = (opening: Opening) => Dependencies | PromiseLike<Dependencies>;

/** A task as far as it depends on something. */
export interface Dependent {
  readonly declaration: Declaration;
  readonly open: Open | undefined;
}

/** What a handler without dependencies finds. */
const none: object = Object.freeze({});

/** What is open in this process, by what has opened it: workers and clients share it. */
const inProcess = new Map<Open, Opened>();

/** The contexts in which functions that open dependencies were given: they run there, and not in that of the first call. */
const givenIn = new WeakMap<Open, Within>();

/** Notes the context in which a function that opens dependencies is given. Of several, the first counts. */
export function noteGiver(open: Open): void {
  if (!givenIn.has(open)) givenIn.set(open, thisContext());
}

/** What one function has opened, until the last of its holders lets go of it. */
class Opened {
  readonly value: Promise<unknown>;
  readonly #open: Open;
  readonly #within: Within;
  readonly #closers: (() => unknown)[] = [];
  #holders = 0;
  #closing: Promise<void> | undefined;

  constructor(open: Open) {
    this.#open = open;
    this.#within = givenIn.get(open) ?? outside;
    this.value = this.#within(() => this.#begin());
    this.value.catch(() => undefined); // Each holder is told.
  }

  /** @throws what `open` has thrown. */
  static async hold(open: Open): Promise<Opened> {
    for (;;) {
      let opened = inProcess.get(open);
      if (opened === undefined) inProcess.set(open, (opened = new Opened(open)));
      if (opened.#closing === undefined) {
        opened.#holders += 1;
        return opened;
      }
      await opened.#closing;
    }
  }

  /** Resolves when it is closed, if this was its last holder. */
  async release(log: Logger): Promise<void> {
    this.#holders -= 1;
    if (this.#holders === 0) await (this.#closing = this.#close(log));
  }

  async #begin(): Promise<unknown> {
    return this.#open({ onClose: (close) => void this.#closers.push(close) });
  }

  async #close(log: Logger): Promise<void> {
    await this.value.catch(() => undefined); // It may still be opening.
    for (const close of this.#closers.toReversed()) {
      try {
        await this.#within(close);
      } catch (thrown) {
        log.error({ err: loggable(thrown) }, "a dependency could not be closed");
      }
    }
    inProcess.delete(this.#open);
  }
}

/** A share in what one function has opened. */
interface Share {
  readonly opening: Promise<void>;
  value: unknown;
  isOpen: boolean;
  release(): Promise<void>;
}

/** What a worker or a client holds of dependencies: each of them once, from its first use to the end. */
export class Dependencies {
  readonly #log: Logger;
  /** In the order of their opening. */
  readonly #shares = new Map<Open, Share>();
  #closed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** What a task's handler finds in its context. It must be open. */
  of({ open }: Dependent): unknown {
    return open === undefined ? none : this.#shares.get(open)?.value;
  }

  /** Whether a task's handler has all that it depends on. */
  has({ open }: Dependent): boolean {
    return open === undefined || this.#shares.get(open)?.isOpen === true;
  }

  /** Opens what some tasks depend on, one after the other. @throws TaskError `unavailable` for what can't be opened. */
  async openAll(tasks: Iterable<Dependent>): Promise<void> {
    for (const task of tasks) if (!this.has(task) && !this.#closed) await this.open(task);
  }

  /** Opens what a task depends on, if that is not done. @throws TaskError `unavailable` if it can't be opened. */
  async open({ open, declaration }: Dependent): Promise<void> {
    if (open === undefined) return;
    if (this.#closed) throw new TaskError("unavailable", "its dependencies are closed");
    let share = this.#shares.get(open);
    if (share === undefined) this.#shares.set(open, (share = outside(() => this.#share(open))));
    try {
      await share.opening;
    } catch (cause) {
      const [contract] = declaration.name.split(".", 1);
      const { reason } = TaskError.from(cause);
      throw new TaskError("unavailable", `the dependencies of "${contract}" could not be opened: ${reason}`, { cause });
    }
  }

  /**
   * Lets go of all when the handlers are done, the last first; what nobody else in the process holds is closed. What takes
   * longer than the grace, or in a hurry longer than a moment, is left behind.
   */
  async closeAfter(handlers: Promise<unknown>, graceMs: number, hurry?: AbortSignal): Promise<void> {
    this.#closed = true;
    if (this.#shares.size === 0) return;
    const over = new AbortController();
    const closed = handlers.then(() => this.#close()).then(() => over.abort());
    const hurried = hurry === undefined ? over.signal : AbortSignal.any([over.signal, hurry]);
    await pause(graceMs, hurried);
    if (hurry?.aborted === true) await settles(closed, lastWordsMs);
    if (!over.signal.aborted)
      this.#log.warn({}, "dependencies are left behind: a handler goes on, or one does not close");
  }

  async #close(): Promise<void> {
    for (const share of [...this.#shares.values()].toReversed()) {
      await share.opening.catch(() => undefined);
      await share.release();
    }
  }

  #share(open: Open): Share {
    const held = Opened.hold(open);
    const release = async (): Promise<void> => {
      // Let go of once: of what could not be opened, at once.
      if (this.#shares.get(open) !== share) return;
      this.#shares.delete(open);
      await (await held).release(this.#log);
    };
    const begin = async (): Promise<void> => {
      try {
        share.value = await (await held).value;
        share.isOpen = true;
      } catch (thrown) {
        await release();
        throw thrown;
      }
    };
    const share: Share = { opening: Promise.resolve().then(begin), value: undefined, isOpen: false, release };
    return share;
  }
}
