import { AssertionError } from "node:assert";
import { inspect } from "node:util";

/** Stands in an expected value for any value of a primitive kind: see {@link expect.any}. */
class Any {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  [inspect.custom](): string {
    return `any ${this.kind}`;
  }
}

/** What a rule may say of a value. Each throws an AssertionError where it does not hold. */
export interface Expectation {
  /** It is this one: the same object, or an equal primitive. */
  toBe(expected: unknown): void;
  /** It holds the same in all its depth. A property that is undefined counts as absent. */
  toEqual(expected: unknown): void;
  /** Objects have at least the given properties, and lists as many items; in all its depth. */
  toMatchObject(expected: object): void;
  toBeDefined(): void;
  toBeUndefined(): void;
  toBeGreaterThan(least: number): void;
  toBeGreaterThanOrEqual(least: number): void;
  toBeLessThan(most: number): void;
  toBeLessThanOrEqual(most: number): void;
  /** One of the items is this one. */
  toContain(item: unknown): void;
  toHaveLength(length: number): void;
  toMatch(pattern: RegExp): void;
  readonly not: { toBe(expected: unknown): void; toContain(item: unknown): void };
  readonly rejects: { toMatchObject(expected: object): Promise<void> };
}

/** Says what a value must be. It stands on Node alone, so that the rules run under any test runner. */
export function expect(actual: unknown): Expectation {
  const judge = (holds: boolean, words: string, ...expected: readonly unknown[]): void => {
    if (holds) return;
    const message = ["expected", show(actual), words, ...expected.map(show)].join(" ");
    throw new AssertionError({ message, actual, expected: expected[0], operator: words, stackStartFn: judge });
  };
  const isOne = (expected: unknown): boolean => Object.is(actual, expected);
  const holds = (item: unknown): boolean => Array.isArray(actual) && actual.includes(item);
  const number = (): number => {
    judge(typeof actual === "number" && !Number.isNaN(actual), "to be a number");
    return actual as number;
  };
  return {
    toBe: (expected) => judge(isOne(expected), "to be", expected),
    toEqual: (expected) => judge(agrees(actual, expected, false), "to equal", expected),
    toMatchObject: (expected) =>
      judge(typeof actual === "object" && agrees(actual, expected, true), "to match", expected),
    toBeDefined: () => judge(actual !== undefined, "to be defined"),
    toBeUndefined: () => judge(actual === undefined, "to be undefined"),
    toBeGreaterThan: (least) => judge(number() > least, "to be greater than", least),
    toBeGreaterThanOrEqual: (least) => judge(number() >= least, "to be at least", least),
    toBeLessThan: (most) => judge(number() < most, "to be less than", most),
    toBeLessThanOrEqual: (most) => judge(number() <= most, "to be at most", most),
    toContain: (item) => judge(holds(item), "to contain", item),
    toHaveLength: (length) =>
      judge((actual as ArrayLike<unknown> | undefined)?.length === length, "to have the length", length),
    toMatch: (pattern) => judge(typeof actual === "string" && pattern.test(actual), "to match", pattern),
    not: {
      toBe: (expected) => judge(!isOne(expected), "not to be", expected),
      toContain: (item) => judge(Array.isArray(actual) && !actual.includes(item), "not to contain", item),
    },
    rejects: {
      async toMatchObject(expected) {
        const settled = await Promise.resolve(actual).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        );
        if ("error" in settled) return expect(settled.error).toMatchObject(expected);
        judge(false, "to reject; it was kept with", settled.value);
      },
    },
  };
}

/** Any value of a primitive kind, within an expected one: `expect.any(Number)`. */
expect.any = (constructor: NumberConstructor | StringConstructor): unknown => new Any(constructor.name.toLowerCase());

/** Whether a value is as expected; `loosely`: it may have properties besides. */
function agrees(actual: unknown, expected: unknown, loosely: boolean): boolean {
  if (expected instanceof Any) return typeof actual === expected.kind;
  if (Object.is(actual, expected)) return true;
  if (!isObject(actual) || !isObject(expected)) return false;
  if (ArrayBuffer.isView(expected)) return ArrayBuffer.isView(actual) && bytesOf(actual).equals(bytesOf(expected));
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false;
    return expected.every((item, at) => agrees(actual[at], item, loosely));
  }
  if (expected instanceof Map) {
    if (!(actual instanceof Map) || actual.size !== expected.size) return false;
    return [...expected].every(([key, item]) => actual.has(key) && agrees(actual.get(key), item, loosely));
  }
  if (Array.isArray(actual) || actual instanceof Map || ArrayBuffer.isView(actual)) return false;
  const names = new Set([...Object.keys(expected), ...(loosely ? [] : Object.keys(actual))]);
  return [...names].every((name) => {
    // Where only a part is told, what it tells must be there, even if it is undefined.
    if (loosely && !(name in actual)) return false;
    return agrees((actual as Shape)[name], (expected as Shape)[name], loosely);
  });
}

type Shape = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function show(value: unknown): string {
  return inspect(value, { depth: 6, maxArrayLength: 30, maxStringLength: 200, breakLength: 120 });
}
