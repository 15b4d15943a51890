import { hostname } from "node:os";
import type { Broker, ClaimedBatch, Keepers, PresenceInfo, ServedQueue, Unsubscribe } from "./broker.ts";
import { ClaimLoops } from "./claim-loops.ts";
import type { FreeSlots } from "./claims.ts";
import { after, pause, settles } from "./clock.ts";
import { CpuPool } from "./cpu/pool.ts";
import { poolSettings } from "./cpu/pool-options.ts";
import { defaultGraceMs, defaultMaxBytes, defaultMaxReadBytes, lastWordsMs } from "./defaults.ts";
import { Dependencies } from "./dependencies.ts";
import type { DescribeError } from "./describe-error.ts";
import { TaskError } from "./errors.ts";
import { Executions } from "./executions.ts";
import { Health, type WorkerHealth } from "./health.ts";
import { mostHolders } from "./held-slots.ts";
import { Hooks } from "./hooks.ts";
import type { BoundTask } from "./implementation.ts";
import { workerChannel } from "./keys.ts";
import { Leases } from "./leases.ts";
import { LockRoom } from "./lock-room.ts";
import { childLogger, inMakersContext, type Logger, loggerOf } from "./log.ts";
import { NestedCalls } from "./nested-calls.ts";
import { NodeDuty } from "./node-duty.ts";
import { ownersTold, warnOfOwners } from "./owners.ts";
import { performance } from "./real-time.ts";
import { Reaper } from "./reaper.ts";
import { Reports } from "./reports.ts";
import { Scheduler } from "./scheduler.ts";
import { declaredIn, nodeQueueServed, poolQueuesOf, queuesOf } from "./served-queues.ts";
import { onStopSignals } from "./signals.ts";
import { Throughput } from "./throughput.ts";
import { Undertaker } from "./undertaker.ts";
import { version } from "./version.ts";
import { defaultConcurrency, type WorkerOptions } from "./worker-options.ts";

const defaultLeaseMs = 15_000;
const defaultUnhealthyAfterMs = 30_000;
/** How long the last reports are sent again after the grace, ms. */
const lastReportsMs = 2_000;
const longestBeatMs = 1_000;
/** How long a presence holds without a beat, in beats. */
const presenceBeats = 5;
/** How many beats there must be without progress before a worker is unhealthy. */
const fewBeats = 2;

/** What a {@link RunningWorker} is made of, besides its options. */
export interface WorkerParts {
  readonly id: string;
  readonly broker: Broker;
  readonly keepers: Keepers | undefined;
  readonly tasks: ReadonlyMap<string, BoundTask>;
  /** Those that run in a pool. */
  readonly pooled: readonly BoundTask[];
  /** The queue that it alone serves, if there is one. */
  readonly nodeQueue: string | undefined;
  /** What is said of errors that its handlers throw. */
  readonly describe: DescribeError;
  /** Whether it leaves the queues of its tasks to others. @default false */
  readonly onlyNode?: boolean | undefined;
}

/** A worker that was told to run: the methods are those of {@link Worker}. */
export class RunningWorker {
  readonly id: string;
  readonly #own: boolean;
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #queues: readonly ServedQueue[];
  readonly #concurrency: number;
  readonly #graceMs: number;
  readonly #handleSignals: boolean;
  readonly #stopWhenStuck: boolean;
  readonly #tasks: ReadonlyMap<string, BoundTask>;
  readonly #dependencies: Dependencies;
  readonly #leases: Leases;
  readonly #locks: LockRoom;
  readonly #executions: Executions;
  /** The loops of claims: one for calls that run in the event loop, one for those that run in the pool. */
  readonly #claims: ClaimLoops;
  /** Where tasks with `cpu` run; undefined where there are none. */
  readonly #pool: CpuPool | undefined;
  readonly #pooled: readonly BoundTask[];
  /** Queues of nothing but such tasks: no more is claimed of them than can begin. */
  readonly #poolQueues: ReadonlySet<string>;
  readonly #reports: Reports;
  readonly #nested: NestedCalls;
  readonly #reaper: Reaper;
  readonly #scheduler: Scheduler;
  /** What it does for the queue that it alone serves, if there is one. */
  readonly #node: NodeDuty | undefined;
  readonly #toldNode: Pick<PresenceInfo, "nodeQueue"> | undefined;
  readonly #undertaker: Undertaker;
  readonly #health: Health;
  readonly #throughput = new Throughput();
  readonly #begun = performance.now();
  readonly #stopping = new AbortController();
  /** Ends all patience. */
  readonly #hurry = new AbortController();
  /** The loop of claims. */
  #claiming: Promise<void> | undefined;
  #run: Promise<void> | undefined;
  #stop: Promise<void> | undefined;
  /** The end of what its handlers depend on. */
  #closing: Promise<void> | undefined;
  /** What run() is to reject with. */
  #fault: TaskError | undefined;

