import { AssertionError } from "node:assert";
import { expect as judge, test } from "vitest";
import { type Expectation, expect } from "./expectation.ts";

class Thing {
  readonly a = 1;
}

/** Values that rules compare, and others that are nearly the same. */
const values: readonly unknown[] = [
  undefined,
  null,
  0,
  -0,
  1,
  NaN,
  "",
  "a",
  true,
  false,
  [],
  [1],
  [1, 2],
  [2, 1],
  [undefined],
  [[1]],
  {},
  { a: 1 },
  { a: 2 },
  { a: undefined },
  { a: 1, b: undefined },
  { a: 1, b: 2 },
  { a: { b: 1 } },
  { a: { b: 1, c: 2 } },
  { a: [1, { b: 1 }] },
  { a: [1, { b: 1, c: 2 }] },
  { a: [1] },
  { length: 1 },
  new Thing(),
  new Map(),
  new Map([["a", 1]]),
  new Map([["a", 2]]),
  new Map([["b", 1]]),
  new Map([["a", { b: 1 }]]),
  Buffer.from("a"),
  Buffer.from("b"),
  Buffer.from("ab"),
  new Error("a"),
];

/** Whether it throws, as all that do not hold do. */
function holds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    judge((error as Error).name).toMatch(/AssertionError|TypeError|Error/);
    return false;
  }
}

const matchers: readonly {
  readonly name: string;
  readonly ours: (given: Expectation, expected: unknown) => void;
  readonly theirs: (actual: unknown, expected: unknown) => void;
}[] = [
  { name: "toBe", ours: (given, it) => given.toBe(it), theirs: (actual, it) => judge(actual).toBe(it) },
  { name: "not.toBe", ours: (given, it) => given.not.toBe(it), theirs: (actual, it) => judge(actual).not.toBe(it) },
  { name: "toEqual", ours: (given, it) => given.toEqual(it), theirs: (actual, it) => judge(actual).toEqual(it) },
  {
    name: "toMatchObject",
    ours: (given, it) => given.toMatchObject(it as object),
    theirs: (actual, it) => judge(actual).toMatchObject(it as object),
  },
];

/** What is matched in part is no list where a list is asked for, and the like: there ours asks for more. */
function isStricter(name: string, actual: unknown, expected: unknown): boolean {
  return name === "toMatchObject" && kindOf(actual) !== kindOf(expected);
}

function kindOf(value: unknown): string {
  return Array.isArray(value) || value instanceof Map || value instanceof Uint8Array ? value.constructor.name : "shape";
}

test.each(matchers)("$name says of all values what vitest says of them", ({ name, ours, theirs }) => {
  for (const actual of values) {
    for (const expected of values) {
      // Vitest takes only objects there, and no rule gives it anything else.
      const isShape = typeof expected === "object" && expected !== null && !(expected instanceof Error);
      if (name === "toMatchObject" && (!isShape || typeof actual !== "object" || actual === null)) continue;
      if (actual instanceof Error !== expected instanceof Error) continue;
      const [our, their] = [holds(() => ours(expect(actual), expected)), holds(() => theirs(actual, expected))];
      if (!isStricter(name, actual, expected) || our)
        judge([name, actual, expected, our]).toEqual([name, actual, expected, their]);
    }
  }
});

test("any number stands for numbers alone, at any depth", () => {
  expect({ a: [5] }).toEqual({ a: [expect.any(Number)] });
  judge(() => expect({ a: ["5"] }).toEqual({ a: [expect.any(Number)] })).toThrow(/to equal .*any number/s);
  judge(() => expect({}).toMatchObject({ a: expect.any(Number) })).toThrow(AssertionError);
});

test("what is compared with a number must be one", () => {
  expect(2).toBeGreaterThan(1);
  expect(1).toBeGreaterThanOrEqual(1);
  expect(1).toBeLessThan(2);
  expect(1).toBeLessThanOrEqual(1);
  for (const other of [undefined, NaN, "5"]) judge(() => expect(other).toBeGreaterThan(1)).toThrow(/to be a number/);
  judge(() => expect(1).toBeGreaterThan(1)).toThrow("expected 1 to be greater than 1");
  judge(() => expect(0).toBeGreaterThanOrEqual(1)).toThrow("expected 0 to be at least 1");
  judge(() => expect(2).toBeLessThan(2)).toThrow("expected 2 to be less than 2");
  judge(() => expect(3).toBeLessThanOrEqual(2)).toThrow("expected 3 to be at most 2");
});

test("the smaller ones hold, and do not", () => {
  expect(1).toBeDefined();
  expect(undefined).toBeUndefined();
  expect([1]).toContain(1);
  expect([1]).not.toContain(2);
  expect([1]).toHaveLength(1);
  expect("abc").toMatch(/b/);
  judge(() => expect(undefined).toBeDefined()).toThrow(AssertionError);
  judge(() => expect(null).toBeUndefined()).toThrow(AssertionError);
  judge(() => expect([1]).toContain(2)).toThrow(AssertionError);
  judge(() => expect(undefined).toContain(2)).toThrow(AssertionError);
  judge(() => expect([1]).not.toContain(1)).toThrow(AssertionError);
  judge(() => expect(undefined).not.toContain(1)).toThrow(AssertionError);
  judge(() => expect([1]).toHaveLength(2)).toThrow(AssertionError);
  judge(() => expect(undefined).toHaveLength(0)).toThrow(AssertionError);
  judge(() => expect("abc").toMatch(/d/)).toThrow(AssertionError);
  judge(() => expect(5).toMatch(/5/)).toThrow(AssertionError);
});

test("a promise rejects with a part that is told, and not at all with a value", async () => {
  const away = Promise.reject(Object.assign(new Error("away"), { code: "unavailable" }));
  await expect(away).rejects.toMatchObject({ code: "unavailable" });
  await judge(expect(away).rejects.toMatchObject({ code: "internal" })).rejects.toThrow(AssertionError);
  await judge(expect(Promise.resolve(5)).rejects.toMatchObject({})).rejects.toThrow("it was kept with 5");
});

test("a failure shows both values to whoever prints it", () => {
  try {
    expect({ a: 1 }).toEqual({ a: 2 });
  } catch (error) {
    judge(error).toMatchObject({
      actual: { a: 1 },
      expected: { a: 2 },
      message: "expected { a: 1 } to equal { a: 2 }",
    });
    return;
  }
  throw new Error("it holds");
});
