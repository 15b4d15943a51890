/**
 * A worker in a process of its own. Each handler writes down that it runs, and counts those of other living processes that
 * do: what was killed is out of its handler, though its lease is not over yet.
 */
import { createWorker } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import { quiet } from "../calls/lab.ts";
import { say, sayLast } from "../processes/say.ts";
import { connectRedis } from "../redis/external.ts";
import * as declared from "./contract.ts";

const [url = "", namespace = ""] = process.argv.slice(2);
const redis = await connectRedis(url);

const isAlive = (mark: string): boolean => {
  try {
    return process.kill(Number.parseInt(mark), 0);
  } catch {
    return false;
  }
};

const counted =
  (task: string, most: number) =>
  async ({ customer }: { customer: string }, { callId }: { callId: string }): Promise<string> => {
    const key = `${namespace}:running:${task}:${customer}`;
    const mark = `${process.pid} ${callId}`;
    await redis.sadd(key, mark);
    const alive = (await redis.smembers(key)).filter(isAlive);
    if (alive.length > most) await redis.rpush(`${namespace}:excess`, `${key}: ${alive.join(", ")}`);
    await redis.incr(`${namespace}:runs`);
    await redis.srem(key, mark);
    return `${task} ${customer}`;
  };

const limits = implement(contractOf("limits", declared, ["narrow", "single"]), {
  narrow: counted("narrow", 3),
  single: counted("single", 1),
});
const log = { ...quiet, info: (_: object, message: string) => message === "listening" && say("ready") };
// Long enough for a starved process to beat in time: once a lease lapses, others rightly run its calls.
const worker = createWorker({ broker: url, namespace, implementations: [limits], log, leaseMs: 2_500 });
process.once("disconnect", () => process.exit(1));
process.once("message", () => void worker.stop());
await worker.run();
redis.disconnect();
sayLast("stopped");
