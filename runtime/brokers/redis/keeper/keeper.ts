import { Worker } from "node:worker_threads";
import type { Keeper, KeeperSettings } from "../../../broker.ts";
import { TaskError } from "../../../errors.ts";
import { encode } from "../../../codec.ts";
import { queueKeys } from "../../../keys.ts";
import { tableLayout } from "../../../lease-table.ts";
import { askCredentials, type CredentialsProvider, type Login } from "../credentials.ts";
import { ownMessages } from "../../../own-message.ts";
import type { InstanceOptions } from "../driver.ts";
import { isLoginRefused, wordsOf } from "../failure.ts";
import { finishScript } from "../scripts/finish.ts";
import { renewScript } from "../scripts/renew.ts";
import { reportScript } from "../scripts/report.ts";
import { longestTtlMs } from "../ttl.ts";
import { keeperThread, type ThreadData, type ThreadNotice } from "./thread.ts";
import { clearTimeout, setTimeout } from "../../../real-time.ts";

/** What a keeper on Redis is started with, besides what its worker says. */
export interface RedisKeeperSettings {
  readonly namespace: string;
  readonly driver: string;
  readonly options: InstanceOptions;
  readonly connectTimeoutMs: number;
  readonly clockOffset: number;
  readonly credentials?: CredentialsProvider | undefined;
}

/** With `--watch`, Node sends messages of its own from threads, too. */
const isNotice = ownMessages<ThreadNotice>({ awake: true, trouble: true });

/** How often the thread is given credentials, ms: it can't ask while the event loop is blocked, and tokens live for a quarter of an hour. */
const credentialsMs = 300_000;

/** How long a thread that has ended is not started again, ms. */
const pauseMs = 5_000;

/**
 * The thread's program. Some compilers wrap functions to keep their names, by a helper that is not there; the thread's
 * function has none in it that would need one, and an empty one is for those that wrap more.
 */
const program = `const __name = (named) => named;
(${keeperThread.toString()})(require, require("node:worker_threads").workerData);`;

/** The thread that keeps a worker's leases. It keeps no process alive, and is made anew when it fails. */
export class RedisKeeper implements Keeper {
  readonly #settings: KeeperSettings;
  readonly #data: ThreadData;
  #thread: Worker | undefined;
  #again: NodeJS.Timeout | undefined;
  readonly #credentials: CredentialsProvider | undefined;
  readonly #renewing: NodeJS.Timeout | undefined;
  readonly #stopping = new AbortController();
  #stopped = false;
  /** What is wrong with it at present: told once. */
  #trouble: string | undefined;

  constructor(settings: KeeperSettings, { namespace, credentials, ...own }: RedisKeeperSettings) {
    const { table, worker, leaseMs, presenceMs, intervalMs, queues } = settings;
    const { memory, leases, attempts } = table;
    this.#settings = settings;
    this.#credentials = credentials;
    if (credentials) this.#renewing = setInterval(() => void this.#giveCredentials(), credentialsMs).unref();
    this.#data = {
      memory,
      leases,
      attempts,
      layout: tableLayout,
      worker,
      leaseMs,
      presenceMs,
      intervalMs,
      longestTtlMs,
      ...own,
      isGivenCredentials: credentials !== undefined,
      scripts: { renew: renewScript, finish: finishScript, report: reportScript },
      queues: queues.map(({ name, tasks }) => {
        const { queue, result } = queueKeys(namespace, name);
        return { list: queue, result, presence: encode({ tasks }) };
      }),
    };
    this.#start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#again);
    clearInterval(this.#renewing);
    this.#stopping.abort();
    await this.#thread?.terminate();
  }

  #start(): void {
    try {
      // What this process was started with, as loaders of TypeScript, is not for the thread to load, too.
      const thread = new Worker(program, {
        eval: true,
        execArgv: [],
        workerData: this.#data,
        name: "taskpact-keeper",
      });
      thread.on("message", (notice) => {
        if (isNotice(notice)) this.#hear(notice);
      });
      thread.on("error", (error) => this.#tell(TaskError.from(error).reason));
      thread.on("exit", () => this.#ended());
      thread.unref();
      this.#thread = thread;
      void this.#giveCredentials();
    } catch (thrown) {
      this.#tell(TaskError.from(thrown).reason);
      this.#ended();
    }
  }

  #ended(): void {
    this.#thread = undefined;
    if (!this.#stopped) this.#again = setTimeout(() => this.#start(), pauseMs).unref();
  }

  async #giveCredentials(): Promise<void> {
    if (this.#credentials === undefined) return;
    try {
      const { signal } = this.#stopping;
      const given: Login = await askCredentials(this.#credentials, this.#data.connectTimeoutMs, signal);
      this.#thread?.postMessage(given);
    } catch (thrown) {
      if (!this.#stopped) this.#tell(wordsOf(thrown));
    }
  }

  #hear(notice: ThreadNotice): void {
    if (notice.kind === "trouble") {
      if (isLoginRefused(notice.words)) void this.#giveCredentials();
      return this.#tell(notice.words);
    }
    this.#trouble = undefined;
    const { blockedMs, answered } = notice;
    this.#settings.log.warn(
      { blockedMs: Math.round(blockedMs), answered },
      "a handler blocked the event loop; the leases were kept meanwhile",
    );
  }

  #tell(error: string): void {
    if (error !== this.#trouble)
      this.#settings.log.warn({ error }, "leases may be lost while the event loop is blocked");
    this.#trouble = error;
  }
}
