import type { Figure, Metric } from "./figure.ts";
import type { ContestantName } from "./lab.ts";
import { medianOf, type Results } from "./results.ts";
import { type Target, targets } from "./targets.ts";

/** Figures of one run as Markdown: a line a metric, a column a contestant who was measured, and what was aimed at. */
export function tableOf(results: Results, figures: readonly Figure[], all: readonly ContestantName[]): string {
  const names = all.filter((name) => figures.some((figure) => results.samples[figure.name]?.[name] !== undefined));
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
  const aimed = rows.some((cells) => cells.at(-1) !== "");
  const head = ["", ...names, "ours ÷ theirs (target)"];
  const lines = [head, ["---", ...names.map(() => "---:"), "---"], ...rows];
  return markdown(aimed ? lines : lines.map((cells) => cells.slice(0, -1)));
}

/** What the README shows: how many times as fast, or as cheap, as two peers. */
const ratios: readonly (readonly [string, string, string])[] = [
  ["calls-1", "p50", "a lone call takes"],
  ["calls-100", "perSecond", "awaited calls/s, 100 in flight"],
  ["calls-1000", "perSecond", "awaited calls/s, 1,000 in flight"],
  ["calls-100", "nodeUs", "Node CPU a call, 100 in flight"],
  ["calls-100", "redisUs", "Redis CPU a call, 100 in flight"],
  ["submit", "submitsPerSecond", "submits/s"],
  ["drain", "drainsPerSecond", "drained/s, by a worker that has served for a while"],
];

/** Ratios to some peers, as Markdown; `—` where one was not measured. */
export function ratiosOf(results: Results, peers: readonly ContestantName[]): string {
  const ratio = (figure: string, metric: string, peer: ContestantName): string => {
    const ours = medianOf(results, figure, "taskpact", metric);
    const theirs = medianOf(results, figure, peer, metric);
    return ours === undefined || theirs === undefined ? "—" : `${(ours / theirs).toPrecision(2)} ×`;
  };
  const rows = ratios.map(([figure, metric, label]) =>
    [label].concat(peers.map((peer) => ratio(figure, metric, peer))),
  );
  const head = ["taskpact, of", ...peers];
  return markdown([head, ["---", ...peers.map(() => "---:")], ...rows]);
}

/**
 * A page with what stands between `<!-- name -->` and `<!-- /name -->` replaced.
 *
 * @throws Error if it has no such place.
 */
export function filled(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${content}\n\n${page.slice(to)}`;
}

function markdown(lines: readonly (readonly string[])[]): string {
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