  constructor(options: WorkerOptions, parts: WorkerParts) {
    const { id, broker, keepers, tasks, pooled, nodeQueue, describe, onlyNode = false } = parts;
    const { concurrency = defaultConcurrency } = options;
    const { leaseMs = defaultLeaseMs, maxResultBytes = defaultMaxBytes } = options;
    const { maxParamsBytes = defaultMaxReadBytes } = options;
    // A handler's and a hook's own lines are written in their context, as if they called the logger themselves.
    const written = childLogger(loggerOf(options.log), { worker: id });
    const log = inMakersContext(written);
    const usual = onlyNode ? [] : queuesOf(tasks);
    const node = nodeQueue === undefined ? undefined : nodeQueueServed(tasks, nodeQueue);
    const queues = node === undefined ? usual : [...usual, node];
    this.#pooled = pooled;
    this.#pool = pooled.length === 0 ? undefined : new CpuPool(poolSettings(options.pool), log);
    this.#poolQueues = poolQueuesOf(tasks, nodeQueue);
    const slots = concurrency + (this.#pool?.size ?? 0);
    const intervalMs = Math.min(longestBeatMs, leaseMs / 3);
    const presenceMs = presenceBeats * intervalMs;
    this.id = id;
    this.#own = typeof options.broker === "string";
    this.#broker = broker;
    this.#log = log;
    this.#queues = queues;
    this.#tasks = tasks;
    this.#dependencies = new Dependencies(log);
    this.#concurrency = concurrency;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#handleSignals = options.handleSignals ?? true;
    this.#stopWhenStuck = options.stopWhenStuck ?? false;
    const own = { worker: id, queues, leaseMs, log };
    this.#health = new Health({
      concurrency: slots,
      // What is seen at beats alone can't be judged between them.
      unhealthyAfterMs: Math.max(options.unhealthyAfterMs ?? defaultUnhealthyAfterMs, fewBeats * intervalMs),
      maxStuck: options.maxStuck ?? Math.max(1, Math.floor(slots / 10)),
    });
    this.#leases = new Leases({
      ...own,
      keepers,
      slots: mostHolders(concurrency) + (this.#pool?.size ?? 0),
      presenceMs,
      intervalMs,
    });
    this.#reports = new Reports(this.#broker, log, (queue, reports) => {
      this.#leases.settled(queue, reports);
      this.#throughput.ended(queue, reports);
      this.#claims.freed();
    });
    this.#locks = new LockRoom(this.#broker, log);
    const report = this.#reports.add.bind(this.#reports);
    this.#nested = new NestedCalls(this.#broker, options.hooks, log);
    this.#executions = new Executions({
      worker: id,
      nodeQueue,
      tasks,
      pool: this.#pool,
      dependencies: this.#dependencies,
      hooks: Hooks.of(options.hooks, log),
      describe,
      maxResultBytes,
      maxParamsBytes,
      log: written,
      leases: this.#leases,
      locks: this.#locks,
      report,
      tasksFor: (registry, context) => this.#nested.tasksFor(registry, context),
      slots: concurrency,
      poolQueues: this.#poolQueues,
      freed: () => this.#claims.freed(),
    });
    const begin = (batches: readonly ClaimedBatch[]): void => {
      this.#health.claimed();
      this.#executions.begin(batches);
    };
    const giveBack = (batches: readonly ClaimedBatch[]): void => this.#executions.giveBack(batches);
    const suspects = () => this.#executions.suspects;
    const inPool = ({ name }: ServedQueue): boolean => this.#poolQueues.has(name);
    const later = (pool: boolean) => (node !== undefined && inPool(node) === pool ? node : undefined);
    this.#claims = new ClaimLoops(this.#broker, { ...own, maxRecordBytes: maxParamsBytes, suspects, begin, giveBack }, [
      { queues: usual.filter((queue) => !inPool(queue)), later: later(false), free: () => this.#free() },
      { queues: usual.filter(inPool), later: later(true), free: () => this.#freeInPool() },
    ]);
    this.#node =
      node && new NodeDuty(this.#broker, log, { worker: id, node, serves: (serves) => this.#claims.serve(serves) });
    const beat = { worker: id, leaseMs, presenceMs, maxDeliveries: options.maxDeliveries ?? 3 };
    const owners = new Map(queues.map(({ name, tasks: served }) => [name, ownersTold(declaredIn(served, tasks))]));
    this.#reaper = new Reaper(this.#broker, log, beat, {
      intervalMs,
      awake: () => this.#awake(),
      queues: () => {
        const told = this.#told();
        // Who stands by for a queue is not there yet.
        const present = queues.filter(({ name }) => name !== nodeQueue || this.#isOnDuty(name));
        return present.map(({ name, tasks }) => {
          const info = { ...told, ...owners.get(name), perSecond: this.#throughput.perSecond(name) };
          return { name, tasks, fences: this.#leases.fences(name), info };
        });
      },
      lost: (queue, fence) => this.#executions.lost(queue, fence),
      kept: (queue, fences, sentAt) => this.#leases.kept(queue, fences, sentAt),
      // One that is stopping leaves what waits to others.
      answered: ({ waiting }) =>
        this.#health.beaten(waiting, this.#stopping.signal.aborted ? 0 : this.#freeEverywhere()),
      failed: (trouble) => this.#health.failed(trouble),
    });
    this.#toldNode = nodeQueue === undefined ? undefined : { nodeQueue };
    this.#undertaker = new Undertaker(this.#broker, log, { own: node && { queue: node.name, tasks: node.tasks } });
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
      // Before anything can be claimed. What hangs is not waited for when it is stopped meanwhile.
      await Promise.race([this.#dependencies.openAll(this.#tasks.values()), pause(Infinity, this.#stopping.signal)]);
      for (const { name } of this.#queues) {
        if (this.#stopping.signal.aborted) return;
        const unsubscribe = await this.#broker.subscribe(workerChannel(name), (notice) => {
          if (notice.kind === "canceled") this.#executions.canceled(name, notice.id, notice.fence);
        });
        unsubscribes.push(unsubscribe);
      }
      if (this.#stopping.signal.aborted) return;
      if (!(await this.#poolIsReady())) return;
      this.#leases.warn();
      await this.#node?.begin();
      await this.#reaper.start();
      await warnOfOwners(this.#broker, this.#log, this.#queues);
      await this.#node?.make();
      this.#undertaker.start();
      await this.#scheduler.start();
      this.#log.info({ queues: this.#queues.map(({ name }) => name), concurrency: this.#concurrency }, "listening");
      if (!this.#stopping.signal.aborted) await (this.#claiming = this.#claims.run());
      await (this.#stop ??= this.#end(this.#graceMs));
      if (this.#fault !== undefined) throw this.#fault;
      this.#log.info({}, "stopped");
    } finally {
      await this.#scheduler.stop(lastWordsMs);
      await this.#leases.stop();
      await settles(this.#undertaker.stop(), lastWordsMs);
      await this.#node?.leave(lastWordsMs);
      await this.#reaper.stop(lastWordsMs);
      await this.#node?.end(lastWordsMs);
      await this.#pool?.stop();
      // Where it was not closed before, no handler has run.
      await this.#close(this.#graceMs);
      unlisten?.();
      const silent = [this.#locks.close(), ...unsubscribes.map((unsubscribe) => unsubscribe())];
      await settles(Promise.allSettled(silent), lastWordsMs);
      await settles(this.#nested.close(), lastWordsMs);
      if (this.#own) await this.#broker.close();
    }
  }

  /** Whether it serves its node queue, or still runs calls of it. */
  #isOnDuty(queue: string): boolean {
    return this.#node?.serves === true || this.#leases.fences(queue).length > 0;
  }

  /** What it tells of itself with its beats. */
  #told(): Omit<PresenceInfo, "perSecond"> {
    const uptimeMs = Math.round(performance.now() - this.#begun);
    const { running, concurrency } = this.health();
    return { host: hostname(), pid: process.pid, version, ...this.#toldNode, uptimeMs, concurrency, running };
  }

  /** @returns false if it was stopped meanwhile. @throws TaskError `invalid_argument` if a handler is not to be found. */
  async #poolIsReady(): Promise<boolean> {
    const { signal } = this.#stopping;
    await this.#pool?.look(this.#pooled).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    return !signal.aborted;
  }

  /** Slots that are free. */
  #free(): FreeSlots {
    const { any, nested } = this.#executions.free;
    const held = this.#heldBack();
    return { any: any - held, nested: nested - held };
  }

  #freeInPool(): FreeSlots {
    const free = (this.#pool?.free ?? 0) - this.#executions.duePooled - this.#heldBack();
    return { any: free, nested: free };
  }

  /** Slots that are free if calls of any queue may have one; else it can't be told whom those that wait wait for. */
  #freeEverywhere(): number {
    const { any } = this.#free();
    return this.#poolQueues.size === 0 ? any : Math.min(any, this.#freeInPool().any);
  }

  /** Reports that the broker does not take hold slots back, so that memory stays bounded. */
  #heldBack(): number {
    return Math.max(0, this.#reports.open - this.#concurrency);
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

  /** However long the broker is away, it takes little more than the grace. */
  async #end(graceMs: number): Promise<void> {
    const { signal: hurry } = this.#hurry;
    const until = performance.now() + graceMs;
    const leftMs = (): number => Math.max(0, until - performance.now());
    this.#claims.stop();
    await this.#scheduler.stop(lastWordsMs);
    await this.#claiming;
    await this.#node?.leave(lastWordsMs);
    const done = new AbortController();
    await Promise.race([this.#executions.done(), pause(leftMs(), AbortSignal.any([hurry, done.signal]))]);
    done.abort(); // The grace's timer is not to keep the process.
    this.#executions.release();
    await this.#pool?.stop();
    // Answers are worth waiting for a broker that is away: for the rest of the grace, or, in a hurry, for a moment.
    const patience = new AbortController();
    const limits = [after(Math.max(leftMs(), lastReportsMs), () => patience.abort())];
    const hasten = (): void => void limits.push(after(lastWordsMs, () => patience.abort()));
    if (hurry.aborted) hasten();
    else hurry.addEventListener("abort", hasten, { once: true });
    await this.#reports.drained(patience.signal);
    hurry.removeEventListener("abort", hasten);
    for (const undo of limits) undo();
    await this.#leases.stop();
    await this.#reaper.stop(lastWordsMs);
    await this.#close(Math.max(leftMs(), lastWordsMs));
  }

  /** Closes what its handlers depend on when the last of them is done; in a hurry, it is waited for only for a moment. */
  #close(graceMs: number): Promise<void> {
    return (this.#closing ??= this.#dependencies.closeAfter(this.#executions.done(), graceMs, this.#hurry.signal));
  }
}
