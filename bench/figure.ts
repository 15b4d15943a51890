import type { Asked } from "./contestants/loads.ts";
import type { ContestantName, Lab } from "./lab.ts";

/** A quantity that a figure measures. */
export interface Metric {
  readonly key: string;
  readonly label: string;
  readonly digits: number;
}

/** A figure of the comparison. */
export interface Figure {
  readonly name: string;
  readonly metrics: readonly Metric[];
  /** Who takes part. @default all but `unbatched`, who is of the mixed figures alone */
  readonly only?: readonly ContestantName[];
  /** For what takes long, or does not vary: no more repetitions than these, whatever `--reps` says. */
  readonly most?: number;
  /** Measures one contestant once, on an empty Redis. */
  measure(lab: Lab, name: ContestantName): Promise<Asked>;
}
