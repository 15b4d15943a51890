import type {
  Beat,
  BeatReply,
  Broker,
  ClaimedBatch,
  ClaimRequest,
  Notice,
  Presence,
  ReadOptions,
  Report,
  StoredCall,
  SubmitBatch,
  Submitted,
  Unsubscribe,
  Verdict,
} from "../broker.ts";
import { type Clock, systemClock } from "../clock.ts";
import { TaskError } from "../errors.ts";
import { isTerminal } from "../state.ts";
import { stored } from "./memory/call.ts";
import { cancel, revoke } from "./memory/cancel.ts";
import { MemoryLocks } from "./memory/locks.ts";
import { MemoryOperator } from "./memory/operator.ts";
import { renew } from "./memory/renew.ts";
import { report } from "./memory/report.ts";
import { Store } from "./memory/store.ts";
import { submit } from "./memory/submit.ts";
import { MemoryTimetable } from "./memory/timetable.ts";

/** How a memory broker is opened. */
export interface MemoryOptions {
  readonly namespace: string;
  /** For tests: all connections to one store share it. @default this machine's clock */
  readonly clock?: Clock | undefined;
}

/** What this process has in memory, by URL and namespace. */
const stores = new Map<string, { readonly store: Store; connections: number }>();

/**
 * Opens a connection to the memory broker of a URL: `memory:` or `memory:name`, each one broker in this process
 * (and copy of this package), that no other process reaches. What it holds stays after the last connection has been
 * closed, as it does with a server; only an empty one goes.
 */
export function openMemory(url: string, options: MemoryOptions): Broker {
  const name = url.replace(/^memory:(\/\/)?/i, "");
  const key = JSON.stringify([name, options.namespace]);
  const clock = options.clock ?? systemClock;
  let shared = stores.get(key);
  if (shared === undefined) stores.set(key, (shared = { store: new Store(clock), connections: 0 }));
  if (options.clock !== undefined && shared.store.clock !== clock) {
    throw new TaskError("invalid_argument", `memory:${name} is open with another clock`);
  }
  shared.connections++;
  const { store } = shared;
  return new MemoryConnection(store, () => {
    if (--shared.connections === 0 && store.empty && stores.get(key) === shared) stores.delete(key);
  });
}

/** Opens the only connection to a memory broker of its own, and what is behind it: all of it goes with the connection. */
export function openPrivateMemory(clock: Clock): { readonly broker: Broker; readonly store: Store } {
  const store = new Store(clock);
  return { broker: new MemoryConnection(store, () => undefined), store };
}

/** One connection: what it waits for and hears ends with it. */
class MemoryConnection implements Broker {
  readonly #store: Store;
  readonly #left: () => void;
  readonly #closed = new AbortController();
  readonly #subscriptions = new Set<() => void>();

  constructor(store: Store, left: () => void) {
    this.#store = store;
    this.#left = left;
  }

  async submit(queue: string, batch: SubmitBatch): Promise<readonly Submitted[]> {
    return submit(this.#open().queue(queue), batch, this.#now());
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    const store = this.#open();
    if (request.signal.aborted) return [];
    const batches = store.claim(request);
    if (batches.length > 0 || request.waitMs <= 0) return batches;
    return store.bell.wait(request, this.#closed.signal);
  }

  async finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]> {
    const store = this.#open();
    const verdicts = report(store.queue(queue), reports, this.#now());
    store.sweepLater();
    return verdicts;
  }

  async renew(beat: Beat): Promise<BeatReply> {
    const store = this.#open();
    const replies = beat.queues.map((served) => renew(store.queue(served.name), served, beat, this.#now()));
    store.sweepLater();
    return {
      lost: replies.flatMap(({ lost }) => lost),
      reaped: replies.reduce((sum, { reaped }) => sum + reaped, 0),
      waiting: replies.reduce((sum, { waiting }) => sum + waiting, 0),
    };
  }

  async cancel(queue: string, id: string): Promise<StoredCall | undefined> {
    const store = this.#open();
    const call = cancel(store.queue(queue), id, this.#now());
    store.sweepLater();
    return call;
  }

  async revoke(queue: string, id: string, nonce: string): Promise<boolean> {
    const store = this.#open();
    const revoked = revoke(store.queue(queue), id, nonce, this.#now());
    store.sweepLater();
    return revoked;
  }

  async read(
    queue: string,
    ids: readonly string[],
    options: ReadOptions = {},
  ): Promise<readonly (StoredCall | undefined)[]> {
    const held = this.#open().queue(queue);
    return ids.map((id) => {
      const call = held.find(id, this.#now());
      if (call === undefined) return undefined;
      const { waiter } = options;
      if (waiter !== undefined && waiter !== call.to && !isTerminal(call.state))
        (call.waiters ??= new Set()).add(waiter);
      return stored(call);
    });
  }

  async subscribe(channel: string, listener: (notice: Notice) => void): Promise<Unsubscribe> {
    const stop = this.#open().channels.hear(channel, listener);
    this.#subscriptions.add(stop);
    return async () => {
      stop();
      this.#subscriptions.delete(stop);
    };
  }

  async presence(queue: string): Promise<readonly Presence[]> {
    const now = this.#open().clock.now();
    const listeners = [...this.#store.queue(queue).listeners.values()];
    return listeners.filter(({ until }) => until > now).map(({ worker, tasks, info }) => ({ worker, tasks, info }));
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    for (const stop of this.#subscriptions) stop();
    this.#subscriptions.clear();
    this.#left();
  }

  #now(): number {
    return this.#store.clock.now();
  }

  readonly #open = (): Store => {
    if (this.#closed.signal.aborted)
      throw new TaskError("unavailable", "the connection to the memory broker is closed");
    return this.#store;
  };

  readonly operator = new MemoryOperator(this.#open);

  readonly timetable = new MemoryTimetable(this.#open);

  readonly locks = new MemoryLocks(this.#open);
}
