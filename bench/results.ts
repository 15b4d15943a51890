import type { Asked } from "./contestants/loads.ts";
import type { ContestantName } from "./lab.ts";

/** All that was measured in one run: by figure and contestant, one entry a repetition. */
export interface Results {
  readonly machine: string;
  readonly repetitions: number;
  readonly samples: Partial<Record<string, Partial<Record<ContestantName, Asked[]>>>>;
}

/** The median of a metric; undefined if it was not measured. */
export function medianOf(results: Results, figure: string, name: ContestantName, metric: string): number | undefined {
  const values = results.samples[figure]?.[name]?.flatMap((sample) => sample[metric] ?? []);
  return values === undefined || values.length === 0 ? undefined : median(values);
}

/** The middle value; of an even number, the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2;
}
