import type { ContestantName } from "./lab.ts";
import { medianOf, type Results } from "./results.ts";

/** What the chart shows: figure, metric, title. */
const shown = [
  ["calls-100", "perSecond", "awaited calls/s, 100 in flight"],
  ["calls-1000", "perSecond", "awaited calls/s, 1,000 in flight"],
  ["submit", "submitsPerSecond", "submits/s"],
  ["drain", "drainsPerSecond", "drained/s, 20,000 waiting"],
] as const;

/** From top to bottom. */
const order: readonly ContestantName[] = ["taskpact", "bullmq", "bee-queue", "bare"];

/** What bars are named; the bare protocol is no queue that one could use. */
const labels: Partial<Record<ContestantName, string>> = { bullmq: "BullMQ", bare: "no safety" };
const fills: Partial<Record<ContestantName, string>> = { taskpact: "#0969da", bare: "#eaeef2" };

const margin = 28;
const panelWidth = 344;
const gap = 32;
const labelWidth = 76;
const valueWidth = 60;
const barHeight = 18;
const barStep = 24;
const titleHeight = 28;
const headHeight = 74;
const width = 2 * margin + 2 * panelWidth + gap;

/**
 * Rates as bars, longer is better, two panels a row, as SVG. It brings its own white ground, so that it reads the same on
 * a light page and on a dark one.
 */
export function chartOf(results: Results, names: readonly ContestantName[]): string {
  const panels = shown.flatMap(([figure, metric, title]) => {
    const bars = order.flatMap((name) => {
      if (!names.includes(name)) return [];
      const value = medianOf(results, figure, name, metric);
      return value === undefined ? [] : [{ name, value }];
    });
    return bars.length === 0 ? [] : [{ title, bars }];
  });
  const most = Math.max(0, ...panels.map(({ bars }) => bars.length));
  const panelHeight = titleHeight + most * barStep + 18;
  const height = headHeight + Math.ceil(panels.length / 2) * panelHeight + margin - 20;
  const parts = panels.map(({ title, bars }, index) => {
    const x = margin + (index % 2) * (panelWidth + gap);
    return panelOf(title, bars, x, headHeight + Math.floor(index / 2) * panelHeight);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="Rates by library: longer bars are better">
<style>text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a } .strong { font-weight: 600; fill: #1f2328 } .head { font-size: 16px }</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="#ffffff" stroke="#d0d7de"/>
<text class="strong head" x="${margin}" y="34">Rates on one machine, in one run: longer is better</text>
<text x="${margin}" y="53">${escaped(results.machine.split(", ").slice(0, 5).join(", "))}</text>
${parts.join("\n")}
</svg>
`;
}

function panelOf(
  title: string,
  bars: readonly { name: ContestantName; value: number }[],
  x: number,
  y: number,
): string {
  const longest = panelWidth - labelWidth - valueWidth;
  const most = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ name, value }, index) => {
    const top = y + titleHeight + index * barStep;
    const length = Math.max(2, Math.round((longest * value) / most));
    const ours = name === "taskpact" ? ' class="strong"' : "";
    const text = `y="${top + 13}"`;
    return [
      `<text${ours} x="${x + labelWidth - 8}" ${text} text-anchor="end">${labels[name] ?? name}</text>`,
      `<rect x="${x + labelWidth}" y="${top}" width="${length}" height="${barHeight}" rx="3" fill="${fills[name] ?? "#afb8c1"}"/>`,
      `<text${ours} x="${x + labelWidth + length + 6}" ${text}>${Math.round(value).toLocaleString("en")}</text>`,
    ].join("\n");
  });
  return [`<text class="strong" x="${x}" y="${y + 14}">${title}</text>`, ...lines].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
