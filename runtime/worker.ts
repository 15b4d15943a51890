import type { Broker, Keepers, ServedQueue, Unsubscribe } from "./broker.ts";
import { Claims } from "./claims.ts";
import { after, pause, settles } from "./clock.ts";
import type { Declaration } from "./declaration.ts";
import { defaultMaxBytes } from "./defaults.ts";
import { TaskError } from "./errors.ts";
import { versionTask } from "./execution.ts";
import { Executions } from "./executions.ts";
import { protocolVersion } from "./header.ts";
import { Health, type WorkerHealth } from "./health.ts";
import { mostHolders } from "./held-slots.ts";
import type { BoundTask } from "./implementation.ts";
import { workerChannel } from "./keys.ts";
import { Leases } from "./leases.ts";
import type { ToldLimits } from "./limits.ts";
import { LockRoom } from "./lock-room.ts";
import { childLogger, type Logger, streamLogger } from "./log.ts";
import { NestedCalls } from "./nested-calls.ts";
import { Reaper } from "./reaper.ts";
import { Reports } from "./reports.ts";
import { Scheduler } from "./scheduler.ts";
import { onStopSignals } from "./signals.ts";
import { defaultConcurrency, type WorkerOptions } from "./worker-options.ts";

const defaultLeaseMs = 15_000;
const defaultGraceMs = 10_000;
const defaultUnhealthyAfterMs = 30_000;
const longestBeatMs = 1_000;
/** How long a presence holds without a beat, in beats. */
const presenceBeats = 5;
/** How many beats there must be without progress before a worker is unhealthy. */
const fewBeats = 2;
/** How long a broker that does not answer is waited for with what is to be said at the end, if there is a hurry, ms. */
const lastWordsMs = 500;

/** What a {@link RunningWorker} is made of, besides its options. */
export interface WorkerParts {
  readonly id: string;
  readonly broker: Broker;
  readonly keepers: Keepers | undefined;
  readonly tasks: ReadonlyMap<string, BoundTask>;
}

/** A worker that was told to run: the methods are those of {@link Worker}. */
export class RunningWorker {
  readonly id: string;
  readonly #own: boolean;
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #queues: readonly ServedQueue[];
  readonly #concurrency: number;
  readonly #leaseMs: number;
  readonly #graceMs: number;
  readonly #handleSignals: boolean;
  readonly #stopWhenStuck: boolean;
  readonly #leases: Leases;
  readonly #locks: LockRoom;
  readonly #executions: Executions;
  readonly #claims: Claims;
  readonly #reports: Reports;
  readonly #nested: NestedCalls;
  readonly #reaper: Reaper;
  readonly #scheduler: Scheduler;
  readonly #health: Health;
  readonly #stopping = new AbortController();
  /** Ends all patience. */
  readonly #hurry = new AbortController();
  /** The loop of claims. */
  #claiming: Promise<void> | undefined;
  #run: Promise<void> | undefined;
  #stop: Promise<void> | undefined;
  /** What run() is to reject with. */
  #fault: TaskError | undefined;

