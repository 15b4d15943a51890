import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createWorker, type Implementation, streamLogger } from "taskpact";
import { startRedis } from "../tests/redis/server.ts";
import { readOptions } from "./options.ts";

/** A broker, and a worker that listens to it. */
export interface Stage {
  readonly broker: string;
  readonly description: string;
  close(): Promise<void>;
}

/**
 * Sets up what an example's command line asks for: the embedded broker and a worker in this process, or a Redis and the
 * example's own worker.ts in another one.
 *
 * @param main - the example's `import.meta.url`: its folder's name is that of its command.
 */
export async function openStage(main: string, implementations: readonly Implementation[]): Promise<Stage> {
  const name = new URL(".", main).pathname.split("/").at(-2);
  const { broker } = readOptions(`npm run example:${name}`);
  if (broker === "memory:") return memoryStage(implementations);
  const worker = fileURLToPath(new URL("worker.ts", main));
  if (broker !== "auto") return redisStage(broker, worker, "a Redis, its worker in another process");
  const server = await startRedis();
  const stage = redisStage(server.url, worker, "a private Redis, its worker in another process");
  return { ...stage, close: () => stage.close().then(() => server.stop()) };
}

function memoryStage(implementations: readonly Implementation[]): Stage {
  const broker = "memory:";
  const worker = createWorker({ broker, implementations, log: streamLogger("error") });
  const running = worker.run();
  return {
    broker,
    description: "the embedded broker: queues and worker in this process",
    close: () => worker.stop().then(() => running),
  };
}

function redisStage(broker: string, path: string, description: string): Stage {
  const env = { ...process.env, TASKPACT_BROKER: broker, TASKPACT_LOG: "error" };
  const worker = fork(path, { execArgv: process.execArgv, env });
  // It said why, and nobody else would run the calls that this process waits for.
  const gone = (): never => process.exit(1);
  worker.once("exit", gone);
  return {
    broker,
    description,
    async close() {
      worker.off("exit", gone);
      worker.kill("SIGTERM");
      await once(worker, "exit");
    },
  };
}
