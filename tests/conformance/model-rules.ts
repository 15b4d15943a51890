import fc from "fast-check";
import { test } from "vitest";
import type { Harness } from "./harness.ts";
import { commands } from "./model-commands.ts";
import { History } from "./model-history.ts";
import { historiesOf, historiesTimeout as timeout, replay } from "./model-replay.ts";
import { Model } from "./model.ts";

const histories = historiesOf<Model, History>(commands, 50);

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
