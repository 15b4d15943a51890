/** What the gates cost beside zod's own parse: `node --import tsx -C taskpact-source bench/gates.ts`. */
import * as z from "zod";
import { gateOf, paramsGate } from "../runtime/gate.ts";

const addends = { a: z.number().default(0), b: z.number().default(0) };
const order = {
  customer: z.object({ name: z.string(), email: z.email() }),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int(), price: z.number() })),
};
const lines = Array.from({ length: 10 }, (_, index) => ({ sku: `sku-${index}`, quantity: index, price: index * 1.25 }));
const number = z.number();
const cases: readonly (readonly [string, () => unknown, () => unknown])[] = [
  gates("params of an addition", paramsGate(addends), z.object(addends), { a: 4, b: 6 }),
  gates("its result", gateOf(number, "invalid_result", "result"), number, 10),
  gates("params with an order of 10 lines", paramsGate(order), z.object(order), {
    customer: { name: "Ada Lovelace", email: "ada@example.com" },
    lines,
  }),
];

function gates(name: string, gate: { pass(value: unknown): unknown }, schema: z.ZodType, value: unknown) {
  return [name, () => gate.pass(value), () => schema.parse(value)] as const;
}

/** ns a run. */
function cost(run: () => unknown): number {
  const runs = 50_000;
  const start = process.hrtime.bigint();
  for (let count = 0; count < runs; count++) run();
  return Number(process.hrtime.bigint() - start) / runs;
}

const text = (ns: number): string => Math.round(ns).toLocaleString("en").padStart(8);

console.log(`${"ns, the least of eight rounds".padEnd(34)}    gate     zod`);
for (const [name, pass, parse] of cases) {
  const [gate, zod]: [number[], number[]] = [[], []];
  // In turn, so that what else the machine does falls on both.
  for (let round = 0; round < 8; round++) {
    gate.push(cost(pass));
    zod.push(cost(parse));
  }
  console.log(name.padEnd(34) + text(Math.min(...gate)) + text(Math.min(...zod)));
}
