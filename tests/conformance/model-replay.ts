import fc from "fast-check";

/**
 * What a failed run prints, to run it again: `MODEL='{"seed":1,"path":"3:1","replayPath":"AAB:C"}'`. Others of
 * fast-check's parameters do, too: `MODEL='{"numRuns":5000}'`.
 */
interface Replay {
  readonly seed?: number;
  readonly path?: string;
  readonly replayPath?: string;
  readonly numRuns?: number;
}

const { replayPath, ...rest } = JSON.parse(process.env["MODEL"] ?? "{}") as Replay;

/** What a run is told besides its property. */
export const replay: Omit<Replay, "replayPath"> = rest;

/** What a test of histories may take, ms: a fast machine needs a tenth. */
export const historiesTimeout = 1_000 * Math.max(300, replay.numRuns ?? 0);

/** Histories of up to so many steps, and more than a third of that on average. */
export function historiesOf<Model extends object, Real>(
  steps: readonly fc.Arbitrary<fc.AsyncCommand<Model, Real>>[],
  maxCommands: number,
): fc.Arbitrary<Iterable<fc.AsyncCommand<Model, Real>>> {
  return fc.commands<Model, Real, boolean>([...steps], {
    size: "max",
    maxCommands,
    ...(replayPath !== undefined && { replayPath }),
  });
}
