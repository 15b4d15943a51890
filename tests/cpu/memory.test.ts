import { beforeAll, describe } from "vitest";
import { builtLab } from "./built.ts";
import { cpuRules } from "./rules.ts";
import { CpuStage, type Pooled } from "./stage.ts";

let count = 0;

describe("tasks with cpu on memory:", { timeout: 60_000 }, () => {
  let pooled: Pooled;

  beforeAll(async () => {
    pooled = await builtLab();
  }, 120_000);

  cpuRules(() => {
    const url = `memory:cpu-${count++}`;
    return new CpuStage(() => url, pooled);
  });
});
