import { join } from "node:path";
import { mkdir, readFile } from "node:fs/promises";
import type { Redis } from "ioredis";
import type { ClientOptions } from "taskpact/codegen";
import { Child } from "../processes/child.ts";
import { connectRedis } from "../redis/external.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../redis/server.ts";
import type { Run } from "./case.ts";
import { type Entry, readJournals } from "./journal.ts";
import type { WorkerPlan } from "./plan.ts";
import { until } from "./until.ts";
import { createFaultTasks, type FaultTasks, queue } from "./tasks.ts";

/** Lines are for people. */
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A worker's process that listens, or did. */
export interface WorkerProcess {
  /** Its name among the workers. */
  readonly id: string;
  readonly child: Child;
}

/** A worker's process that waits. */
export interface Spare {
  readonly child: Child;
  /** Lets it go; resolves when it listens. */
  go(): Promise<WorkerProcess>;
}

/** Where a case plays: callers and workers of one namespace, on a private server. All ends with the case. */
export class Stage {
  readonly run: Run;
  readonly server: RedisServer;
  readonly namespace: string;
  /** The harness's own way to Redis. */
  redis: Redis;
  readonly #folder: string;

  /** @param server - one that there is, or how to start one */
  static async open(run: Run, server: RedisServer | RedisOptions = {}, namespace = "faults"): Promise<Stage> {
    const ours = "url" in server ? server : await startRedis(server);
    if (ours !== server) run.defer(() => ours.stop());
    const redis = await connectRedis(ours.url);
    const folder = join(run.folder, namespace);
    await mkdir(folder);
    const stage = new Stage(run, ours, namespace, redis, folder);
    run.defer(() => stage.redis.disconnect());
    return stage;
  }

  private constructor(run: Run, server: RedisServer, namespace: string, redis: Redis, folder: string) {
    this.run = run;
    this.server = server;
    this.namespace = namespace;
    this.redis = redis;
    this.#folder = folder;
  }

  /** Starts one; resolves when it listens. @throws Error with its output if it ends before */
  async worker(plan: Partial<WorkerPlan> = {}, preload?: URL): Promise<WorkerProcess> {
    return (await this.spare(plan, preload)).go();
  }

  /** Starts one that is loaded and waits. @throws as `worker` does */
  async spare(plan: Partial<WorkerPlan> = {}, preload?: URL): Promise<Spare> {
    const child = this.#start(new URL("worker.ts", import.meta.url), plan, preload);
    await child.said();
    return {
      child,
      async go() {
        child.tell("go");
        const { listening } = (await child.said()) as { readonly listening: string };
        return { id: listening, child };
      },
    };
  }

  /** Starts another program of this folder. @param plan - what it does, besides where: its first argument, as JSON */
  start(program: string, plan: object, preload?: URL): Child {
    return this.#start(new URL(program, import.meta.url), plan, preload);
  }

  /** A client in this process. */
  client(options: Partial<ClientOptions> = {}): FaultTasks {
    const tasks = createFaultTasks({ broker: this.server.url, namespace: this.namespace, log: quiet, ...options });
    this.run.defer(() => tasks.client.close());
    return tasks;
  }

  /** Gives the harness a new way to Redis, after the server was gone. */
  async reconnect(): Promise<void> {
    this.redis.disconnect();
    this.redis = await connectRedis(this.server.url);
  }

  /** A key of a queue. */
  key(name: string, of: string = queue): string {
    return `${this.namespace}:{${of}}:${name}`;
  }

  /** What its processes have written down so far. */
  journal(): Promise<readonly Entry[]> {
    return readJournals(this.#folder);
  }

  /** Resolves when its processes have written what is wanted. @throws Error after 30 s */
  written(what: string, wanted: (entries: readonly Entry[]) => boolean): Promise<void> {
    return until(`${what} is written down`, async () => wanted(await this.journal()));
  }

  /** The most memory that a process has had, bytes, if it was started with the meter loaded. */
  async memoryOf({ pid }: Child): Promise<{ readonly heap: number; readonly rss: number }> {
    const lines = (await readFile(join(this.#folder, `${pid}.memory`), "utf8")).trim().split("\n");
    const looks = lines.map((line) => JSON.parse(line) as { readonly heapUsed: number; readonly rss: number });
    return {
      heap: Math.max(...looks.map(({ heapUsed }) => heapUsed)),
      rss: Math.max(...looks.map(({ rss }) => rss)),
    };
  }

  #start(program: URL, plan: object, preload: URL | undefined): Child {
    const place = { url: this.server.url, namespace: this.namespace, folder: this.#folder };
    const child = new Child(program, [JSON.stringify({ ...place, ...plan })], preload);
    this.run.defer(() => child.kill());
    return child;
  }
}
