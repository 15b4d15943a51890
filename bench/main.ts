/**
 * The published comparison: `npm run bench`. Ours, two peers' and the bare protocol's figures in one run, on one private
 * Redis, with caller, worker and Redis as processes of their own. See README.md for the settings and their reasons.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chartOf } from "./chart.ts";
import { compared, mixed } from "./figures/all.ts";
import { type ContestantName, contestants, Lab } from "./lab.ts";
import { describeMachine } from "./machine.ts";
import { prepare } from "./prepare.ts";
import type { Results } from "./results.ts";
import { filled, ratiosOf, tableOf } from "./table.ts";

const all = [...compared, ...mixed];
const peers = [...Object.keys(contestants).filter((name) => name !== "taskpact"), "unbatched"] as ContestantName[];

const help = `npm run bench -- [options]
  --only FIGURES   ${all.map(({ name }) => name).join(",")}
  --reps N         repetitions of each, interleaved; the median counts (5)
  --peers LIST     ${peers.join(",")}, or none
  --json FILE      all samples; of a run of all, results.json and chart.svg beside this and the tables of both
                   READMEs are written anyway
  --help`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: all.map(({ name }) => name).join(",") },
    reps: { type: "string", default: "5" },
    peers: { type: "string", default: peers.join(",") },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit();
}
const figures = chosen("figure", values.only, all, ({ name }) => name);
const rivals = values.peers === "none" ? [] : chosen("peer", values.peers, peers, (name) => name);
const repetitions = Number(values.reps);
if (!Number.isInteger(repetitions) || repetitions < 1) throw new Error(`--reps must be a whole number\n${help}`);

prepare();
await using lab = await Lab.open();
const results: Results = { machine: await describeMachine(lab), repetitions, samples: {} };
const names: readonly ContestantName[] = ["taskpact", ...rivals];
for (const figure of figures) {
  const taking = names.filter((name) => figure.only?.includes(name) ?? name !== "unbatched");
  for (let round = 0; round < Math.min(repetitions, figure.most ?? repetitions); round++) {
    // One after the other in each round, so that what else the machine does falls on all of them.
    for (const name of taking) {
      const sample = await figure.measure(lab, name);
      await lab.clear();
      ((results.samples[figure.name] ??= {})[name] ??= []).push(sample);
      const said = Object.entries(sample).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`);
      console.error(`${figure.name} ${round + 1} ${name}: ${said.join(", ")}`);
    }
  }
}
const tables = [compared, mixed]
  .map((part) => figures.filter((figure) => part.includes(figure)))
  .filter((part) => part.length > 0)
  .map((part) => tableOf(results, part, names));
const report = [`${results.machine}; medians of ${repetitions}`, ...tables].join("\n\n");
console.log(report);
const json = `${JSON.stringify(results, undefined, 2)}\n`;
if (values.json !== undefined) writeFileSync(values.json, json);
if (figures.length === all.length && rivals.length === peers.length) {
  writeFileSync(join(import.meta.dirname, "results.json"), json);
  writeFileSync(join(import.meta.dirname, "chart.svg"), chartOf(results, names));
  fill(join(import.meta.dirname, "README.md"), "table", report);
  fill(resolve(import.meta.dirname, "../README.md"), "ratios", ratiosOf(results, ["bullmq", "bee-queue"]));
}

function fill(path: string, name: string, content: string): void {
  writeFileSync(path, filled(readFileSync(path, "utf8"), name, content));
}

/** Those that a list names. */
function chosen<Item>(what: string, list: string, from: readonly Item[], nameOf: (item: Item) => string): Item[] {
  return list.split(",").map((name) => {
    const found = from.find((item) => nameOf(item) === name);
    if (found === undefined) throw new Error(`there is no ${what} "${name}"\n${help}`);
    return found;
  });
}
