import { batchLimit } from "./batch.ts";
import type { Broker, ClaimedCall, ServedQueue, Unsubscribe } from "./broker.ts";
import { openBroker } from "./brokers/open.ts";
import { checkCount, checkDuration, checkNames } from "./checks.ts";
import { pause } from "./clock.ts";
import { defaultMaxBytes, defaultNamespace } from "./defaults.ts";
import { protocolVersion } from "./header.ts";
import { TaskError } from "./errors.ts";
import { Execution, type ExecutionSettings, versionTask } from "./execution.ts";
import { newAddress } from "./id.ts";
import { type BoundTask, boundTasks, type Implementation } from "./implementation.ts";
import { workerChannel } from "./keys.ts";
import { type Lease, Leases } from "./leases.ts";
import { childLogger, type Logger, streamLogger } from "./log.ts";
import { Reaper } from "./reaper.ts";
import { Reports } from "./reports.ts";
import { onStopSignals } from "./signals.ts";

/** How a worker is set up. */
export interface WorkerOptions {
  /** Where its queues are: `memory:`, or a broker that was made before (which the worker then does not close). */
  readonly broker: string | Broker;
  /** What it runs; it listens to the queues of their tasks. */
  readonly implementations: readonly Implementation[];
  /** How many calls it runs at a time. @default 100 */
  readonly concurrency?: number | undefined;
  /** What sets this application's keys apart from others'. @default "taskpact" */
  readonly namespace?: string | undefined;
  /** How long a call stays its own without a sign of life, ms. @default 15_000 */
  readonly leaseMs?: number | undefined;
  /** How long running calls may take to finish when it is stopped, ms. @default 10_000 */
  readonly graceMs?: number | undefined;
  /** How often workers may die with a call before it is parked. @default 3 */
  readonly maxDeliveries?: number | undefined;
  /** The largest reply, bytes as encoded. @default 1_048_576 */
  readonly maxResultBytes?: number | undefined;
  /**
   * Whether SIGTERM and SIGINT stop it while it runs: the first within `graceMs`, a second one at once. The process then
   * ends by itself if nothing else keeps it. @default true
   */
  readonly handleSignals?: boolean | undefined;
  /** @default lines on standard error */
  readonly log?: Logger | undefined;
}

/** The side that runs calls. */
export interface Worker {
  /** Its name among the workers. */
  readonly id: string;
  /**
   * Runs calls until it is stopped; resolves then.
   *
   * @throws TaskError if the broker can't be reached at the start; later losses are waited out.
   */
  run(): Promise<void>;
  /**
   * Takes no more calls, lets running ones finish, gives the rest back, and resolves when all is told.
   *
   * @param options.graceMs - how long running calls may take, ms; 0 gives them back at once, also after an earlier stop.
   */
  stop(options?: { readonly graceMs?: number | undefined }): Promise<void>;
}

const knownOptions: readonly (keyof WorkerOptions)[] = [
  "broker",
  "implementations",
  "concurrency",
  "namespace",
  "leaseMs",
  "graceMs",
  "maxDeliveries",
  "maxResultBytes",
  "handleSignals",
  "log",
];

/** Makes a worker. @throws TaskError `invalid_argument` for options that can't be followed. */
export function createWorker(options: WorkerOptions): Worker {
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `createWorker(): ${reason}`);
  };
  if (options.broker === undefined) refuse('broker is missing: "memory:", or a URL of Redis');
  checkNames(options, knownOptions, refuse);
  checkCount("concurrency", options.concurrency, refuse);
  checkCount("maxDeliveries", options.maxDeliveries, refuse);
  checkCount("maxResultBytes", options.maxResultBytes, refuse);
  checkDuration("leaseMs", options.leaseMs, refuse);
  const tasks = boundTasks(options.implementations);
  if (tasks.size === 0) refuse("implementations must hold at least one task");
  return new RunningWorker(options, tasks);
}

const defaultLeaseMs = 15_000;
const defaultGraceMs = 10_000;
const longestBeatMs = 1_000;
/** How long a presence holds without a beat, in beats. */
const presenceBeats = 5;
/** How long one claim waits before it is made anew, ms. */
const waitMs = 1_000;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

