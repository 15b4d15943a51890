import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createWorker, streamLogger } from "taskpact";
import { startRedis } from "../../tests/redis/server.ts";
import { workerImplementations } from "./handlers.ts";
import type { ExampleOptions } from "../options.ts";

/** Where the demo plays: a broker, and a worker that listens to it. */
export interface Stage {
  readonly broker: string;
  readonly namespace: string;
  readonly description: string;
  close(): Promise<void>;
}

/** Sets up what the demo was asked for. */
export async function openStage({ broker }: ExampleOptions): Promise<Stage> {
  const namespace = `taskpact-demo-${process.pid}`;
  if (broker === "memory:") return memoryStage(namespace);
  if (broker !== "auto") return redisStage(broker, namespace, "a Redis, its worker in another process");
  const server = await startRedis();
  const stage = await redisStage(server.url, namespace, "a private Redis, its worker in another process");
  return {
    ...stage,
    close: async () => {
      await stage.close();
      await server.stop();
    },
  };
}

function memoryStage(namespace: string): Stage {
  const broker = "memory:demo";
  const worker = createWorker({
    broker,
    namespace,
    implementations: workerImplementations,
    log: streamLogger("error"),
  });
  const running = worker.run();
  return {
    broker,
    namespace,
    description: "the embedded broker: queues and worker in this process",
    close: async () => {
      await worker.stop();
      await running;
    },
  };
}

async function redisStage(broker: string, namespace: string, description: string): Promise<Stage> {
  const path = fileURLToPath(new URL("worker.ts", import.meta.url));
  const worker = fork(path, [broker, namespace], { execArgv: process.execArgv });
  const exited = once(worker, "exit");
  const began = await Promise.race([once(worker, "message").then(() => true), exited.then(() => false)]);
  if (!began) throw new Error("the demo's worker could not start");
  return {
    broker,
    namespace,
    description,
    close: async () => {
      worker.kill("SIGTERM");
      await exited;
    },
  };
}
