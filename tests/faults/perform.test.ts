import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { FaultCase, Run } from "./case.ts";
import { perform } from "./perform.ts";
import { tableOf } from "./report.ts";

function fault(run: FaultCase["run"]): FaultCase {
  return { name: "trial", done: "something", holds: "all is well", run };
}

test("the same seed gives a case the same chance, another seed or another name another", async () => {
  const drawn = async (seed: number, name = "trial"): Promise<number[]> => {
    const draws: number[] = [];
    const draw = async ({ random }: Run) => void draws.push(random.next(), random.between(1, 1_000_000));
    await perform({ ...fault(draw), name }, "short", seed);
    return draws;
  };
  expect(await drawn(1)).toEqual(await drawn(1));
  expect(await drawn(2)).not.toEqual(await drawn(1));
  expect(await drawn(1, "another")).not.toEqual(await drawn(1));
});

test("a short run gets ten times the time limit of a full one", async () => {
  const took = (ms: number) => fault(async (run) => run.mustWithin(ms, 10, "too slow"));
  expect((await perform(took(10), "full", 1)).violations).toEqual([]);
  expect((await perform(took(11), "full", 1)).violations).toEqual(["too slow"]);
  expect((await perform(took(100), "short", 1)).violations).toEqual([]);
  expect((await perform(took(101), "short", 1)).violations).toEqual(["too slow"]);
});

test("what did not hold, was thrown, or could not be undone is told; all else is undone all the same", async () => {
  const undone: string[] = [];
  let folder = "";
  const failing = fault(async (run) => {
    folder = run.folder;
    run.figure("kills", 3);
    run.defer(() => undone.push("first"));
    run.defer(() => Promise.reject(new Error("it hangs")));
    run.defer(() => undone.push("last"));
    run.must(true, "this held");
    for (let times = 0; times < 2; times++) run.must(false, "a call was lost");
    throw new Error("boom");
  });
  const result = await perform(failing, "short", 1);
  expect(result.violations).toEqual([
    "a call was lost",
    expect.stringContaining("boom"),
    expect.stringContaining("it hangs"),
  ]);
  expect(undone).toEqual(["last", "first"]);
  expect(existsSync(folder)).toBe(false);
  const table = tableOf([failing], [result]);
  expect(table).toContain("| trial | something | all is well | VIOLATED | kills: 3 |");
  expect(table).toContain("trial: a call was lost");
});
