import type { ContestantName } from "./lab.ts";
import { medianOf, type Results } from "./results.ts";

/** What the chart shows, each with the way that its bars are read. */
const shown = [
  ["calls-100", "perSecond", "calls/s, 100 in flight"],
  ["calls-1000", "perSecond", "calls/s, 1,000 in flight"],
  ["drain", "drainsPerSecond", "drain/s, 20,000 waiting"],
  ["submit", "submitsPerSecond", "submit/s"],
] as const;

const width = 720;
const left = 110;
const barHeight = 16;
const longest = width - left - 90;

/** Bars of rates, longer is better, as SVG that is read on light and on dark ground. */
export function chartOf(results: Results, names: readonly ContestantName[]): string {
  let y = 8;
  const parts: string[] = [];
  for (const [figure, metric, label] of shown) {
    const bars = names.flatMap((name) => {
      const value = medianOf(results, figure, name, metric);
      return value === undefined ? [] : [{ name, value }];
    });
    if (bars.length === 0) continue;
    const most = Math.max(...bars.map(({ value }) => value));
    parts.push(`<text class="label" x="0" y="${y + 14}">${label}</text>`);
    y += 22;
    for (const { name, value } of bars) {
      const length = Math.max(1, Math.round((longest * value) / most));
      const middle = y + barHeight - 4;
      parts.push(
        `<text x="${left - 8}" y="${middle}" text-anchor="end">${name === "bare" ? "bare protocol" : name}</text>`,
        `<rect class="${name === "taskpact" ? "ours" : "theirs"}" x="${left}" y="${y}" width="${length}" height="${barHeight - 2}" rx="2"/>`,
        `<text x="${left + length + 6}" y="${middle}">${Math.round(value).toLocaleString("en")}</text>`,
      );
      y += barHeight + 2;
    }
    y += 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="Rates by library">
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a } .label { font-weight: 600; fill: #1f2328 }
.ours { fill: #0969da } .theirs { fill: #afb8c1 }
@media (prefers-color-scheme: dark) { text { fill: #8d96a0 } .label { fill: #e6edf3 } .ours { fill: #4493f8 } .theirs { fill: #484f58 } }
</style>
${parts.join("\n")}
</svg>
`;
}
