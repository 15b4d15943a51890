import type { FaultCase, Result } from "./case.ts";

/** A line that tells how a case went: as soon as it is over, for the whole takes half an hour. */
export function lineOf({ name, violations, seconds }: Result): string {
  const verdict = violations.length === 0 ? "held" : `VIOLATED (${violations.length})`;
  return `${name}: ${verdict}, ${seconds} s`;
}

/** The table, in Markdown, and what was violated below it. */
export function tableOf(cases: readonly FaultCase[], results: readonly Result[]): string {
  const rows = results.map(({ name, figures, violations, seconds }) => {
    const fault = cases.find((one) => one.name === name)!;
    const told = Object.entries(figures).map(([figure, value]) => `${figure}: ${value}`);
    return [
      name,
      fault.done,
      fault.holds,
      violations.length === 0 ? "held" : "VIOLATED",
      told.join("; "),
      `${seconds}`,
    ];
  });
  const lines = [["case", "what is done", "must hold", "verdict", "figures", "s"], Array(6).fill("---"), ...rows];
  const table = lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const violated = results.flatMap(({ name, violations }) => violations.map((what) => `${name}: ${what}`));
  return violated.length === 0 ? `${table}\n` : `${table}\n\nViolated:\n${violated.join("\n")}\n`;
}
