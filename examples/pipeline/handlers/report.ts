import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chartOf } from "../chart.ts";
import { implementReport } from "../generated/index.ts";

export const report = implementReport({
  /** Calls all others, and awaits them: meanwhile its slot is theirs. */
  async report({ folder, chunkBytes }, { tasks, progress, errors }) {
    const files = (await readdir(folder)).filter((name) => name.endsWith(".csv")).map((name) => join(folder, name));
    if (files.length === 0) throw errors.nothingToRead({ folder });
    progress({ step: "listing", current: 0, total: files.length });
    const chunks = (await Promise.all(files.map((file) => tasks.cut(file, chunkBytes)))).flat();

    let done = 0;
    const sums = await Promise.all(
      chunks.map(async ({ file, from, to }) => {
        const sum = await tasks.sumUp(file, from, to);
        progress({ step: "reading", current: ++done, total: chunks.length });
        return sum;
      }),
    );

    const months = monthsOf(sums.flatMap(({ summaries }) => summaries));
    progress({ step: "drawing", current: 0, total: 1 });
    return {
      page: await tasks.draw(folder, months),
      readings: sums.reduce((sum, { readings }) => sum + readings, 0),
      chunks: chunks.length,
      stations: new Set(months.map(({ station }) => station)).size,
    };
  },

  async draw({ folder, months }) {
    const page = join(folder, "report.html");
    await writeFile(page, chartOf(months));
    return page;
  },
});

interface Summary {
  readonly station: string;
  readonly month: number;
  readonly count: number;
  readonly sum: number;
  readonly least: number;
  readonly most: number;
}

/** Puts together what different chunks say of the same station and month. */
function monthsOf(summaries: readonly Summary[]) {
  const months = new Map<string, Summary>();
  for (const one of summaries) {
    const key = `${one.station} ${String(one.month).padStart(2, "0")}`;
    const other = months.get(key) ?? { ...one, count: 0, sum: 0 };
    months.set(key, {
      ...one,
      count: one.count + other.count,
      sum: one.sum + other.sum,
      least: Math.min(one.least, other.least),
      most: Math.max(one.most, other.most),
    });
  }
  return [...months]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { station, month, count, sum, least, most }]) => ({
      station,
      month,
      count,
      mean: sum / count,
      least,
      most,
    }));
}
