import fc from "fast-check";
import { task } from "taskpact";
import { contractOf } from "taskpact/codegen";
import * as z from "zod";
import { describe, expect, it } from "vitest";
import { declarationsOf } from "../runtime/declaration.ts";
import { LargeNumber, parseJson } from "./exact-json.ts";
import { jsonText } from "./json.ts";
import { readParams } from "./params.ts";

const echo = task({
  params: {
    big: z.bigint(),
    days: z.object({ first: z.date() }).catchall(z.date()),
    table: z.map(z.bigint(), z.array(z.int())),
    either: z.union([z.int(), z.bigint(), z.string()]),
    named: z.record(z.string(), z.bigint()),
  },
  result: z.void(),
});
const declaration = declarationsOf(contractOf("exact", { echo }, ["echo"])).get("echo")!;

const date = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) });
// `__proto__` is no key of a record for zod.
const name = fc.string().filter((key) => key !== "__proto__" && key !== "first");
const bigint = fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n });

describe("parameters in JSON", () => {
  it("are exactly what was printed", async () => {
    const params = fc.record({
      big: bigint,
      days: fc.tuple(date, fc.dictionary(name, date)).map(([first, others]) => Object.assign(others, { first })),
      table: fc.array(fc.tuple(bigint, fc.array(fc.maxSafeInteger()))).map((pairs) => new Map(pairs)),
      either: fc.oneof(
        fc.maxSafeInteger(),
        fc.string().filter((text) => !/^-?\d+$/.test(text)),
      ),
      named: fc.dictionary(name, bigint),
    });
    await fc.assert(
      fc.asyncProperty(params, async (given) => {
        const read = await readParams(declaration, [jsonText(given)], () => Promise.reject(new Error("no input")));
        expect(read).toEqual({ ...given });
      }),
    );
  });

  it("may write bigints as numbers", async () => {
    await fc.assert(
      fc.asyncProperty(bigint, async (big) => {
        const text = `{"big":${big},"days":{"first":0},"table":[[${big},[1]]],"either":${big},"named":{"toString":${big}}}`;
        const read = await readParams(declaration, [text], () => Promise.reject(new Error("no input")));
        const exact = Number.isSafeInteger(Number(big)) || BigInt(Number(big)) === big;
        expect(read).toMatchObject({ big, table: new Map([[big, [1]]]), named: { toString: big } });
        expect(read["either"]).toBe(exact && Number.isSafeInteger(Number(big)) ? Number(big) : big);
      }),
    );
  });
});

describe("JSON", () => {
  it("is read as JSON.parse reads it, but for numbers that it would change", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!/\d{16}|e\+?\d{3}/i.test(text)); // Those that it would change are below.
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("keeps the text of such a number, wherever it stands", () => {
    expect(parseJson('{"a":[9007199254740993,"9007199254740993"],"b":1e400,"c":0.1}')).toEqual({
      a: [new LargeNumber("9007199254740993"), "9007199254740993"],
      b: new LargeNumber("1e400"),
      c: 0.1,
    });
  });
});
