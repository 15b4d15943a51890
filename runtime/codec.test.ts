import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { decode, encode } from "./codec.ts";
import { TaskError } from "./errors.ts";

const trip = (value: unknown): unknown => decode(encode(value));
const hex = (value: unknown): string => encode(value).toString("hex");
const from = (text: string): unknown => decode(Buffer.from(text.replaceAll(" ", ""), "hex"));

function refusal(run: () => unknown): TaskError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TaskError);
    const refused = error as TaskError;
    expect(refused.code).toBe("invalid_argument");
    return refused;
  }
  throw new Error("it was not refused");
}

/** Every kind of value that is carried, nested in each other. */
const carried: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(undefined, null, true, false, Number.NaN, Infinity, -Infinity, -0, "", "__proto__", "constructor"),
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.string({ unit: "binary" }),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.int8Array(),
    fc.uint8ClampedArray(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
  ),
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { arbitrary: tie("leaf"), weight: 3 },
    fc.array(tie("value")),
    fc.dictionary(fc.string({ unit: "binary" }), tie("value")),
    fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)),
    fc.array(tie("value")).map((items) => new Set(items)),
  ),
})).value;

describe("what is carried", () => {
  test("every kind of value arrives as it was sent, however they are nested", () => {
    fc.assert(
      fc.property(carried, (value) => {
        expect(trip(value)).toStrictEqual(plain(value));
      }),
      { numRuns: 500 },
    );
  });

  test.each<readonly [string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["NaN", Number.NaN],
    ["an infinity", -Infinity],
    ["-0", -0],
    ["the largest safe integer", Number.MAX_SAFE_INTEGER],
    ["an integer beyond the safe ones", 2 ** 60],
    ["the smallest number", Number.MIN_VALUE],
    ["a small bigint", 5n],
    ["a negative bigint of one byte", -128n],
    ["a bigint of 64 bits", 2n ** 63n],
    ["a bigint of 4,000 digits", -(10n ** 4_000n)],
    ["the first Date", new Date(-8.64e15)],
    ["the last Date", new Date(8.64e15)],
    ["a Date just before 1970", new Date(-1)],
    ["a Date after 2106, to the millisecond", new Date(0xffff_ffff * 1_000 + 1_001)],
    ["a Date that needs 34 bits of seconds", new Date(0x3_ffff_ffff * 1_000 + 999)],
    ["a DataView", new DataView(new Uint8Array([1, 2, 3]).buffer, 1)],
    ["a text of 70,000 characters, not all of them Latin", "aÄ漢😀".repeat(14_000)],
    ["a text of the longest short form", "é".repeat(12)],
    ...[8, 10, 11, 31, 32, 85, 86, 255, 256, 21_845, 21_846, 65_535, 65_536, 262_143, 262_144].flatMap((length) =>
      ["x", "é", "漢", "😀"].map((unit) => [`a text of ${length} ${unit}`, unit.repeat(length)] as const),
    ),
    ["70,000 items", Array.from({ length: 70_000 }, (_, index) => index - 35_000)],
    ["70,000 properties", Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`key ${index}`, index]))],
    ["a Map of Maps, with objects as keys", new Map([[{ a: 1 }, new Map([[new Date(5), new Set([1n])]])]])],
    ["a property named constructor", { constructor: "x", toString: 1, toJSON: 2, hasOwnProperty: null }],
    ["undefined as a property", { a: undefined }],
    ["a value 499 deep", nested(499)],
  ])("%s", (_, value) => {
    if (typeof value === "string") expect(trip(value) === value).toBe(true);
    else expect(trip(value)).toStrictEqual(value);
  });

  test("a Buffer arrives as a Uint8Array, an object without prototype as a plain one", () => {
    expect(trip(Buffer.from("abc"))).toStrictEqual(new Uint8Array([97, 98, 99]));
    expect(trip(Object.assign(Object.create(null) as object, { a: 1 }))).toStrictEqual({ a: 1 });
  });

  test("a view of part of a buffer carries that part alone", () => {
    const whole = new Uint16Array([1, 2, 3, 4]);
    expect(trip(whole.subarray(1, 3))).toStrictEqual(new Uint16Array([2, 3]));
    expect(trip(new Uint8Array(whole.buffer, 2, 2))).toStrictEqual(new Uint8Array([2, 0]));
  });

  test("a key __proto__ arrives as a property of its own, and reaches no prototype", () => {
    const sent: unknown = JSON.parse('{ "__proto__": { "admin": true }, "a": 1 }');
    const arrived = trip(sent) as Record<string, unknown>;
    expect(Object.keys(arrived)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(arrived)).toBe(Object.prototype);
    expect(arrived["admin"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
  });

  test("text of any length and of any code points, U+FFFD among them", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.nat(2_000),
        fc.nat(2_000),
        (unit, before, behind) => {
          const text = `${"a".repeat(before)}${unit}\ufffd${"日".repeat(behind)}`;
          expect(trip({ [text]: text })).toStrictEqual({ [text]: text });
        },
      ),
      { numRuns: 200 },
    );
  });

  test("plain objects of another realm are plain", async () => {
    const { runInNewContext } = await import("node:vm");
    expect(trip(runInNewContext("({ a: [1, { b: 2 }] })"))).toStrictEqual({ a: [1, { b: 2 }] });
  });
});

