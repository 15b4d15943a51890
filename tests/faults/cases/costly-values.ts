import { TaskError } from "taskpact";
import { decode } from "../../../runtime/codec.ts";
import { costlyValues } from "../../fuzz/costly-values.ts";
import type { FaultCase } from "../case.ts";

/** How long reading a mebibyte of any bytes may take, ms. */
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
      const ms = least(() => read(value)) * (1_048_576 / value.length);
      if (ms > worst.ms) worst = { name, ms };
      run.mustWithin(ms, mostMs, `${name}: ${ms.toFixed(1)} ms a mebibyte`);
    }
    run.figure("shapes", Object.keys(costlyValues).length);
    run.figure("worst, ms a MiB", Math.round(worst.ms));
    run.figure("of", worst.name);
    run.figure("an object of as many numbers, made by V8 alone, ms", Math.round(least(byV8)));
  },
};

function read(value: Buffer): void {
  try {
    decode(value);
  } catch (refused) {
    if (!(refused instanceof TaskError)) throw refused;
  }
}

/** Shows how fast the machine is: builds an object with as many numeric keys as fit into a mebibyte of MessagePack, without reading any. */
function byV8(): object {
  const made: Record<number, null> = {};
  for (let index = 0; index < 1_048_576 / 6; index++) made[index * 7] = null;
  return made;
}

/** The CPU time of the fastest of five runs, ms. */
function least(work: () => unknown): number {
  return Math.min(...[1, 2, 3, 4, 5].map(() => cpuMsOf(work)));
}

function cpuMsOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
