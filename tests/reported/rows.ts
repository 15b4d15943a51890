/** The rows of faults that users, operators and attackers reported, by number. Each has at least one test in this folder. */
export const rows: readonly string[] = [
  ...numbered("A", 14),
  ...numbered("B", 8),
  ...numbered("C", 7),
  ...numbered("D", 9),
  ...numbered("E", 3),
  ...numbered("F", 11),
  ...numbered("G", 6),
  // Project set-ups.
  "S1",
  "S2",
  "S3",
  "S5",
  "S6",
  "S7",
  "S8",
  "S9",
  "S12",
];

function numbered(section: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${section}${index + 1}`);
}
