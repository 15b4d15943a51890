import type { Random } from "./random.ts";

/** How far a case goes: a few seconds of it, as one of the tests; or as far as its promise is worth. */
export type Scale = "short" | "full";

/** One kind of fault, and what must hold whenever it strikes. */
export interface FaultCase {
  /** As in `--case kill-storm`. */
  readonly name: string;
  /** What is done. */
  readonly done: string;
  /** What must hold. */
  readonly holds: string;
  /** Does it, and tells what it has found. What it throws is a violation, too. */
  run(run: Run): Promise<void>;
}

/** One run of a case: its chance, and where it tells what it finds. */
export interface Run {
  readonly scale: Scale;
  /** The seed as it was given; `random` is made of it and of the case's name. */
  readonly seed: number;
  /** All chance must come from here, so that the seed plays it again. */
  readonly random: Random;
  /** A folder of its own, which goes when the case is over. */
  readonly folder: string;
  /** Aborted when the case is over, before anything is undone: what is under way is to be left alone from then on. */
  readonly over: AbortSignal;
  /** Something measured, or a condition under which it was: a row's figure. The name has its unit: "worst reclaim, ms". */
  figure(name: string, value: number | string): void;
  /** Something that must hold. If it doesn't, the case has failed, and goes on. */
  must(holds: boolean, promise: string): void;
  /** A time limit. A short run shares its machine with other tests, so it gets ten times the limit. */
  mustWithin(tookMs: number, mostMs: number, promise: string): void;
  /** Has something undone when the case is over, however that ends; the last one first. */
  defer(undo: () => unknown): void;
}

/** What came of a case. */
export interface Result {
  readonly name: string;
  readonly scale: Scale;
  readonly seed: number;
  readonly figures: Readonly<Record<string, number | string>>;
  /** The promises that did not hold; none if all is well. */
  readonly violations: readonly string[];
  readonly seconds: number;
}
