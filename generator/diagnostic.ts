/** A place in a file, for people: lines and columns count from 1. */
export interface Place {
  /** Below the project's folder, with forward slashes; absolute for a file outside of it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something that the user has to know, and where. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** Absent for what concerns no file. */
  readonly at?: Place | undefined;
  /** What is wrong, in a sentence without its full stop. */
  readonly reason: string;
  /** What to do about it, likewise. */
  readonly remedy: string;
}

/** An error at a place. */
export function errorAt(at: Place | undefined, reason: string, remedy: string): Diagnostic {
  return { severity: "error", at, reason, remedy };
}

/** A warning at a place. */
export function warningAt(at: Place | undefined, reason: string, remedy: string): Diagnostic {
  return { severity: "warning", at, reason, remedy };
}

/** The start of a file. */
export function startOf(file: string): Place {
  return { file, line: 1, column: 1 };
}

/** `contracts/math.ts:3:14`, which editors and terminals make a link. */
export function placeText(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}

/** Whether any of them is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

/** In the order of files and places, each once. */
export function sortedDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const byText = new Map(diagnostics.map((diagnostic) => [diagnosticText(diagnostic), diagnostic]));
  return [...byText.values()].toSorted((a, b) => {
    const [left, right] = [a.at, b.at];
    if (left === undefined || right === undefined) return Number(left !== undefined) - Number(right !== undefined);
    if (left.file !== right.file) return left.file < right.file ? -1 : 1;
    return left.line - right.line || left.column - right.column;
  });
}

/**
 * ```
 * contracts/math.ts:3:14 - error: a task can't be called "with"
 *   rename it: every client has a member of that name
 * ```
 */
export function diagnosticText(diagnostic: Diagnostic): string {
  const place = diagnostic.at === undefined ? "" : `${placeText(diagnostic.at)} - `;
  return `${place}${diagnostic.severity}: ${diagnostic.reason}\n  ${diagnostic.remedy}`;
}