class RunningWorker implements Worker {
  readonly id = newAddress();
  readonly #own: boolean;
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #concurrency: number;
  readonly #leaseMs: number;
  readonly #graceMs: number;
  readonly #queues: ServedQueue[];
  readonly #leases: Leases;
  readonly #reports: Reports;
  readonly #reaper: Reaper;
  readonly #settings: ExecutionSettings;
  readonly #running = new Set<Execution>();
  readonly #claiming = new AbortController();
  /** Ends the grace of running calls. */
  readonly #hurry = new AbortController();
  readonly #handleSignals: boolean;
  /** The loop of claims, which ends when the worker is told to stop. */
  #claims: Promise<void> | undefined;
  #slotFreed: (() => void) | undefined;
  #run: Promise<void> | undefined;
  #stop: Promise<void> | undefined;

  constructor(options: WorkerOptions, tasks: ReadonlyMap<string, BoundTask>) {
    const { namespace = defaultNamespace, broker } = options;
    this.#own = typeof broker === "string";
    this.#log = childLogger(options.log ?? streamLogger(), { worker: this.id });
    this.#broker = typeof broker === "string" ? openBroker(broker, { namespace, log: this.#log }) : broker;
    this.#concurrency = options.concurrency ?? 100;
    this.#leaseMs = options.leaseMs ?? defaultLeaseMs;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#handleSignals = options.handleSignals ?? true;
    this.#queues = queuesOf(tasks);
    const intervalMs = Math.min(longestBeatMs, this.#leaseMs / 3);
    this.#leases = new Leases({
      keepers: this.#broker.keepers,
      slots: this.#concurrency,
      worker: this.id,
      queues: [...this.#queues],
      leaseMs: this.#leaseMs,
      presenceMs: presenceBeats * intervalMs,
      intervalMs,
      log: this.#log,
    });
    this.#reports = new Reports(this.#broker, this.#log, (queue, reports) => {
      this.#leases.settled(queue, reports);
      this.#slotFreed?.();
    });
    this.#settings = {
      worker: this.id,
      tasks,
      maxResultBytes: options.maxResultBytes ?? defaultMaxBytes,
      log: this.#log,
      leases: this.#leases,
      report: (queue, report) => this.#reports.add(queue, report),
    };
    const beat = {
      worker: this.id,
      leaseMs: this.#leaseMs,
      presenceMs: presenceBeats * intervalMs,
      maxDeliveries: options.maxDeliveries ?? 3,
    };
    this.#reaper = new Reaper(this.#broker, this.#log, beat, {
      intervalMs,
      awake: () => this.#leases.beat(),
      queues: () => this.#queues.map((queue) => ({ ...queue, fences: this.#leases.fences(queue.name) })),
      lost: (queue, fence) => this.#lost(queue, fence),
    });
  }

  run(): Promise<void> {
    return (this.#run ??= this.#work());
  }

  stop({ graceMs = this.#graceMs }: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    if (graceMs === 0) this.#hurry.abort();
    this.#claiming.abort();
    if (this.#run === undefined) {
      // It never ran: there is nothing to give back, and no connection was made.
      const stopped = new TaskError("unavailable", "this worker was stopped before it ran");
      this.#run = Promise.reject(stopped);
      this.#run.catch(() => undefined);
      this.#stop = this.#own ? this.#broker.close() : Promise.resolve();
    }
    this.#stop ??= this.#end(graceMs);
    // What kept it from running is run()'s to tell.
    return Promise.all([this.#stop, this.#run.catch(() => undefined)]).then(() => undefined);
  }

  async #work(): Promise<void> {
    const unsubscribes: Unsubscribe[] = [];
    const unlisten = this.#handleSignals
      ? onStopSignals((again) => void this.stop(again ? { graceMs: 0 } : {}))
      : undefined;
    try {
      for (const { name } of this.#queues) {
        if (this.#claiming.signal.aborted) return;
        const unsubscribe = await this.#broker.subscribe(workerChannel(name), (notice) => {
          if (notice.kind === "canceled") this.#canceled(name, notice.id, notice.fence);
        });
        unsubscribes.push(unsubscribe);
      }
      if (this.#claiming.signal.aborted) return;
      this.#leases.warn();
      await this.#reaper.start();
      this.#log.info({ queues: this.#queues.map(({ name }) => name), concurrency: this.#concurrency }, "listening");
      this.#claims = this.#claim();
      await this.#claims;
      await (this.#stop ??= this.#end(this.#graceMs));
      this.#log.info({}, "stopped");
    } finally {
      await this.#leases.stop();
      await this.#reaper.stop();
      unlisten?.();
      await Promise.allSettled(unsubscribes.map((unsubscribe) => unsubscribe()));
      if (this.#own) await this.#broker.close();
    }
  }

  async #claim(): Promise<void> {
    const { signal } = this.#claiming;
    let pauseMs = firstPauseMs;
    let trouble: string | undefined;
    while (!signal.aborted) {
      const limit = Math.min(this.#free(), batchLimit);
      if (limit <= 0) {
        await new Promise<void>((resolve) => (this.#slotFreed = resolve));
        continue;
      }
      try {
        const batches = await this.#broker.claim({
          worker: this.id,
          queues: this.#queuesInTurn(),
          limit,
          waitMs,
          leaseMs: this.#leaseMs,
          suspect: !this.#runsSuspect(),
          signal,
        });
        // All are held before a handler of the first may block.
        const leases = batches.map((batch) => this.#leases.claimed(batch));
        for (const [index, lease] of leases.entries()) {
          const { calls } = batches[index]!;
          if (signal.aborted) this.#giveBack(lease, calls);
          else this.#begin(lease, calls);
        }
        pauseMs = firstPauseMs;
        if (trouble !== undefined) this.#log.info({}, "claims succeed again");
        trouble = undefined;
      } catch (thrown) {
        const { message } = TaskError.from(thrown, "internal");
        // An outage is told once, and not every two seconds.
        if (message !== trouble) this.#log.warn({ error: message }, "a claim failed; trying again until it succeeds");
        trouble = message;
        await pause(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      }
    }
  }

  /** Queues are asked in the order given: each is first in its turn. */
  #queuesInTurn(): readonly ServedQueue[] {
    if (this.#queues.length > 1) this.#queues.push(this.#queues.shift()!);
    return this.#queues;
  }

  #runsSuspect(): boolean {
    for (const execution of this.#running) if (execution.suspect) return true;
    return false;
  }

  /** Slots that are free. Reports that the broker does not take hold theirs back, so that memory stays bounded. */
  #free(): number {
    return this.#concurrency - this.#running.size - Math.max(0, this.#reports.open - this.#concurrency);
  }

  #begin(lease: Lease, calls: readonly ClaimedCall[]): void {
    for (const call of calls) {
      const execution = this.#execute(lease, call);
      if (execution === undefined) continue;
      if (execution.busy === undefined) continue;
      this.#running.add(execution);
      void execution.busy.then(() => {
        this.#running.delete(execution);
        this.#slotFreed?.();
      });
    }
  }

  /** Begins one call; a fault of ours in it must not cost its neighbours theirs. */
  #execute(lease: Lease, call: ClaimedCall): Execution | undefined {
    try {
      return new Execution(lease, call, this.#settings);
    } catch (thrown) {
      const { message } = TaskError.from(thrown, "internal");
      this.#log.error({ queue: lease.queue, callId: call.id, error: message }, "a call could not be begun; given back");
      this.#reports.add(lease.queue, { kind: "release", id: call.id, fence: lease.fence });
      return undefined;
    }
  }

  /** What was claimed while the worker was told to stop. */
  #giveBack({ queue, fence }: Lease, calls: readonly ClaimedCall[]): void {
    for (const { id } of calls) this.#reports.add(queue, { kind: "release", id, fence });
  }

  #canceled(queue: string, id: string, fence: number): void {
    const error = new TaskError<string, unknown>("canceled", "the call was canceled");
    for (const execution of this.#running) {
      if (execution.id === id && execution.fence === fence && execution.queue === queue) execution.abort(error);
    }
  }

  #lost(queue: string, fence: number): void {
    const error = new TaskError<string, unknown>("worker_lost", "its lease has lapsed: the call is another's now");
    this.#leases.lost(queue, fence);
    for (const execution of this.#running) {
      if (execution.fence === fence && execution.queue === queue) execution.abort(error);
    }
  }

  async #end(graceMs: number): Promise<void> {
    this.#claiming.abort();
    this.#slotFreed?.();
    await this.#claims;
    const { signal } = this.#hurry;
    await Promise.race([Promise.allSettled([...this.#running].map(async ({ busy }) => busy)), pause(graceMs, signal)]);
    this.#hurry.abort();
    for (const execution of this.#running) execution.release();
    await this.#reports.drained(AbortSignal.timeout(this.#leaseMs));
    await this.#leases.stop();
    await this.#reaper.stop();
  }
}

/** The queues of some tasks, each with the tasks that wait in it. */
function queuesOf(tasks: ReadonlyMap<string, BoundTask>): ServedQueue[] {
  const queues = new Map<string, string[]>();
  for (const { declaration } of tasks.values()) {
    const names = queues.get(declaration.queue);
    if (names === undefined) queues.set(declaration.queue, [declaration.name]);
    else names.push(declaration.name);
  }
  return [...queues].map(([name, names]) => ({ name, tasks: [...names, versionTask(protocolVersion)] }));
}
