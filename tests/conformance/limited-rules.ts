import fc from "fast-check";
import { test } from "vitest";
import type { Harness } from "./harness.ts";
import { changingCommands, limitedCommands, type LimitedStep } from "./limited-commands.ts";
import { LimitedHistory } from "./limited-history.ts";
import { LimitedModel } from "./limited-model.ts";
import { historiesOf, historiesTimeout as timeout, replay } from "./model-replay.ts";

/** Long histories of limited, nested and paused calls. */
export function limitedRules(open: () => Promise<Harness>): void {
  async function run(commands: readonly fc.Arbitrary<LimitedStep>[], numRuns: number): Promise<void> {
    const histories = historiesOf<LimitedModel, LimitedHistory>(commands, 60);
    const property = fc.asyncProperty(histories, async (history) => {
      const harness = await open();
      try {
        const model = new LimitedModel();
        const real = await LimitedHistory.open(harness);
        await fc.asyncModelRun(() => ({ model, real }), history);
        await real.end(model);
      } finally {
        await harness.dispose();
      }
    });
    await fc.assert(property, { numRuns, ...replay });
  }

  test(
    "no limit is passed, nothing that is paused starts, and nothing waits without a reason, in any history",
    { timeout },
    () => run(limitedCommands, 100),
  );

  test("also where limits change and queues are purged, and all ends", { timeout }, () => run(changingCommands, 100));
}
