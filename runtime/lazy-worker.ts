import type { Broker } from "./broker.ts";
import { openBroker } from "./brokers/open.ts";
import { pooledTasks } from "./cpu/place.ts";
import { defaultNamespace } from "./defaults.ts";
import { type DescribeError, describerOf } from "./describe-error.ts";
import { TaskError } from "./errors.ts";
import type { WorkerHealth } from "./health.ts";
import { newAddress } from "./id.ts";
import { type BoundTask, boundTasks } from "./implementation.ts";
import { childLogger, inMakersContext, loggerOf } from "./log.ts";
import { nodeQueueOf } from "./node-queue.ts";
import { outside, thisContext } from "./own-context.ts";
import type * as workerModule from "./worker.ts";
import { checkWorkerOptions, defaultConcurrency, type WorkerOptions } from "./worker-options.ts";

/** The side that runs calls. */
export interface Worker {
  /** Its name among the workers. */
  readonly id: string;
  /**
   * The queue that it alone serves, if its `nodeQueue` asks for one: whoever is told of it calls exactly here, with
   * `tasks.with({ queue })`.
   */
  readonly nodeQueue: string | undefined;
  /**
   * Runs calls until it is stopped; resolves then. Called again while it runs, it is the same run.
   *
   * @throws TaskError `unavailable` if it was stopped before, as it runs once; what it says if the broker can't be reached at the start (later losses are waited out) or what the handlers
   * depend on can't be opened, or, with `stopWhenStuck`, `resource_exhausted` when too many handlers are stuck.
   */
  run(): Promise<void>;
  /**
   * Takes no more calls, lets running ones finish, gives the rest back, and resolves when all is told and what the
   * handlers depend on is closed. While the broker is away it takes no longer than `graceMs` and 5 s more.
   *
   * @param options.graceMs - how long running calls may take, and what is closed after them, ms; 0 gives them back at
   * once, also after an earlier stop.
   */
  stop(options?: { readonly graceMs?: number | undefined }): Promise<void>;
  /** How it is now: judged by its progress, and not by whether the broker answers. */
  health(): WorkerHealth;
}

/** Makes a worker. @throws TaskError `invalid_argument` for options that can't be followed. */
export function createWorker(options: WorkerOptions): Worker {
  checkWorkerOptions(options);
  const tasks = boundTasks(options.implementations);
  if (tasks.size === 0) {
    throw new TaskError("invalid_argument", "createWorker(): implementations must hold at least one task");
  }
  const pooled = pooledTasks(tasks.values(), (reason) => {
    throw new TaskError("invalid_argument", `createWorker(): ${reason}`);
  });
  return new LazyWorker(options, tasks, pooled);
}

let loading: Promise<typeof workerModule> | undefined;

/** What workers alone are made of. It is loaded once, when the first one runs. */
export function loadWorker(): Promise<typeof workerModule> {
  return (loading ??= outside(() => import("./worker.ts")));
}

/**
 * A worker whose modules are loaded when it runs. Each contract imports the door that has `createWorker`: without this,
 * every client would load all that a worker is.
 */
class LazyWorker implements Worker {
  readonly id = newAddress();
  readonly nodeQueue: string | undefined;
  readonly #options: WorkerOptions;
  readonly #tasks: ReadonlyMap<string, BoundTask>;
  readonly #pooled: readonly BoundTask[];
  readonly #broker: Broker;
  readonly #describe: DescribeError;
  #running: workerModule.RunningWorker | undefined;
  #opening: Promise<workerModule.RunningWorker> | undefined;
  /** The context of whoever made it, in which its handlers, its hooks and its logger run. */
  readonly #within = thisContext();
  #run: Promise<void> | undefined;
  #stop: Promise<void> | undefined;
  /** Why it can't run any more. */
  #over: TaskError | undefined;

  constructor(options: WorkerOptions, tasks: ReadonlyMap<string, BoundTask>, pooled: readonly BoundTask[]) {
    const { broker, namespace = defaultNamespace } = options;
    const log = inMakersContext(childLogger(loggerOf(options.log), { worker: this.id }));
    this.nodeQueue = nodeQueueOf(options.nodeQueue);
    this.#options = options;
    this.#tasks = tasks;
    this.#pooled = pooled;
    this.#describe = describerOf(options.describeError, log);
    this.#broker = typeof broker === "string" ? openBroker(broker, { namespace, side: "worker", log }) : broker;
  }

  run(): Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return (this.#run ??= this.#within(() => this.#work()));
  }

  stop(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    return this.#within(() => this.#end(options));
  }

  async #end(options: { readonly graceMs?: number | undefined }): Promise<void> {
    const when = this.#run === undefined ? "before it ran" : "and runs once";
    this.#over ??= new TaskError("unavailable", `this worker was stopped ${when}; make another one`);
    // Of one that never ran there is nothing to give back, and no connection was made.
    if (this.#run === undefined)
      this.#stop ??= typeof this.#options.broker === "string" ? this.#broker.close() : Promise.resolve();
    if (this.#opening === undefined) return this.#stop;
    // What kept it from running is run()'s to tell.
    const running = this.#running ?? (await this.#opening.catch(() => undefined));
    await running?.stop(options);
  }

  health(): WorkerHealth {
    const { concurrency = defaultConcurrency } = this.#options;
    return this.#running?.health() ?? { healthy: true, problems: [], running: 0, waiting: 0, concurrency, stuck: {} };
  }

  async #work(): Promise<void> {
    const running = await (this.#opening = this.#open());
    await running.run();
    // By a signal to the process, too.
    this.#over ??= new TaskError("unavailable", "this worker has stopped, and runs once; make another one");
  }

  async #open(): Promise<workerModule.RunningWorker> {
    // Asked for at once, by which a test broker knows that a worker is on its way.
    const [{ RunningWorker }, keepers] = await Promise.all([loadWorker(), this.#broker.keepers?.()]);
    const { id, nodeQueue } = this;
    const own = { id, broker: this.#broker, describe: this.#describe };
    const parts = { ...own, keepers, tasks: this.#tasks, pooled: this.#pooled, nodeQueue };
    return (this.#running = new RunningWorker(this.#options, parts));
  }
}
