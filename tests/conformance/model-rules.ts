import fc from "fast-check";
import { test } from "vitest";
import type { Harness } from "./lab.ts";
import { commands } from "./model-commands.ts";
import { History } from "./model-history.ts";
import { Model } from "./model.ts";

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
const { replayPath, ...replay } = JSON.parse(process.env["MODEL"] ?? "{}") as Replay;

/** What it may take, ms: a fast machine needs a tenth. */
const timeout = 1_000 * Math.max(300, replay.numRuns ?? 0);

/** Of up to three hundred steps, and more than a hundred on average. */
const histories = fc.commands<Model, History, boolean>([...commands], {
  size: "max",
  maxCommands: 300,
  ...(replayPath !== undefined && { replayPath }),
});

/** Long histories of all steps against a plain model. */
export function modelRules(open: () => Promise<Harness>): void {
  async function run(watched: boolean, numRuns: number): Promise<void> {
    const property = fc.asyncProperty(histories, async (history) => {
      const harness = await open();
      try {
        const model = new Model();
        const real = await History.open(harness, watched);
        await fc.asyncModelRun(() => ({ model, real }), history);
        await real.end(model);
      } finally {
        await harness.dispose();
      }
    });
    await fc.assert(property, { numRuns, ...replay });
  }

  test("a broker does what the model does, in any history", { timeout }, () => run(true, 200));

  test("also where nobody looks on, whose looks would end what is late", { timeout }, () => run(false, 100));
}
