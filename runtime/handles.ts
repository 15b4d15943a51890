import { onAbort } from "./abort-listeners.ts";
import type { Broker, StoredCall } from "./broker.ts";
import { about, type Settled } from "./call.ts";
import { answerOf, valueOf } from "./caller.ts";
import { after, settles } from "./clock.ts";
import type { Declaration } from "./declaration.ts";
import { requestIn } from "./envelope.ts";
import { type Header, readHeader } from "./header.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import type { CallStatus, Handle, ProgressReading } from "./handle.ts";
import { waitWithin } from "./hooked-calls.ts";
import type { Hooks } from "./hooks.ts";
import type { Inbound } from "./inbound.ts";
import type { WaitOptions } from "./options.ts";
import { PauseView } from "./pause-view.ts";
import { ProgressFeed } from "./progress.ts";
import { PushedValues } from "./pushed-values.ts";
import { performance } from "./real-time.ts";
import { receive } from "./receive.ts";
import type { Replies, Wait } from "./replies.ts";
import { type CallState, isTerminal } from "./state.ts";

/** Opens handles on calls, made here or elsewhere. */
export class Handles {
  readonly #broker: Broker;
  readonly #replies: Replies;
  readonly #inbound: Inbound;
  readonly #hooks: Hooks | undefined;
  readonly #open = new Set<(error: AnyTaskError) => void>();
  readonly #pauses: PauseView;
  #closed = false;

  constructor(broker: Broker, replies: Replies, inbound: Inbound, hooks?: Hooks) {
    this.#broker = broker;
    this.#pauses = new PauseView(broker);
    this.#replies = replies;
    this.#inbound = inbound;
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
      status: () => told(async () => this.#statusOf(declaration, id, await read())),
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
      progress: (reading) => this.#progress(declaration, id, unique, reading),
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
    const until = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    for (let left = options; ; left = { ...options, timeoutMs: Math.max(0, Math.ceil(until - performance.now())) }) {
      const settled = await this.#waitForEnd(declaration, id, unique, left);
      if (options.once !== true) return settled;
      // Of those who read it at a time, the one who deletes it has it.
      const outcome = await this.#forget(declaration.queue, id);
      if (outcome === "forgotten") return settled;
      if (outcome === "unknown") throw this.#error(declaration, id, "not_found", "somebody else has read it, once");
      // It was replayed since: its next end is waited for.
    }
  }

  async #waitForEnd(declaration: Declaration, id: string, unique: boolean, options: WaitOptions): Promise<Settled> {
    const { timeoutMs, signal } = options;
    if (signal?.aborted === true) throw this.#error(declaration, id, "canceled", "waiting for it was given up");
    return new Promise((resolve, reject) => {
      const stop = this.#follow(declaration, id, unique, {
        ended: (record) => end(() => resolve(receive(declaration, id, record, this.#inbound))),
        failed: (error) => end(() => reject(error)),
      });
      const giveUp = () => end(() => reject(this.#error(declaration, id, "canceled", "waiting for it was given up")));
      const late = (): void => {
        const reason = `it has not ended within ${timeoutMs} ms`;
        void this.#pauseOf(declaration, id).then((paused) =>
          end(() => reject(this.#error(declaration, id, "deadline_exceeded", reason + paused))),
        );
      };
      const undo = after(timeoutMs ?? Number.POSITIVE_INFINITY, late);
      const unlisten = signal && onAbort(signal, giveUp);
      const end = (settle: () => void) => {
        undo();
        unlisten?.();
        stop();
        settle();
      };
    });
  }

  /** What keeps a call that waits from being started, in words that follow others. */
  async #pauseOf(declaration: Declaration, id: string): Promise<string> {
    const now = performance.now();
    const look = async (): Promise<string> => {
      const looked = this.#pauses.look(declaration, now);
      const [call] = await this.#broker.read(declaration.queue, [id]);
      await looked;
      const paused = call?.state === "queued" ? this.#pauses.known(declaration, now) : undefined;
      return paused === undefined ? "" : `; ${paused}`;
    };
    const words = look().catch(() => "");
    return (await settles(words, lastLookMs)) ? words : "";
  }

  #progress(
    declaration: Declaration,
    id: string,
    unique: boolean,
    { signal }: ProgressReading = {},
  ): AsyncIterableIterator<never, void> {
    return new PushedValues<Uint8Array, never>({
      begin: ({ push, end, fail }) => {
        const giveUp = () => fail(this.#error(declaration, id, "canceled", "waiting for its progress was given up"));
        const unlisten = signal && onAbort(signal, giveUp);
        const unfollow = this.#follow(declaration, id, unique, { progress: push, ended: end, failed: fail });
        if (signal?.aborted === true) giveUp();
        return () => {
          unlisten?.();
          unfollow();
        };
      },
      read: (bytes) => {
        const told = this.#inbound.progress(declaration, id, bytes);
        return told && { value: declaration.progress.pass(told.value) as never };
      },
      // Whoever reads slowly gets the newest: progress is a state, not a log.
      trim: (kept) => void (kept.length > maxHeard && kept.shift()),
    });
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

  #statusOf(declaration: Declaration, id: string, { state, record, progress }: StoredCall): CallStatus {
    const header = headerOf(record);
    const ended = header?.attempt ?? 0;
    const origin = record.length > this.#inbound.maxBytes ? undefined : requestIn(record);
    const told = progress && this.#inbound.progress(declaration, id, progress);
    return {
      state,
      attempt: state === "running" ? ended + 1 : ended,
      deaths: header?.deaths ?? 0,
      progress: told && declaration.progress.pass(told.value),
      parentId: origin?.parent,
      rootId: origin?.root ?? origin?.parent,
      metadata: origin?.metadata,
    };
  }

  #error(declaration: Declaration, id: string, code: TaskErrorCode, reason: string): AnyTaskError {
    return new TaskError<string, unknown>(code, reason, about({ declaration, id }));
  }
}

/** How long a wait whose time is up may last for the reason, ms. */
const lastLookMs = 100;

/** Progress values that are kept for a reader who is slower than the handler. */
const maxHeard = 1_000;

/** A malformed one is for a worker to park. */
function headerOf(record: Uint8Array): Header | undefined {
  try {
    return readHeader(record);
  } catch {
    return undefined;
  }
}
