import type { Broker, StoredCall } from "./broker.ts";
import { about, type Settled } from "./call.ts";
import { answerOf, valueOf } from "./caller.ts";
import { after } from "./clock.ts";
import type { Declaration } from "./declaration.ts";
import { requestIn } from "./envelope.ts";
import { readHeader } from "./header.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import type { CallStatus, Handle } from "./handle.ts";
import { waitWithin } from "./hooked-calls.ts";
import type { Hooks } from "./hooks.ts";
import type { WaitOptions } from "./options.ts";
import { ProgressFeed, progressOf } from "./progress.ts";
import { receive } from "./receive.ts";
import type { Replies, Wait } from "./replies.ts";
import { type CallState, isTerminal } from "./state.ts";

/** Opens handles on calls, made here or elsewhere. */
export class Handles {
  readonly #broker: Broker;
  readonly #replies: Replies;
  readonly #hooks: Hooks | undefined;
  readonly #open = new Set<(error: AnyTaskError) => void>();
  #closed = false;

  constructor(broker: Broker, replies: Replies, hooks?: Hooks) {
    this.#broker = broker;
    this.#replies = replies;
    this.#hooks = hooks;
  }

  /** @param unique - whether this client made the id: one that a user gave may be known in two queues. */
  open(declaration: Declaration, id: string, unique: boolean): Handle {
    const { queue, name } = declaration;
    const read = async (waiter?: string): Promise<StoredCall> => {
      const [call] = await this.#broker.read(queue, [id], { waiter });
      if (call === undefined)
        throw this.#error(declaration, id, "not_found", "its id is unknown, or its record is gone");
      return call;
    };
    const told = async <T>(ask: () => Promise<T>): Promise<T> => {
      try {
        return await ask();
      } catch (thrown) {
        throw TaskError.from(thrown, "internal", about({ declaration, id }));
      }
    };
    const wait = (options?: WaitOptions): Promise<Settled> => {
      const waiting = () => this.#wait(declaration, id, unique, options);
      return this.#hooks === undefined ? waiting() : waitWithin(this.#hooks, { declaration, id }, waiting);
    };
    return {
      id,
      task: name,
      exists: () => told(async () => (await this.#broker.read(queue, [id], { brief: true }))[0] !== undefined),
      status: () => told(async () => statusOf(declaration, await read())),
      cancel: () => told(async () => (await this.#cancel(declaration, id)).state),
      result: (options) => told(async () => valueOf(await wait(options))),
      safeResult: async (options) => {
        try {
          return answerOf(await wait(options));
        } catch (thrown) {
          return { ok: false, error: TaskError.from(thrown, "internal", { task: name, callId: id }) as TaskError };
        }
      },
      forget: () =>
        told(async () => {
          const outcome = await this.#forget(queue, id);
          if (outcome === "open")
            throw this.#error(declaration, id, "invalid_argument", "it has not ended: cancel it before");
          return outcome === "forgotten";
        }),
      progress: () => this.#progress(declaration, id, unique),
    };
  }

  /** Ends all waiting. */
  close(): void {
    this.#closed = true;
    for (const end of this.#open) end(new TaskError<string, unknown>("canceled", "the client was closed"));
  }

  async #forget(queue: string, id: string): Promise<"forgotten" | "open" | "unknown"> {
    const { operator } = this.#broker;
    if (operator === undefined)
      throw new TaskError("unimplemented", "its broker has nothing for those who look after queues");
    return operator.forget(queue, id);
  }

  async #cancel(declaration: Declaration, id: string): Promise<{ state: CallState }> {
    const call = await this.#broker.cancel(declaration.queue, id);
    if (call === undefined) throw this.#error(declaration, id, "not_found", "its id is unknown, or its record is gone");
    return call;
  }

  /** Waits for the end of a call. Rejects with what kept it from waiting; what the call ended with is in the value. */
  async #wait(declaration: Declaration, id: string, unique: boolean, options: WaitOptions = {}): Promise<Settled> {
    const settled = await this.#waitForEnd(declaration, id, unique, options);
    // Of those who read it at a time, the one who deletes it has it.
    if (options.once === true && (await this.#forget(declaration.queue, id)) === "unknown")
      throw this.#error(declaration, id, "not_found", "somebody else has read it, once");
    return settled;
  }

  async #waitForEnd(declaration: Declaration, id: string, unique: boolean, options: WaitOptions): Promise<Settled> {
    const { timeoutMs, signal } = options;
    if (signal?.aborted === true) throw this.#error(declaration, id, "canceled", "waiting for it was given up");
    return new Promise((resolve, reject) => {
      const stop = this.#follow(declaration, id, unique, {
        ended: (record) => end(() => resolve(receive(declaration, id, record))),
        failed: (error) => end(() => reject(error)),
      });
      const giveUp = () => end(() => reject(this.#error(declaration, id, "canceled", "waiting for it was given up")));
      const late = () =>
        end(() => reject(this.#error(declaration, id, "deadline_exceeded", `it has not ended within ${timeoutMs} ms`)));
      const undo = after(timeoutMs ?? Number.POSITIVE_INFINITY, late);
      signal?.addEventListener("abort", giveUp, { once: true });
      const end = (settle: () => void) => {
        undo();
        signal?.removeEventListener("abort", giveUp);
        stop();
        settle();
      };
    });
  }

  async *#progress(declaration: Declaration, id: string, unique: boolean): AsyncGenerator<never, void> {
    let heard: Uint8Array[] = [];
    let wake = (): void => {};
    let over: { readonly error?: AnyTaskError } | undefined;
    const stop = this.#follow(declaration, id, unique, {
      progress: (value) => {
        // Whoever reads slowly gets the newest: progress is a state, not a log.
        if (heard.push(value) > maxHeard) heard.shift();
        wake();
      },
      ended: () => {
        over = {};
        wake();
      },
      failed: (error) => {
        over = { error };
        wake();
      },
    });
    try {
      for (;;) {
        const values = heard;
        heard = [];
        for (const value of values) yield progressOf(declaration, value) as never;
        if (heard.length > 0) continue;
        if (over?.error !== undefined) throw over.error;
        if (over !== undefined) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      stop();
    }
  }

  /** Hears of a call from now on, after a first look at it. Returns what stops it. */
  #follow(
    declaration: Declaration,
    id: string,
    unique: boolean,
    listener: {
      readonly ended: (record: Uint8Array) => void;
      readonly failed: (error: AnyTaskError) => void;
      readonly progress?: (value: Uint8Array) => void;
    },
  ): () => void {
    let stopped = false;
    const once =
      <T>(heard: (value: T) => void) =>
      (value: T) => {
        if (!stopped) heard(value);
      };
    const failed = once(listener.failed);
    const progress = listener.progress && new ProgressFeed(once(listener.progress));
    const wait: Wait = {
      queue: declaration.queue,
      id,
      unique,
      stored: false,
      lookAt: 0,
      looks: 0,
      ended: once(listener.ended),
      gone: () => failed(this.#error(declaration, id, "not_found", "its record is gone")),
      progress,
    };
    this.#open.add(failed);
    this.#replies.add(wait);
    const look = async (): Promise<void> => {
      if (this.#closed) throw this.#error(declaration, id, "unavailable", "the client is closed");
      await this.#replies.ready();
      const heard = progress?.count;
      const [call] = await this.#broker.read(declaration.queue, [id], {
        waiter: this.#replies.address,
        brief: true,
      });
      if (call === undefined) {
        failed(this.#error(declaration, id, "not_found", "its id is unknown, or its record is gone"));
        return;
      }
      wait.stored = true;
      progress?.looked(call.progress, heard);
      if (isTerminal(call.state)) wait.ended(call.record);
    };
    look().catch((thrown: unknown) =>
      failed(TaskError.from(thrown, "internal", { task: declaration.name, callId: id })),
    );
    return () => {
      stopped = true;
      this.#open.delete(failed);
      this.#replies.delete(wait);
    };
  }

  #error(declaration: Declaration, id: string, code: TaskErrorCode, reason: string): AnyTaskError {
    return new TaskError<string, unknown>(code, reason, about({ declaration, id }));
  }
}

/** Progress values that are kept for a reader who is slower than the handler. */
const maxHeard = 1_000;

function statusOf(declaration: Declaration, call: StoredCall): CallStatus {
  const header = readHeader(call.record);
  const ended = header?.attempt ?? 0;
  const origin = requestIn(call.record);
  return {
    state: call.state,
    attempt: call.state === "running" ? ended + 1 : ended,
    deaths: header?.deaths ?? 0,
    progress: call.progress === undefined ? undefined : progressOf(declaration, call.progress),
    parentId: origin?.parent,
    rootId: origin?.root ?? origin?.parent,
    metadata: origin?.metadata,
  };
}
