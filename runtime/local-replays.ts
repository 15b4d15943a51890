import type { Broker, Keepers } from "./broker.ts";
import type { CpuPool } from "./cpu/pool.ts";
import { defaultMaxBytes } from "./defaults.ts";
import type { Declaration } from "./declaration.ts";
import type { Dependencies } from "./dependencies.ts";
import type { DescribeError } from "./describe-error.ts";
import { TaskError } from "./errors.ts";
import { Execution } from "./execution.ts";
import type { Hooks } from "./hooks.ts";
import { newAddress } from "./id.ts";
import type { BoundTask } from "./implementation.ts";
import type { LocalRuns } from "./local.ts";
import { Leases } from "./leases.ts";
import type { LockGiver } from "./lock-room.ts";
import { childLogger, type Logger } from "./log.ts";
import type { Operator, Replayed } from "./operator.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./real-time.ts";
import { Reports } from "./reports.ts";

const leaseMs = 15_000;
const beatMs = 1_000;

/** Where a client's replays run. */
export interface ReplayPlace {
  readonly broker: Broker;
  /** The queue that this process alone serves, if it has one. */
  readonly nodeQueue: string | undefined;
  readonly tasks: ReadonlyMap<string, BoundTask>;
  /** Where tasks with `cpu` run; undefined where there are none. */
  readonly pool: CpuPool | undefined;
  /** Whose slots they take. */
  readonly local: LocalRuns;
  readonly dependencies: Dependencies;
  readonly hooks: Hooks | undefined;
  readonly describe: DescribeError;
  readonly locks: LockGiver;
  readonly log: Logger;
}

/** Runs replayed calls in this process as a worker would: leased, with beats, and reported. */
export class LocalReplays {
  readonly #place: ReplayPlace;
  readonly #running = new Set<LocalReplay>();
  #closed = false;

  constructor(place: ReplayPlace) {
    this.#place = place;
  }

  /**
   * Takes a call that has ended, and begins to run it; its end is the broker's to tell.
   *
   * @throws TaskError `unavailable` if no slot is free or what its handler depends on can't be opened, or as the broker does.
   */
  async replay(
    operator: Operator,
    { name, queue }: Declaration,
    id: string,
    record: Uint8Array,
  ): Promise<Replayed | undefined> {
    const giveUp = this.#place.local.reserve({ nested: false });
    if (giveUp === undefined)
      throw new TaskError(
        "unavailable",
        "all local slots are taken; raise localConcurrency, or replay it without local",
      );
    const worker = newAddress();
    let keepers: Keepers | undefined;
    let replayed: Replayed | undefined;
    let sentAt = 0;
    try {
      await this.#place.dependencies.open(this.#place.tasks.get(name)!);
      keepers = await this.#place.broker.keepers?.();
      sentAt = performance.now();
      replayed = await operator.replay(queue, id, { record, lease: { worker, leaseMs } });
    } finally {
      if (replayed?.outcome !== "leased") giveUp();
    }
    if (replayed?.outcome !== "leased") return replayed;
    let run: LocalReplay;
    try {
      run = new LocalReplay(this.#place, keepers, worker, { ...replayed, at: sentAt, queue, id, record });
    } catch (error) {
      giveUp();
      throw error; // Its lease lapses, and a worker runs it.
    }
    this.#running.add(run);
    void run.over.then(() => {
      this.#running.delete(run);
      giveUp();
    });
    if (this.#closed) await run.stop();
    return replayed;
  }

  /** Resolves when the handlers that run now are done. */
  async handlersDone(): Promise<void> {
    await Promise.all([...this.#running].map(async ({ busy }) => busy));
  }

  /** Gives back what still runs, and resolves when all is told. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running].map((run) => run.stop()));
  }
}

/** A call as it was leased. */
interface Leased {
  readonly queue: string;
  readonly id: string;
  readonly record: Uint8Array;
  readonly fence: number;
  readonly now: number;
  /** When it was asked for, by `performance.now`: its lease is no older. */
  readonly at: number;
  readonly suspect: boolean;
}

/** One replay: a worker of a single call. */
class LocalReplay {
  /** Resolves when its handler is done and its end is told. */
  readonly over: Promise<void>;
  readonly #broker: Broker;
  readonly #worker: string;
  readonly #log: Logger;
  readonly #leases: Leases;
  readonly #reports: Reports;
  readonly #execution: Execution;
  readonly #stopped = new AbortController();
  readonly #patience = new AbortController();

  constructor(
    { broker, nodeQueue, tasks, pool, local, dependencies, hooks, describe, locks, log }: ReplayPlace,
    keepers: Keepers | undefined,
    worker: string,
    { queue, id, record, ...lease }: Leased,
  ) {
    this.#broker = broker;
    this.#worker = worker;
    this.#log = childLogger(log, { worker });
    const call = { id, record, suspect: lease.suspect };
    this.#leases = new Leases({
      keepers,
      slots: 1,
      worker,
      queues: [{ name: queue, tasks: [] }],
      leaseMs,
      presenceMs: 0,
      intervalMs: beatMs,
      log: this.#log,
    });
    const reports = new Reports(broker, this.#log, (from, settled) => this.#leases.settled(from, settled));
    this.#reports = reports;
    this.#execution = new Execution(
      this.#leases.claimed({ queue, fence: lease.fence, now: lease.now, at: lease.at, calls: [call] }),
      call,
      {
        worker,
        nodeQueue,
        tasks,
        pool,
        dependencies,
        hooks,
        describe,
        maxResultBytes: defaultMaxBytes,
        // Whoever replays it has chosen it.
        maxParamsBytes: Number.POSITIVE_INFINITY,
        log: this.#log,
        nest: local,
        report: (to, report) => reports.add(to, report),
        leases: this.#leases,
        locks,
      },
    );
    this.over = this.#follow();
  }

  /** Resolves when its handler is done. */
  get busy(): Promise<void> | undefined {
    return this.#execution.busy;
  }

  /** Gives it back to its queue, if it is not done. */
  stop(): Promise<void> {
    this.#execution.release();
    this.#stopped.abort();
    const giveUp = setTimeout(() => this.#patience.abort(), leaseMs);
    return this.over.finally(() => clearTimeout(giveUp));
  }

  async #follow(): Promise<void> {
    const beats = setInterval(() => void this.#beat(), beatMs);
    const { signal } = this.#stopped;
    const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await Promise.race([this.#execution.busy, stopped]);
    // A broker that is away is waited for, but by a client that was closed no longer than the lease would last.
    await this.#reports.drained(this.#patience.signal);
    clearInterval(beats);
    await this.#leases.stop();
  }

  /** Keeps the lease. It serves no queue, so that it is not present, and judges nobody. */
  async #beat(): Promise<void> {
    this.#leases.beat();
    const { queue, fence } = this.#execution;
    const beat = { worker: this.#worker, leaseMs, presenceMs: 0, maxDeliveries: 1, reap: false };
    const sentAt = performance.now();
    try {
      const { lost } = await this.#broker.renew({ ...beat, queues: [{ name: queue, tasks: [], fences: [fence] }] });
      if (lost.length === 0) return this.#leases.kept(queue, [fence], sentAt);
      const reason = "it was canceled, or its lease has lapsed and it is another's now";
      this.#execution.abort(new TaskError<string, unknown>("worker_lost", reason));
    } catch (thrown) {
      // The lease outlasts many beats.
      this.#log.warn({ error: TaskError.from(thrown, "internal").message }, "a beat failed; trying again");
    }
  }
}
