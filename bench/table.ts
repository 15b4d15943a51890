import type { Figure, Metric } from "./figure.ts";
import type { ContestantName } from "./lab.ts";
import { medianOf, type Results } from "./results.ts";
import { type Target, targets } from "./targets.ts";

/** The table of a run, as Markdown: a line a metric, a column a contestant, and what was aimed at. */
export function tableOf(results: Results, figures: readonly Figure[], names: readonly ContestantName[]): string {
  const rows = figures.flatMap((figure) =>
    figure.metrics.map((metric) => [
      metric.label,
      ...names.map((name) => text(medianOf(results, figure.name, name, metric.key), metric)),
      targets
        .filter(({ metric: aimed }) => aimed === `${figure.name}.${metric.key}`)
        .flatMap((target) => judge(results, figure, metric, target))
        .join(", "),
    ]),
  );
  const head = ["", ...names, "ours ÷ theirs (target)"];
  const lines = [head, ["---", ...names.map(() => "---:"), "---"], ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** `10.7 × bullmq (≥ 10 ✓)`; nothing if either was not measured. */
function judge(results: Results, figure: Figure, metric: Metric, target: Target): readonly string[] {
  const ours = medianOf(results, figure.name, "taskpact", metric.key);
  const theirs = target.of === undefined ? 1 : medianOf(results, figure.name, target.of, metric.key);
  if (ours === undefined || theirs === undefined) return [];
  const ratio = ours / theirs;
  const met = target.is === "≥" ? ratio >= target.limit : ratio <= target.limit;
  const verdict = `(${target.is} ${target.limit} ${met ? "✓" : "✗"})`;
  return [target.of === undefined ? verdict : `${ratio.toPrecision(3)} × ${target.of} ${verdict}`];
}

function text(value: number | undefined, { digits }: Metric): string {
  if (value === undefined) return "—";
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
