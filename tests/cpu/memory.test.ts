import { describe } from "vitest";
import { cpuRules } from "./rules.ts";
import { CpuStage } from "./stage.ts";

let count = 0;

describe("tasks with cpu on memory:", { timeout: 60_000 }, () => {
  cpuRules(() => {
    const url = `memory:cpu-${count++}`;
    return new CpuStage(() => url);
  });
});