describe("what is refused", () => {
  class Point {
    x = 1;
  }
  class Sorted extends Array<number> {}
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;

  test.each<[string, unknown, RegExp]>([
    ["a function", () => 1, /a\[1\]\.when: a function can't be carried; leave it out/],
    ["a symbol", Symbol("s"), /a symbol can't be carried/],
    ["an instance of a class", new Point(), /an instance of Point can't be carried; send a plain object/],
    ["an Error", new TypeError("no"), /an instance of TypeError can't be carried; declare it/],
    ["a RegExp", /x/, /send its source and flags/],
    ["a Promise", Promise.resolve(1), /await it/],
    ["a URL", new URL("http://a.b"), /send its href/],
    ["a WeakMap", new WeakMap(), /an instance of WeakMap can't be carried; leave it out/],
    ["an array's subclass", Sorted.from([1, 2]), /an instance of Sorted/],
    ["a Map's subclass", new (class Cache extends Map {})(), /an instance of Cache/],
    ["a boxed number", Object(1), /an instance of Number/],
    ["an invalid Date", new Date(Number.NaN), /an invalid Date can't be carried/],
    ["an array with holes", [1, , 3], /when\[1\]: an array with holes/], // oxlint-disable-line no-sparse-arrays
    ["the largest empty array", Object.assign([], { length: 4_294_967_295 }), /when\[0\]: an array with holes/],
    ["a value that contains itself", cyclic, /a value that contains itself, or is nested more than 500 deep/],
    [
      "a getter that throws",
      Object.defineProperty({}, "x", { enumerable: true, get: () => JSON.parse("{") as unknown }),
      /JSON/,
    ],
    ["what only claims to be a Map", Object.create(Map.prototype), /receiver|incompatible/i],
  ])("%s, with its path and a remedy", (_, value, message) => {
    const error = refusal(() => encode({ params: { a: [0, { when: value }] } }));
    expect(error.message).toMatch(message);
  });

  test("the path is the issue's path, too", () => {
    const error = refusal(() => encode({ params: { "first name": [new Map([[1, { when: () => 1 }]])] } }));
    expect(error.issues[0]?.path).toEqual(["params", "first name", 0, 0, "when"]);
    expect(error.reason).toBe(`params["first name"][0][0].when: the function when can't be carried; leave it out`);
  });

  test("nothing of a refused value is left in the next one", () => {
    refusal(() => encode(["x".repeat(100), () => 1]));
    expect(hex([1])).toBe("9101");
  });

  test("500 deep is too deep, on the way out and in", () => {
    refusal(() => encode(nested(501)));
    refusal(() => decode(Buffer.concat([Buffer.alloc(501, 0x91), Buffer.from([0xc0])])));
    refusal(() => decode(Buffer.alloc(1_000_000, 0x91)));
    // Extensions inside extensions count, too.
    refusal(() => {
      let value: unknown = null;
      for (let depth = 0; depth < 501; depth++) value = new Set([value]);
      return encode(value);
    });
  });
});

describe("the bytes", () => {
  test("are those of the documented forms", () => {
    expect(hex({ a: 4, b: 6 })).toBe("82a16104a16206");
    expect(hex(undefined)).toBe("d40000");
    expect(hex(5n)).toBe("d44205");
    expect(hex(-129n)).toBe("d542ff7f");
    expect(hex(new Date(1_000))).toBe("d6ff00000001");
    expect(hex(new Set([1, 2]))).toBe("c90000000353920102");
    expect(hex(new Map([["a", 1]]))).toBe("c9000000044d92a16101");
    expect(hex(new Uint8Array([1, 2]))).toBe("c4020102");
    expect(hex(new Int16Array([1, -1]))).toBe("c70574030100ffff");
    expect(hex([127, 128, -32, -33, 65_535, -32_769, 2 ** 32])).toBe(
      "977fcc80e0d0dfcdffffd2ffff7fffcb41f0000000000000",
    );
  });

  test("of other writers are read: 64-bit integers, single floats, keys that are numbers, wide heads", () => {
    expect(from("cf 00000000 00000005")).toBe(5);
    expect(from("d3 ffffffff fffffffb")).toBe(-5);
    expect(from("cf ffffffff ffffffff")).toBe(2n ** 64n - 1n);
    expect(from("ca 3fc00000")).toBe(1.5);
    expect(from("81 01 02")).toStrictEqual({ "1": 2 });
    expect(from("df 00000001 d9 01 61 dd 00000001 c3")).toStrictEqual({ a: [true] });
    expect(from("c7 05 74 01 01020304")).toStrictEqual(new Uint8Array([1, 2, 3, 4]));
  });

  test("are the caller's own: the next value does not write over them", () => {
    const first = encode({ a: "first" });
    for (let round = 0; round < 1_000; round++) encode({ a: "later", round });
    expect(decode(first)).toEqual({ a: "first" });
  });

  test("are not shared with what is read from them", () => {
    const bytes = encode({ bin: new Uint8Array([1, 2, 3]), words: new Uint16Array([4]) });
    const value = decode(bytes) as { bin: Uint8Array; words: Uint16Array };
    bytes.fill(0);
    expect(value).toStrictEqual({ bin: new Uint8Array([1, 2, 3]), words: new Uint16Array([4]) });
    expect(value.bin.buffer.byteLength).toBe(3);
  });

  test("can be a view in the middle of a larger buffer", () => {
    const padded = Buffer.concat([Buffer.from("junk"), encode({ a: 1.5, text: "ä" }), Buffer.from("junk")]);
    expect(decode(new Uint8Array(padded.buffer, padded.byteOffset + 4, padded.length - 8))).toEqual({
      a: 1.5,
      text: "ä",
    });
  });

  test("a value whose getter encodes another does not mix them", () => {
    const value = {
      a: 1,
      get b() {
        return decode(encode({ c: 2 }));
      },
      d: 3,
    };
    expect(trip(value)).toEqual({ a: 1, b: { c: 2 }, d: 3 });
  });
});

describe("msgpackr, as another library of MessagePack", () => {
  const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: true });

  test("reads what is written here, of the kinds that both have", () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: "medium" }), (value) => {
        expect(viaJson(packr.unpack(encode(value)))).toEqual(viaJson(value));
      }),
    );
    const rich = {
      when: new Date(1_700_000_000_123),
      big: -(2n ** 80n),
      bytes: Buffer.from([1]),
      none: undefined,
      words: new Float64Array([1.5]),
    };
    expect(packr.unpack(encode(rich))).toEqual(rich);
  });

  test("is read here", () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: "medium" }), (value) => {
        expect(decode(packr.pack(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(
      decode(packr.pack({ when: new Date(-5), big: 2n ** 80n, none: undefined, words: new Int8Array([-1]) })),
    ).toEqual({
      when: new Date(-5),
      big: 2n ** 80n,
      none: undefined,
      words: new Int8Array([-1]),
    });
  });
});

