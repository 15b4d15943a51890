import type { Reporter, TestModule } from "vitest/node";
import type { ReportedRow } from "./reported.ts";
import { rows } from "./rows.ts";

interface Line extends ReportedRow {
  readonly state: string;
}

/** Prints the table of reported faults: row, right, got. A row without a test fails the run. */
export default class ReportedTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap(linesOf).sort(byRow);
    const tested = new Set(lines.map(({ row }) => row));
    const missing = rows.filter((row) => !tested.has(row));
    for (const { row, right, broker, got = "", state } of lines) {
      const verdict = state === "passed" ? "right" : state === "skipped" ? "skipped" : "WRONG";
      print([row.padEnd(4), verdict.padEnd(7), (broker ?? "").padEnd(7), right, got].join(" | "));
    }
    const right = lines.filter(({ state }) => state === "passed").length;
    print(`${right} of ${lines.length} lines right, ${rows.length - missing.length} of ${rows.length} rows tested`);
    if (missing.length === 0) return;
    print(`no test: ${missing.join(", ")}`);
    process.exitCode = 1;
  }
}

function linesOf(module: TestModule): readonly Line[] {
  const lines: Line[] = [];
  for (const test of module.children.allTests()) {
    const { reported } = test.meta();
    if (reported !== undefined) lines.push({ ...reported, state: test.result().state });
  }
  return lines;
}

function byRow(a: Line, b: Line): number {
  return rows.indexOf(a.row) - rows.indexOf(b.row);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
