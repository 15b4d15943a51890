/** One line of a comparison: in both texts, only in the first, or only in the second. */
interface Step {
  readonly sign: " " | "-" | "+";
  readonly line: string;
}

const context = 2;

/** Above this many comparisons of lines, what differs is shown as a whole, not line by line. */
const maxComparisons = 4_000_000;

/** The lines in which two texts differ, as `diff -u` shows them; empty for equal texts. */
export function difference(before: string, after: string): string {
  const steps = stepsOf(linesOf(before), linesOf(after));
  const shown = steps.map((_, index) =>
    steps.slice(Math.max(0, index - context), index + context + 1).some((step) => step.sign !== " "),
  );
  const lines: string[] = [];
  let oldLine = 1;
  let newLine = 1;
  steps.forEach(({ sign, line }, index) => {
    if (shown[index] === true) {
      if (shown[index - 1] !== true) lines.push(`@@ -${oldLine} +${newLine} @@`);
      lines.push(`${sign}${line}`);
    }
    if (sign !== "+") oldLine++;
    if (sign !== "-") newLine++;
  });
  return lines.join("\n");
}

function linesOf(text: string): readonly string[] {
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}

function stepsOf(before: readonly string[], after: readonly string[]): readonly Step[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  return [
    ...before.slice(0, start).map((line) => ({ sign: " ", line }) as const),
    ...middleSteps(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map((line) => ({ sign: " ", line }) as const),
  ];
}

/** By the longest common subsequence: the table of its lengths from each pair of places on. */
function middleSteps(before: readonly string[], after: readonly string[]): readonly Step[] {
  const removed = before.map((line) => ({ sign: "-", line }) as const);
  const added = after.map((line) => ({ sign: "+", line }) as const);
  if (before.length * after.length > maxComparisons) return [...removed, ...added];
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const lengthAt = (row: number, column: number): number => lengths[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      lengths[row * width + column] =
        before[row] === after[column]
          ? lengthAt(row + 1, column + 1) + 1
          : Math.max(lengthAt(row + 1, column), lengthAt(row, column + 1));
    }
  }
  const steps: Step[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length && column < after.length) {
    if (before[row] === after[column]) {
      steps.push({ sign: " ", line: before[row] ?? "" });
      row++;
      column++;
    } else if (lengthAt(row + 1, column) >= lengthAt(row, column + 1)) {
      steps.push(...removed.slice(row, ++row));
    } else {
      steps.push(...added.slice(column, ++column));
    }
  }
  return [...steps, ...removed.slice(row), ...added.slice(column)];
}