describe("a lone surrogate", () => {
  /** Wherever it stands in a text of whichever length and script. */
  const cut = fc
    .tuple(
      fc.nat({ max: 600 }),
      fc.constantFrom("a", "é", "日", "🚀", "\ufffd"),
      fc.integer({ min: 0xd800, max: 0xdfff }),
    )
    .map(([length, unit, half]) => `${unit.repeat(length)}${String.fromCharCode(half)}${unit.repeat(length % 7)}`);

  test("is refused with its path, in values, keys, Map's keys and Sets: no two texts arrive as one", () => {
    fc.assert(
      fc.property(cut, (text) => {
        const path = (value: unknown): unknown =>
          refusal(() => encode({ params: { list: [0, value] } })).issues[0]?.path;
        expect(path(text)).toEqual(["params", "list", 1]);
        expect(path({ name: text })).toEqual(["params", "list", 1, "name"]);
        expect(path({ [text]: 1 })).toEqual(["params", "list", 1, text]);
        expect(path(new Map([[text, 1]]))).toEqual(["params", "list", 1, 0]);
        expect(path(new Set(["", text]))).toEqual(["params", "list", 1, 1]);
      }),
      { numRuns: 500 },
    );
    expect(refusal(() => encode({ params: { text: [{ name: "\ud83d" }] } })).message).toMatch(
      /params\.text\[0\]\.name: a string with a lone surrogate can't be carried; cut text between code points/,
    );
  });
});

