import { expect, test } from "vitest";
import { chartOf } from "./chart.ts";
import { compared, mixed } from "./figures/all.ts";
import { median, medianOf, type Results } from "./results.ts";
import { filled, ratiosOf, tableOf } from "./table.ts";
import { targets } from "./targets.ts";

const results: Results = {
  machine: "2 × A&B <CPU>, 4 GB",
  repetitions: 3,
  samples: {
    "calls-100": {
      taskpact: [{ perSecond: 59_000 }, { perSecond: 1 }, { perSecond: 60_000 }],
      bullmq: [{ perSecond: 5_000 }, { perSecond: 6_000 }],
      bare: [{ perSecond: 118_000 }],
    },
    million: { taskpact: [{ slowestMs: 5.25 }] },
  },
};
const figures = compared.filter(({ name }) => name === "calls-100" || name === "million");

test("a median is the middle, or the mean of the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(median([])).toBeNaN();
  expect(medianOf(results, "calls-100", "taskpact", "perSecond")).toBe(59_000);
  expect(medianOf(results, "calls-100", "taskpact", "p50")).toBeUndefined();
  expect(medianOf(results, "calls-100", "bee-queue", "perSecond")).toBeUndefined();
});

test("a table has a line a metric, a column for each who was measured, and judges what was aimed at", () => {
  const lines = tableOf(results, figures, ["taskpact", "bare", "bullmq", "bee-queue"]).split("\n");
  expect(lines[0]).toBe("|  | taskpact | bare | bullmq | ours ÷ theirs (target) |");
  expect(lines[2]).toBe(
    "| calls/s, 100 in flight | 59,000 | 118,000 | 5,500 | 10.7 × bullmq (≥ 10 ✓), 0.500 × bare (≥ 0.55 ✗) |",
  );
  expect(lines.find((line) => line.includes("slowest command with"))).toBe(
    "| slowest command with 1,000,000 waiting, ms | 5.3 | — | — | (≤ 5 ✗) |",
  );
  expect(lines).toHaveLength(2 + figures.flatMap(({ metrics }) => metrics).length);
});

test("a table of what nothing was aimed at has no column for it", () => {
  const samples = { big: { taskpact: [{ "big.p50": 3 }] } };
  const table = tableOf({ ...results, samples }, mixed, ["taskpact", "unbatched"]);
  expect(table.split("\n")[0]).toBe("|  | taskpact |");
});

test("each target is of a metric that is measured, of ours and of whom it names", () => {
  for (const { metric, of } of targets) {
    const [name] = metric.split(".");
    const figure = compared.find((one) => one.name === name);
    expect(figure?.metrics.map((one) => `${name}.${one.key}`)).toContain(metric);
    for (const who of ["taskpact", of ?? "taskpact"] as const) {
      expect(figure?.only ?? [who]).toContain(who);
    }
  }
});

test("no two figures have a name in common", () => {
  const names = [...compared, ...mixed].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("ratios are ours to theirs", () => {
  const lines = ratiosOf(results, ["bullmq", "bee-queue"]).split("\n");
  expect(lines[0]).toBe("| taskpact, of | bullmq | bee-queue |");
  expect(lines).toContain("| awaited calls/s, 100 in flight | 11 × | — |");
});

test("a page is filled between its marks, again and again", () => {
  const page = "before\n<!-- table -->\nold\n<!-- /table -->\nafter\n";
  const once = filled(page, "table", "new");
  expect(once).toBe("before\n<!-- table -->\n\nnew\n\n<!-- /table -->\nafter\n");
  expect(filled(once, "table", "new")).toBe(once);
  expect(() => filled(page, "ratios", "new")).toThrow("the page has no <!-- ratios --> … <!-- /ratios -->");
});

test("a chart's bars are as long as their rates are high, ours first, and its text is escaped", () => {
  const svg = chartOf(results, ["taskpact", "bare", "bullmq", "bee-queue"]);
  const lengths = [...svg.matchAll(/width="(\d+)" height="18"/g)].map(([, length]) => Number(length));
  expect(lengths).toHaveLength(3);
  const [ours = 0, bullmq = 0, bare = 0] = lengths;
  expect(ours / bare).toBeCloseTo(0.5, 2);
  expect(bullmq / bare).toBeCloseTo(5_500 / 118_000, 1);
  expect(svg).toContain("A&amp;B &lt;CPU>");
  expect(svg).toContain("59,000");
});
