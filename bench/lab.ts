import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { type RedisServer, startRedis } from "../tests/redis/server.ts";
import type { Ask, Asked } from "./contestants/loads.ts";
import type { MixedAsk } from "./mixed/mixed.ts";

/** Who is measured. */
export const contestants = {
  taskpact: "contestants/taskpact",
  bare: "contestants/bare",
  bullmq: "peers/bullmq",
  "bee-queue": "peers/bee-queue",
} as const;

/** Who takes part in the mixed figures. */
const mixed = { taskpact: "mixed/taskpact", unbatched: "mixed/unbatched", bullmq: "peers/mixed-bullmq" } as const;

export type ContestantName = keyof typeof contestants | keyof typeof mixed;

const built = join(import.meta.dirname, "dist/bench");

/** A process that does what it is asked for. */
export interface Side {
  readonly pid: number;
  ask(ask: Ask): Promise<Asked>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** A private Redis on 127.0.0.1, the same for all, and the processes that use it. */
export class Lab implements AsyncDisposable {
  readonly server: RedisServer;
  readonly redis: Redis;
  readonly #sides = new Set<ChildProcess>();

  private constructor(server: RedisServer) {
    this.server = server;
    this.redis = new Redis(server.url);
  }

  static async open(): Promise<Lab> {
    return new Lab(await startRedis());
  }

  /** A contestant's worker or caller, started. */
  async start(name: ContestantName, side: "worker" | "caller", nodeArgs: readonly string[] = []): Promise<Side> {
    const loaded = await this.load(name, side, nodeArgs);
    await loaded.ask({ kind: "start" });
    return loaded;
  }

  /** A process whose modules are loaded, and that has not begun. */
  async load(name: ContestantName, side: "worker" | "caller", nodeArgs: readonly string[] = []): Promise<Side> {
    const args = [join(built, `${contestants[name as keyof typeof contestants]}.js`), side, this.server.url];
    const child = this.#fork("process.js", args, nodeArgs);
    await reply(child);
    return {
      pid: child.pid!,
      ask: async (ask) => {
        const answered = reply(child);
        child.send(ask);
        return answered;
      },
      kill: async () => {
        child.kill("SIGKILL");
        await once(child, "exit");
      },
      stop: async () => {
        const gone = once(child, "exit");
        child.send({ kind: "stop" });
        await gone;
      },
    };
  }

  /** A side of a mixed figure, started. */
  async startMixed(name: ContestantName, side: "worker" | "caller", queues: number) {
    const module = join(built, `${mixed[name as keyof typeof mixed]}.js`);
    const child = this.#fork("mixed-process.js", [module, side, this.server.url, `${queues}`], []);
    await reply(child);
    const ask = async (asked: MixedAsk): Promise<Asked> => {
      const answered = reply(child);
      child.send(asked);
      return answered;
    };
    await ask({ kind: "start" });
    return { ask };
  }

  /** Runs a process that measures itself; resolves with what it told, and how long after its start that was. */
  async alone(what: string): Promise<Asked> {
    const start = performance.now();
    const child = this.#fork("alone.js", [what, this.server.url], []);
    const gone = once(child, "exit");
    const [told] = (await Promise.race([once(child, "message"), gone.then(() => [])])) as [Asked | undefined];
    const ms = performance.now() - start;
    await gone;
    if (told === undefined) throw new Error(`alone.js ${what} ended without a word`);
    return { ...told, ms };
  }

  /** Runs `deep.js`; resolves with its first word. */
  async deep(what: "hold" | "delay" | "look"): Promise<{ told: Asked; ended: Promise<unknown>; kill(): void }> {
    const child = this.#fork("deep.js", [what, this.server.url], []);
    const ended = once(child, "exit");
    const [told] = (await Promise.race([once(child, "message"), ended.then(() => [])])) as [Asked | undefined];
    if (told === undefined) throw new Error(`deep.js ${what} ended without a word`);
    return { told, ended, kill: () => void child.kill("SIGKILL") };
  }

  /**
   * Gives Redis a core that nobody else runs on, for what is measured by the clock: a command that waits for a core looks
   * slow. Linux alone can.
   */
  async apart(): Promise<AsyncDisposable> {
    const pid = /^process_id:(\d+)/m.exec(await this.redis.info("server"))?.[1];
    const last = cpus().length - 1;
    if (last === 0 || pid === undefined) return { [Symbol.asyncDispose]: async () => undefined };
    const run = (cores: string, of: number | string): void => {
      const { status } = spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, `${of}`]);
      if (status !== 0) console.error("taskset failed: commands that wait for a core will look slow");
    };
    run(`${last}`, pid);
    run(`0-${last - 1}`, process.pid);
    return {
      [Symbol.asyncDispose]: async () => {
        for (const of of [pid, process.pid]) run(`0-${last}`, of);
      },
    };
  }

  /** CPU that Redis has used, µs. */
  async redisCpuUs(): Promise<number> {
    const info = await this.redis.info("cpu");
    const seconds = (name: string): number => Number(new RegExp(`^${name}:(\\S+)`, "m").exec(info)?.[1]);
    return 1e6 * (seconds("used_cpu_user") + seconds("used_cpu_sys"));
  }

  /** Ends all processes and empties Redis. */
  async clear(): Promise<void> {
    for (const side of this.#sides) side.kill("SIGKILL");
    await Promise.all([...this.#sides].map((side) => once(side, "exit")));
    await this.redis.flushall();
    await this.redis.config("RESETSTAT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const side of this.#sides) side.kill("SIGKILL");
    this.redis.disconnect();
    await this.server.stop();
  }

  #fork(file: string, args: readonly string[], execArgv: readonly string[]): ChildProcess {
    // Without this process's own flags: Node runs what was built, as it does at users'.
    const child = fork(join(built, file), [...args], { execArgv: [...execArgv] });
    this.#sides.add(child);
    child.once("exit", () => this.#sides.delete(child));
    return child;
  }
}

async function reply(child: ChildProcess): Promise<Asked> {
  const over = new AbortController();
  const { signal } = over;
  const gone = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`a process ended with ${String(code)}`);
  });
  gone.catch(() => undefined);
  try {
    const [message] = (await Promise.race([once(child, "message", { signal }), gone])) as [
      { readonly asked?: Asked; readonly error?: string },
    ];
    if (message.asked === undefined) throw new Error(message.error);
    return message.asked;
  } finally {
    over.abort();
  }
}
