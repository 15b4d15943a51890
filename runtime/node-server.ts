import { pause } from "./clock.ts";
import { defaultGraceMs } from "./defaults.ts";
import { TaskError } from "./errors.ts";
import { newAddress } from "./id.ts";
import { loadWorker } from "./lazy-worker.ts";
import type { NodeServerOptions, NodeServerParts } from "./node-serving.ts";
import type { RunningWorker } from "./worker.ts";

const firstPauseMs = 100;
const longestPauseMs = 5_000;

/** A client's worker, for its node queue alone. It begins at once; a broker that is away is waited for. */
export class NodeServer {
  readonly #options: NodeServerOptions;
  readonly #parts: NodeServerParts;
  readonly #stopped = new AbortController();
  readonly #serving: Promise<void>;
  #worker: RunningWorker | undefined;

  constructor(options: NodeServerOptions, parts: NodeServerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#serving = this.#serve();
  }

  /** Lets what runs finish, and resolves when it serves no more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#worker?.stop();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const { signal } = this.#stopped;
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        await this.#run();
      } catch (thrown) {
        const { message } = TaskError.from(thrown, "internal");
        const queue = this.#parts.nodeQueue;
        this.#options.log.warn({ queue, error: message }, "a node queue can't be served; trying again until it can");
        await pause(pauseMs, signal);
      }
    }
  }

  async #run(): Promise<void> {
    const { broker, implementations = [], localConcurrency: concurrency, hooks, pool, log } = this.#options;
    const { RunningWorker } = await loadWorker();
    const keepers = await broker.keepers?.();
    if (this.#stopped.signal.aborted) return;
    const options = {
      broker,
      implementations,
      concurrency,
      hooks,
      pool,
      log,
      handleSignals: false,
      schedule: false,
      graceMs: defaultGraceMs,
    };
    this.#worker = new RunningWorker(options, { id: newAddress(), broker, keepers, ...this.#parts, onlyNode: true });
    await this.#worker.run();
  }
}
