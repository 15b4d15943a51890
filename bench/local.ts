/**
 * What the local policy costs beside zod's own parses, which its gates are: `node --import tsx -C taskpact-source
 * bench/local.ts`. No broker is asked, and nothing is encoded.
 */
import * as z from "zod";
import { createTasks, implementMath } from "../generated/index.ts";

const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});
const tasks = createTasks({ broker: "memory:", implementations: [math] });
const localOnly = tasks.with({ policy: "local-only" });
const params = z.object({ a: z.number().default(0), b: z.number().default(0) });
const result = z.number();
const parse = async (a: number, b: number): Promise<number> => {
  const given = params.parse({ a, b });
  return result.parse(given.a + given.b);
};

const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["zod's parses, in an async function", () => parse(4, 6)],
  ["local-first, the default", () => tasks.addition(4, 6)],
  ["local-only", () => localOnly.addition(4, 6)],
  ["safe", () => tasks.safe.addition(4, 6)],
  ["with its options given to each call", () => tasks.with({ policy: "local-only" }).addition(4, 6)],
];

/** ns a call. */
async function cost(run: () => Promise<unknown>): Promise<number> {
  const runs = 50_000;
  const start = process.hrtime.bigint();
  for (let count = 0; count < runs; count++) await run();
  return Number(process.hrtime.bigint() - start) / runs;
}

const least = new Map<string, number>();
// In turn, so that what else the machine does falls on all.
for (let round = 0; round < 8; round++) {
  for (const [name, run] of cases) least.set(name, Math.min(least.get(name) ?? Infinity, await cost(run)));
}
console.log("ns, the least of eight rounds");
for (const [name, ns] of least) console.log(name.padEnd(38) + Math.round(ns).toLocaleString("en").padStart(8));
await tasks.client.close();
