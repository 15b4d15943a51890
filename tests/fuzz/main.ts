import { parseArgs } from "node:util";
import { openMemory } from "../../runtime/brokers/memory.ts";
import { connectRedis } from "../redis/external.ts";
import { startRedis } from "../redis/server.ts";
import { CountingProxy } from "./counting-proxy.ts";
import { fuzz, type FuzzResult } from "./fuzz.ts";

/**
 * `npm run fuzz -- --seed 7 --steps 100000`: bytes of others at a real worker and a real client, on a Redis of its own and
 * then on the memory broker. Exit codes: 0 all held, 1 something did not, 2 called wrongly.
 */
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let seed: number;
  let steps: number;
  try {
    const options = { seed: { type: "string" }, steps: { type: "string", default: "10000" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    steps = Number(values.steps);
    if (!Number.isInteger(seed) || !Number.isInteger(steps) || steps < 1) throw new Error("they are whole numbers");
  } catch (error) {
    process.stderr.write(`npm run fuzz -- [--seed N] [--steps N]: ${(error as Error).message}\n`);
    return 2;
  }
  const onRedis = report("redis:", await fuzzRedis(seed, steps));
  const open = () => openMemory("memory:fuzz", { namespace: "fuzz" });
  const onMemory = report("memory:", await fuzz({ open, namespace: "fuzz" }, seed, steps));
  return onRedis && onMemory ? 0 : 1;
}

async function fuzzRedis(seed: number, steps: number): Promise<FuzzResult> {
  await using server = await startRedis();
  const ends: (() => unknown)[] = [];
  const proxy = await CountingProxy.to(server.url, (close) => ends.push(close));
  const redis = await connectRedis(server.url);
  try {
    return await fuzz({ open: () => proxy.url, namespace: "fuzz", redis, scripts: () => proxy.scripts }, seed, steps);
  } finally {
    redis.disconnect();
    for (const end of ends) await end();
  }
}

/** @returns whether all held. */
function report(broker: string, { seed, steps, bytes, innocents, scripts, seconds, violations }: FuzzResult): boolean {
  const figures = `${steps} steps, ${bytes} bytes, ${innocents} innocent calls, ${scripts} scripts, ${Math.round(seconds)} s`;
  process.stdout.write(`${broker} --seed ${seed}: ${figures}; ${violations.length} violations\n`);
  for (const violation of violations) process.stdout.write(`  ${violation}\n`);
  return violations.length === 0;
}
