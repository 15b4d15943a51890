import { TaskError } from "taskpact";
import { decode } from "../../../runtime/codec.ts";
import { costlyValues } from "../../fuzz/costly-values.ts";
import type { FaultCase } from "../case.ts";

/** A mebibyte of any bytes may take so long to be read, ms. */
const mostMs = 50;

export const costlyBytes: FaultCase = {
  name: "costly-values",
  done: "bytes of each shape that costs its reader most: colliding numbers in Sets and Maps, keys that are far indexes, tiny objects",
  holds: `a mebibyte of any of them is read or refused within ${mostMs} ms`,
  async run(run) {
    const bytes = run.scale === "full" ? 1_048_576 : 65_536;
    let worst = { name: "", ms: 0 };
    for (const [name, shape] of Object.entries(costlyValues)) {
      const value = shape(bytes);
      const ms = Math.min(...[1, 2, 3, 4, 5].map(() => cpuMsOf(value))) * (1_048_576 / value.length);
      if (ms > worst.ms) worst = { name, ms };
      run.mustWithin(ms, mostMs, `${name}: ${ms.toFixed(1)} ms a mebibyte`);
    }
    run.figure("shapes", Object.keys(costlyValues).length);
    run.figure("worst, ms a MiB", Math.round(worst.ms));
    run.figure("of", worst.name);
  },
};

/** How long this process works on a value, ms. */
function cpuMsOf(value: Buffer): number {
  const before = process.cpuUsage();
  try {
    decode(value);
  } catch (refused) {
    if (!(refused instanceof TaskError)) throw refused;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
