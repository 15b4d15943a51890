/**
 * What the codec costs beside msgpackr, which checks nothing: `node --import tsx bench/codec.ts`. Each record is
 * read from a view of its own, as records come from a connection.
 */
import { Packr } from "msgpackr";
import { decode, encode } from "../runtime/codec.ts";

const options = { useRecords: false, variableMapSize: true, moreTypes: true };
const packr = new Packr(options);
const order = {
  id: "ord_12345678",
  customer: { name: "Ada Lovelace", email: "ada@example.com" },
  lines: Array.from({ length: 10 }, (_, index) => ({
    sku: `sku-${index}`,
    title: `A thing with a name ${index}`,
    quantity: index,
    price: index * 1.25,
  })),
  note: "Zum Gruße — bitte klingeln",
  paid: true,
};
const values: readonly (readonly [string, unknown, number])[] = [
  ["{ a: 4, b: 6 }", { a: 4, b: 6 }, 300_000],
  ["a request", { to: "c123456789", task: "math.addition", params: { a: 4, b: 6 } }, 300_000],
  ["an order of 10 lines", order, 30_000],
  ["100 of them", Array.from({ length: 100 }, () => order), 300],
  ["64 KiB of text", { text: "x".repeat(65_536) }, 3_000],
  ["64 KiB of bytes", { bytes: new Uint8Array(65_536) }, 3_000],
  ["1,000 fractions", Array.from({ length: 1_000 }, (_, index) => index + 0.5), 3_000],
];

/** ns a run: the least of five rounds. */
function cost(run: () => unknown, runs: number): string {
  let least = Infinity;
  for (let round = 0; round < 6; round++) {
    const start = process.hrtime.bigint();
    for (let count = 0; count < runs; count++) run();
    if (round > 0) least = Math.min(least, Number(process.hrtime.bigint() - start) / runs);
  }
  return Math.round(least).toLocaleString("en").padStart(10);
}

console.log(`${"ns".padEnd(22)}    encode (msgpackr)    decode (msgpackr)`);
for (const [name, value, runs] of values) {
  const bytes = Buffer.from(packr.pack(value));
  const view = (): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const costs = [
    () => encode(value),
    () => packr.pack(value),
    () => decode(view()),
    () => packr.unpack(view()) as unknown,
  ];
  console.log(name.padEnd(22) + costs.map((run) => cost(run, runs)).join(""));
}