  constructor(options: WorkerOptions, { id, broker, keepers, tasks }: WorkerParts) {
    const { concurrency = defaultConcurrency } = options;
    const { leaseMs = defaultLeaseMs, maxResultBytes = defaultMaxBytes } = options;
    const log = childLogger(options.log ?? streamLogger(), { worker: id });
    const queues = queuesOf(tasks);
    const intervalMs = Math.min(longestBeatMs, leaseMs / 3);
    const presenceMs = presenceBeats * intervalMs;
    this.id = id;
    this.#own = typeof options.broker === "string";
    this.#broker = broker;
    this.#log = log;
    this.#queues = queues;
    this.#concurrency = concurrency;
    this.#leaseMs = leaseMs;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#handleSignals = options.handleSignals ?? true;
    this.#stopWhenStuck = options.stopWhenStuck ?? false;
    const own = { worker: id, queues, leaseMs, log };
    this.#health = new Health({
      concurrency,
      // What is seen at beats alone can't be judged between them.
      unhealthyAfterMs: Math.max(options.unhealthyAfterMs ?? defaultUnhealthyAfterMs, fewBeats * intervalMs),
      maxStuck: options.maxStuck ?? Math.max(1, Math.floor(concurrency / 10)),
    });
    this.#leases = new Leases({ ...own, keepers, slots: mostHolders(concurrency), presenceMs, intervalMs });
    this.#reports = new Reports(this.#broker, log, (queue, reports) => {
      this.#leases.settled(queue, reports);
      this.#claims.freed();
    });
    this.#locks = new LockRoom(this.#broker, log);
    const report = this.#reports.add.bind(this.#reports);
    this.#nested = new NestedCalls(this.#broker, log);
    this.#executions = new Executions({
      worker: id,
      tasks,
      maxResultBytes,
      log,
      leases: this.#leases,
      locks: this.#locks,
      report,
      tasksFor: (registry, context) => this.#nested.tasksFor(registry, context),
      slots: concurrency,
      freed: () => this.#claims.freed(),
    });
    this.#claims = new Claims(this.#broker, {
      ...own,
      free: () => this.#free(),
      takesSuspect: () => !this.#executions.runsSuspect,
      begin: (batches) => {
        this.#health.claimed();
        this.#executions.begin(batches);
      },
      giveBack: (batches) => this.#executions.giveBack(batches),
    });
    const beat = { worker: id, leaseMs, presenceMs, maxDeliveries: options.maxDeliveries ?? 3 };
    this.#reaper = new Reaper(this.#broker, log, beat, {
      intervalMs,
      awake: () => this.#awake(),
      queues: () => queues.map(({ name, tasks }) => ({ name, tasks, fences: this.#leases.fences(name) })),
      lost: (queue, fence) => this.#executions.lost(queue, fence),
      // One that is stopping leaves what waits to others.
      answered: ({ waiting }) => this.#health.beaten(waiting, this.#stopping.signal.aborted ? 0 : this.#free().any),
      failed: (trouble) => this.#health.failed(trouble),
    });
    const scheduled = options.schedule === false ? [] : [...tasks.values()].map(({ declaration }) => declaration);
    this.#scheduler = new Scheduler(this.#broker, scheduled, log);
  }

  run(): Promise<void> {
    return (this.#run ??= this.#work());
  }

  stop({ graceMs = this.#graceMs }: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    if (graceMs === 0) this.#hurry.abort();
    this.#stopping.abort();
    this.#stop ??= this.#end(graceMs);
    // What kept it from running is run()'s to tell.
    return Promise.all([this.#stop, this.#run?.catch(() => undefined)]).then(() => undefined);
  }

  health(): WorkerHealth {
    return this.#health.report(this.#executions.handlers());
  }

  async #work(): Promise<void> {
    const unsubscribes: Unsubscribe[] = [];
    const unlisten = this.#handleSignals
      ? onStopSignals((again) => void this.stop(again ? { graceMs: 0 } : {}))
      : undefined;
    try {
      for (const { name } of this.#queues) {
        if (this.#stopping.signal.aborted) return;
        const unsubscribe = await this.#broker.subscribe(workerChannel(name), (notice) => {
          if (notice.kind === "canceled") this.#executions.canceled(name, notice.id, notice.fence);
        });
        unsubscribes.push(unsubscribe);
      }
      if (this.#stopping.signal.aborted) return;
      this.#leases.warn();
      await this.#reaper.start();
      await this.#scheduler.start();
      this.#log.info({ queues: this.#queues.map(({ name }) => name), concurrency: this.#concurrency }, "listening");
      if (!this.#stopping.signal.aborted) await (this.#claiming = this.#claims.run());
      await (this.#stop ??= this.#end(this.#graceMs));
      if (this.#fault !== undefined) throw this.#fault;
      this.#log.info({}, "stopped");
    } finally {
      await this.#scheduler.stop(lastWordsMs);
      await this.#leases.stop();
      await this.#reaper.stop(lastWordsMs);
      unlisten?.();
      const silent = [this.#locks.close(), ...unsubscribes.map((unsubscribe) => unsubscribe())];
      await settles(Promise.allSettled(silent), lastWordsMs);
      await settles(this.#nested.close(), lastWordsMs);
      if (this.#own) await this.#broker.close();
    }
  }

  /** Slots that are free. Reports that the broker does not take hold theirs back, so that memory stays bounded. */
  #free(): { readonly any: number; readonly nested: number } {
    const { any, nested } = this.#executions.free;
    const held = Math.max(0, this.#reports.open - this.#concurrency);
    return { any: any - held, nested: nested - held };
  }

  /** At each beat. */
  #awake(): void {
    this.#leases.beat();
    if (this.#health.reopens()) {
      this.#log.warn({}, "calls wait and none is claimed: connecting anew");
      this.#claims.reopen();
    }
    const handlers = this.#executions.handlers();
    if (!this.#stopWhenStuck || this.#stop !== undefined || !this.#health.isStuck(handlers)) return;
    this.#fault = new TaskError("resource_exhausted", this.#health.report(handlers).problems.join("; "));
    void this.stop();
  }

  async #end(graceMs: number): Promise<void> {
    const { signal: hurry } = this.#hurry;
    this.#claims.stop();
    await this.#scheduler.stop(lastWordsMs);
    await this.#claiming;
    const done = new AbortController();
    await Promise.race([this.#executions.done(), pause(graceMs, AbortSignal.any([hurry, done.signal]))]);
    done.abort(); // The grace's timer is not to keep the process.
    this.#executions.release();
    // Answers are worth waiting for a broker that is away: as long as their leases hold, or, in a hurry, for a moment.
    const patience = new AbortController();
    const limits = [after(this.#leaseMs, () => patience.abort())];
    const hasten = (): void => void limits.push(after(lastWordsMs, () => patience.abort()));
    if (hurry.aborted) hasten();
    else hurry.addEventListener("abort", hasten, { once: true });
    await this.#reports.drained(patience.signal);
    hurry.removeEventListener("abort", hasten);
    for (const undo of limits) undo();
    await this.#leases.stop();
    await this.#reaper.stop(lastWordsMs);
  }
}

/** The queues of some tasks, each with the tasks that wait in it. */
function queuesOf(tasks: ReadonlyMap<string, BoundTask>): ServedQueue[] {
  const queues = new Map<string, Declaration[]>();
  for (const { declaration } of tasks.values()) {
    const declared = queues.get(declaration.queue);
    if (declared === undefined) queues.set(declaration.queue, [declaration]);
    else declared.push(declaration);
  }
  return [...queues].map(([name, declared]) => ({
    name,
    tasks: [...declared.map((one) => one.name), versionTask(protocolVersion)],
    limits: declared.filter(({ limited }) => limited).map(toldLimits),
  }));
}

function toldLimits({ name, task: { maxConcurrency, rateLimit } }: Declaration): ToldLimits {
  return { task: name, maxConcurrency, rate: rateLimit && { limit: rateLimit.limit, perMs: rateLimit.perMs } };
}
