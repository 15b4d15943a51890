import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

function faults(...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  const program = ["--import", "tsx", "-C", "taskpact-source", new URL("main.ts", import.meta.url).pathname];
  return spawnSync(process.execPath, [...program, ...args], { encoding: "utf8", timeout: 20_000 });
}

test.for([
  [["--case", "nonsense"], "--case nonsense: there is no such case"],
  [["--seed", "-1"], "--seed"],
  [["--loud"], "--loud"],
] as const)("the command ends with 2 when called wrongly: %j", ([args, words]) => {
  const { status, stderr } = faults(...args);
  expect([status, stderr]).toEqual([2, expect.stringContaining(words)]);
});
