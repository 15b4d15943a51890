import fc from "fast-check";
import * as z from "zod";
import type { $ZodType, $ZodTypes } from "zod/v4/core";
import { describe, expect, it } from "vitest";
import { decode, encode } from "../runtime/codec.ts";
import { gateOf } from "../runtime/gate.ts";

/*
 * What a sender gives, through the codec and its receiver's gate, is what the schema makes of it directly: for values of
 * every kind of schema that the generator lets through.
 */

const text = fc.string({ unit: "grapheme" });
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const date = fc.date({ noInvalidDate: true });
const bytes = fc.uint8Array();
const json = fc.jsonValue();
const point = z.object({ x: z.number(), y: z.number().optional() });
const points = fc.record({ x: number, y: number }, { requiredKeys: ["x"] });
interface Tree {
  readonly name: string;
  readonly below: readonly Tree[];
}
const Tree: z.ZodType<Tree> = z.object({ name: z.string(), below: z.lazy(() => z.array(Tree)) });
/** Trees of at most so many levels. */
function treesOf(levels: number): fc.Arbitrary<Tree> {
  const below = levels === 1 ? fc.constant([]) : fc.array(treesOf(levels - 1), { maxLength: 3 });
  return fc.record({ name: text, below });
}

/** Kinds that the generator refuses, or that no value fits. */
type Uncarried = "file" | "function" | "never" | "promise" | "success" | "symbol";
/** All other kinds that zod knows: a new one is missing below until it is thought of. */
type Kind = Exclude<$ZodTypes["_zod"]["def"]["type"], Uncarried>;

/** For each kind of schema: some of it, and values for them. */
const carried: Readonly<Record<Kind, readonly (readonly [$ZodType, fc.Arbitrary<unknown>])[]>> = {
  string: [
    [z.string(), text],
    [z.uuid(), fc.uuid()],
    [z.email(), fc.constant("someone@example.org")],
    [z.string().trim().toLowerCase(), text],
  ],
  number: [
    [z.number(), number],
    [z.int(), fc.integer()],
    [z.number(), fc.constantFrom(-0, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE)],
  ],
  nan: [[z.nan(), fc.constant(Number.NaN)]],
  bigint: [[z.bigint(), fc.bigInt()]],
  boolean: [[z.boolean(), fc.boolean()]],
  date: [[z.date(), date]],
  null: [[z.null(), fc.constant(null)]],
  undefined: [[z.undefined(), fc.constant(undefined)]],
  void: [[z.void(), fc.constant(undefined)]],
  any: [[z.any(), fc.oneof(json, date, bytes, fc.bigInt())]],
  unknown: [[z.unknown(), fc.oneof(json, fc.constant(undefined))]],
  literal: [[z.literal(["a", 1, true, null, undefined, 5n]), fc.constantFrom("a", 1, true, null, undefined, 5n)]],
  enum: [[z.enum(["red", "green"]), fc.constantFrom("red", "green")]],
  template_literal: [[z.templateLiteral(["#", z.int()]), fc.integer({ min: 0, max: 1e9 }).map((n) => `#${n}`)]],
  array: [[z.array(z.date()), fc.array(date)]],
  tuple: [[z.tuple([z.string(), z.bigint()], z.boolean()), fc.tuple(text, fc.bigInt(), fc.boolean())]],
  object: [
    [point, points],
    [z.looseObject({ a: z.number() }), fc.record({ a: number, more: json })],
    [
      z.object({ a: z.string() }).catchall(z.set(z.number())),
      fc.record({ a: text, b: fc.uniqueArray(number).map((n) => new Set(n)) }),
    ],
  ],
  record: [
    [
      z.record(z.string(), z.bigint()),
      fc.dictionary(
        text.filter((key) => key !== "__proto__"),
        fc.bigInt(),
      ),
    ],
  ],
  map: [
    [
      z.map(z.date(), z.map(z.number(), z.string())),
      fc
        .array(
          fc.tuple(
            date,
            fc.array(fc.tuple(number, text)).map((e) => new Map(e)),
          ),
        )
        .map((e) => new Map(e)),
    ],
  ],
  set: [
    [
      z.set(z.union([z.string(), z.bigint()])),
      fc.uniqueArray(fc.oneof(text, fc.bigInt())).map((items) => new Set(items)),
    ],
  ],
  union: [
    [z.union([z.string(), z.number(), z.date()]), fc.oneof(text, number, date)],
    [
      z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("a"), a: z.date() }),
        z.object({ kind: z.literal("b"), b: z.bigint() }),
      ]),
      fc.oneof(fc.record({ kind: fc.constant("a"), a: date }), fc.record({ kind: fc.constant("b"), b: fc.bigInt() })),
    ],
  ],
  intersection: [
    [
      z.intersection(point, z.object({ z: z.date() })),
      fc.tuple(points, date).map(([p, at]) => Object.assign({ z: at }, p)),
    ],
  ],
  optional: [[z.object({ a: z.date().optional() }), fc.constantFrom({}, { a: undefined }, { a: new Date(5) })]],
  nullable: [[z.date().nullable(), fc.oneof(date, fc.constant(null))]],
  nonoptional: [[z.string().optional().nonoptional(), text]],
  default: [[z.number().default(7), fc.oneof(number, fc.constant(undefined))]],
  prefault: [[z.string().trim().prefault(" x "), fc.oneof(text, fc.constant(undefined))]],
  catch: [[z.number().catch(3), fc.oneof(number, text)]],
  readonly: [[z.array(z.string()).readonly(), fc.array(text)]],
  pipe: [
    [
      z.codec(z.iso.datetime(), z.date(), { decode: (iso) => new Date(iso), encode: (at) => at.toISOString() }),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((at) => at.toISOString()),
    ],
    [z.string().transform((given) => given.length), text],
    [z.preprocess((given) => String(given), z.string()), number],
  ],
  transform: [[z.transform((given) => [given]), text]],
  lazy: [[Tree, treesOf(4)]],
  custom: [[z.instanceof(Uint8Array), bytes]],
};

describe("values through codec and gate", () => {
  for (const [kind, cases] of Object.entries(carried)) {
    it(`of kind ${kind} arrive as the schema makes them`, () => {
      for (const [schema, values] of cases) {
        const gate = gateOf(schema, "invalid_argument", "value");
        fc.assert(
          fc.property(values, (value) => {
            const arrived = gate.pass(decode(encode(value)));
            expect(arrived).toStrictEqual(gate.pass(value));
          }),
          { numRuns: 200 },
        );
      }
    });
  }
});
