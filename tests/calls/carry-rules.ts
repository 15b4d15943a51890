import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { CallLab, LooseAnswer } from "./lab.ts";

class Foreign {
  readonly a = 1;
}

const value = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
    withSparseArray: true,
  }),
  fc
    .constantFrom<() => unknown>(
      () => () => 1,
      () => ({ deep: [new Foreign()] }),
      () => new Map([["x", Symbol("y")]]),
      () => new Date(Number.NaN),
    )
    .map((make) => make()),
  // Around the limits.
  fc.integer({ min: 600, max: 1_100 }).map((length) => "x".repeat(length)),
);

function verdict(answer: LooseAnswer): unknown {
  return answer.ok ? "ok" : { code: answer.error.code, reason: answer.error.reason };
}

/** What can be carried: the same in this process and on a worker. */
export function carryRules(lab: () => CallLab): void {
  it(
    "params, results, errors and progress have the same verdict here as on a worker",
    { timeout: 120_000 },
    async () => {
      const it = lab();
      await it.worker();
      let given: unknown;
      it.acts["result"] = () => given;
      it.acts["progress"] = ({ progress }) => progress(given);
      const tasks = it.client({ implementations: [it.implementation("here")], maxParamsBytes: 1_000 });
      const places = (["local-only", "remote-only"] as const).map((policy) => tasks.with({ policy }).safe);
      await fc.assert(
        fc.asyncProperty(value, async (one) => {
          given = one;
          for (const call of [
            (place: (typeof places)[number]) => place.anything(one),
            (place: (typeof places)[number]) => place.acting("result"),
            (place: (typeof places)[number]) => place.acting("progress"),
          ]) {
            const [here, remote] = await Promise.all(places.map(async (place) => verdict(await call(place))));
            expect(here).toEqual(remote);
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  it("what is too large is refused here as on a worker, also as a result", { timeout: 60_000 }, async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    for (const policy of ["local-only", "remote-only"] as const)
      await expect(tasks.with({ policy }).long(1_048_576)).rejects.toMatchObject({
        code: "resource_exhausted",
        reason: expect.stringContaining("its result takes 1048") as string,
      });
  });
}