describe("hostile bytes", () => {
  const outcome = (bytes: Uint8Array): void => {
    try {
      decode(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(TaskError);
      expect((error as TaskError).code).toBe("invalid_argument");
    }
  };

  test("are refused or read, and never crash or hang", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), outcome), { numRuns: 5_000 });
  });

  test("are refused wherever a value was cut off", () => {
    fc.assert(
      fc.property(carried, fc.nat(), (value, cut) => {
        const bytes = encode(value);
        refusal(() => decode(bytes.subarray(0, cut % bytes.length)));
      }),
    );
  });

  test("a changed byte is refused or read", () => {
    fc.assert(
      fc.property(carried, fc.nat(), fc.nat({ max: 255 }), (value, place, byte) => {
        const bytes = encode(value);
        bytes[place % bytes.length] = byte;
        outcome(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["none at all", ""],
    ["bytes behind the value", "01 02"],
    ["an array that claims 4 billion items", "dd ffffffff 01"],
    ["a map that claims 4 billion entries", "df ffffffff 01 01"],
    ["a text longer than the rest", "db ffffffff 61"],
    ["a text whose end is taken from what follows its extension", "92 c7 03 53 91 a5 61 a3 61 61 61"],
    ["an extension that nobody knows", "d4 01 00"],
    ["the byte that begins no value", "c1"],
    ["a key that is a map", "81 80 01"],
    ["a Map without its last value", "c7 02 4d 91 01"],
    ["a Set that is a number", "d4 53 01"],
    ["a bigint without bytes", "c7 00 42"],
    ["a typed array without a type", "c7 00 74"],
    ["a typed array of an unknown type", "c7 02 74 63 00"],
    ["a typed array of half an element", "c7 02 74 03 00"],
    ["a timestamp of 3 bytes", "c7 03 ff 000000"],
    ["a timestamp beyond every Date", "c7 0c ff 00000000 7fffffffffffffff"],
  ])("%s", (_, text) => {
    expect(refusal(() => from(text)).message).toMatch(/bytes are no value of MessagePack: /);
  });
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** What is expected of a generated value: the same, but with the prototypes that dictionaries may lack. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [plain(key), plain(item)]));
  if (value instanceof Set) return new Set([...value].map(plain));
  if (typeof value === "string") return wellFormed(value);
  if (
    typeof value !== "object" ||
    value === null ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    value instanceof Date
  )
    return value;
  const copy = {};
  for (const [key, item] of Object.entries(value)) {
    Object.defineProperty(copy, wellFormed(key), {
      value: plain(item),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}

/** Without what JSON has not (-0), and with a key `__proto__` renamed as msgpackr does. */
function viaJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"__proto__":', '"__proto_":'));
}

function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

test("an object's keys that are array indexes arrive as they were written, in whatever order, the last of two", () => {
  const index = fc.oneof(
    fc.nat({ max: 40 }),
    fc.nat({ max: 4_294_967_295 }),
    fc.constantFrom(4_294_967_294, 4_294_967_295),
  );
  const key = fc.oneof(index.map(String), fc.constantFrom("07", "-1", "1.5", "a", "__proto__"));
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat()), { minLength: 17, maxLength: 200 }), (entries) => {
      const head = Buffer.from([0xde, entries.length >> 8, entries.length & 255]);
      const bytes = Buffer.concat([head, ...entries.flatMap(([name, value]) => [encode(name), encode(value)])]);
      const expected: Record<string, number> = {};
      for (const [name, value] of entries)
        Object.defineProperty(expected, name, { value, enumerable: true, configurable: true, writable: true });
      const read = decode(bytes) as object;
      expect(Object.entries(read)).toEqual(Object.entries(expected));
    }),
  );
}, 60_000);

test("Sets and Maps of sound numbers are read, however many and however they are spaced", () => {
  const items = fc.oneof(
    fc.tuple(fc.integer(), fc.integer({ min: 1, max: 100_000 })).map(
      ([from, step]) =>
        (n: number) =>
          from + step * n,
    ),
    fc.double({ min: 1e-9, max: 1e9, noNaN: true }).map((step) => (n: number) => n * step),
    fc.integer({ min: 1, max: 1_000_000 }).map((step) => (n: number) => BigInt(n) * BigInt(step)),
    fc.constant((n: number) => `${n}`),
  );
  fc.assert(
    fc.property(items, (item) => {
      const set = new Set(Array.from({ length: 5_000 }, (_, n) => item(n)));
      expect(trip(set)).toEqual(set);
    }),
    { numRuns: 30 },
  );
}, 120_000);
