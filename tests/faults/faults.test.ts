import { expect, test } from "vitest";
import { describeRedis } from "../redis/suite.ts";
import { cases } from "./cases.ts";
import { perform } from "./perform.ts";

/** Another history with each run; a failure tells the seed, and `npm run faults -- --seed N --short` plays it again. */
const seed = Math.floor(Math.random() * 2 ** 32);

describeRedis(`faults, seed ${seed}`, () => {
  test.for(cases.map((fault) => [fault.name, fault.holds, fault] as const))(
    "%s: %s",
    { timeout: 90_000 },
    async ([, , fault]) => {
      const { violations, figures } = await perform(fault, "short", seed);
      expect(violations, `seed ${seed}, ${JSON.stringify(figures)}`).toEqual([]);
    },
  );
});
