/**
 * The delay of a worker's event loop while its pool computes: `node --import tsx -C taskpact-source bench/cpu.ts [redis URL]`.
 * Handlers compute for 50 ms each, as many at a time as there are cores, with 1 KB or 500 KB in and out, while small calls
 * go on in the event loop; caller and worker are one process, so that it has more to do than a worker has.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { availableParallelism } from "node:os";
import { createWorker, streamLogger } from "taskpact";
import { createClient } from "taskpact/codegen";
import { contract, handlers } from "./cpu/handlers.ts";

type Names = "inThread" | "inProcess" | "inLoop" | "small";
type Tasks = Record<Names, (...args: unknown[]) => Promise<unknown>> & { client: { close(): Promise<void> } };

const [broker = "memory:"] = process.argv.slice(2);
const log = streamLogger("error");
const forMs = 5_000;
const worker = createWorker({ broker, implementations: [handlers], log });
const running = worker.run();
const tasks = createClient<Tasks>({ shape: "flat", contracts: [contract] }, { broker, log });

async function keepBusy(until: number, call: () => Promise<unknown>): Promise<number> {
  let calls = 0;
  for (; performance.now() < until; calls++) await call();
  return calls;
}

console.log(`${availableParallelism()} cores, ${broker}; delay of the event loop, ms`);
for (const [name, bytes] of [
  ["small", 0],
  ["inThread", 1_000],
  ["inThread", 500_000],
  ["inProcess", 1_000],
  ["inProcess", 500_000],
  ["inLoop", 1_000],
] as const) {
  const text = "x".repeat(bytes);
  // What runs first starts its thread.
  if (name !== "small") await Promise.all([tasks[name](text, 1), tasks[name](text, 1)]);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const until = performance.now() + forMs;
  const smalls = keepBusy(until, async () => {
    await tasks.small();
    await sleep(1);
  });
  const callers = name === "small" ? [] : Array.from({ length: 2 * availableParallelism() });
  const loops = callers.map(() => keepBusy(until, () => tasks[name](text, 50)));
  const calls = (await Promise.all(loops)).reduce((sum, count) => sum + count, 0);
  await smalls;
  delay.disable();
  const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => (ns / 1e6).toFixed(1));
  console.log(
    `${name.padEnd(10)} ${String(bytes).padStart(7)} bytes ${String(calls).padStart(5)} calls  p50 ${p50}  p99 ${p99}  max ${max}`,
  );
}
await tasks.client.close();
await worker.stop();
await running;
