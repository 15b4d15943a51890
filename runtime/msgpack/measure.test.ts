import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encode, encodedBytes } from "../codec.ts";

class Foreign {
  readonly a = 1;
}

/** What can't be carried, at any place of a value. */
const refused = fc.constantFrom<() => unknown>(
  () => () => 1,
  () => new Foreign(),
  () => Symbol("x"),
  () => new Date(Number.NaN),
  () => /x/,
  // oxlint-disable-next-line no-sparse-arrays
  () => [1, , 2],
  () => Object.defineProperty({}, "x", { enumerable: true, get: () => Foreign.name.repeat(-1) }),
);

const carried = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(null, undefined, true, -0, "x".repeat(300), "é".repeat(20), "x".repeat(70_000)),
  fc.uint8Array({ maxLength: 300 }),
  fc.float64Array({ maxLength: 20 }),
  fc.bigInt64Array({ maxLength: 4 }),
);

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    { arbitrary: carried, weight: 8 },
    { arbitrary: refused.map((make) => make()), weight: 1 },
    { arbitrary: fc.array(tie("value"), { maxLength: 20 }), weight: 2 },
    { arbitrary: fc.dictionary(fc.string(), tie("value"), { maxKeys: 20 }), weight: 2 },
    { arbitrary: fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)), weight: 1 },
    { arbitrary: fc.array(tie("value")).map((items) => new Set(items)), weight: 1 },
  ),
}));

function verdict(judge: () => number): unknown {
  try {
    return judge();
  } catch (error) {
    const { code, message, issues } = error as { code: unknown; message: unknown; issues: unknown };
    return { code, message, issues };
  }
}

test("measuring a value gives its size as encoded, or the same refusal", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(value, (given) => {
      expect(verdict(() => encodedBytes(given))).toEqual(verdict(() => encode(given).length));
    }),
    { numRuns: 200 },
  );
});
