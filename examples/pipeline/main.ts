/** A year's measurements become a page with a chart: `npm run example:pipeline`, maybe with `-- --redis auto`. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStage } from "../stage.ts";
import { progressBar } from "./bar.ts";
import { createTasks } from "./generated/index.ts";
import { readings } from "./handlers/readings.ts";
import { report } from "./handlers/report.ts";
import { writeMeasurements } from "./measurements.ts";

const stage = await openStage(import.meta.url, [readings, report]);
const tasks = createTasks({ broker: stage.broker });

console.log(`A report on ${stage.description}`);
const folder = await mkdtemp(join(tmpdir(), "taskpact-report-"));
const written = await writeMeasurements(folder, 3);
console.log(`  ${written} readings written to four files in ${folder}`);

const bar = progressBar();
const onProgress = ({ step, current, total }: { step: string; current: number; total: number }): void =>
  bar(step, current, total);
const began = performance.now();
const { page, readings: read, chunks, stations } = await tasks.with({ onProgress }).report(folder);
console.log(
  `\n${read} readings of ${stations} stations, in ${chunks} chunks, ${Math.round(performance.now() - began)} ms`,
);
console.log(`The report: ${page}`);

// The measurements go, the report stays.
for (const name of await readdir(folder)) if (name.endsWith(".csv")) await rm(join(folder, name));
const answer = await tasks.safe.report(folder);
if (!answer.ok && answer.error.name === "nothingToRead") console.log("Again, without them: nothing to read");

await tasks.client.close();
await stage.close();
