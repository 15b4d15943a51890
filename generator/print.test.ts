import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import type { $ZodType } from "zod/v4/core";
import { contractHead, temporaryProject } from "../tests/temporary-project.ts";
import type { Side } from "./optionality.ts";
import { typeOf } from "./print.ts";
import { typeText } from "./type.ts";

function printed(schema: $ZodType, side: Side): string | undefined {
  const type = typeOf(schema, side);
  return type && typeText(type);
}

/** Source text → what it prints as input, and as output where that is other. */
const samples: readonly (readonly [source: string, input: string | undefined, output?: string | undefined])[] = [
  ["z.string().min(1)", "string"],
  ["z.email()", "string"],
  ["z.iso.datetime()", "string"],
  ["z.int()", "number"],
  ["z.nan()", "number"],
  ["z.int64()", "bigint"],
  ["z.boolean()", "boolean"],
  ["z.date()", "Date"],
  ["z.null()", "null"],
  ["z.undefined()", "undefined"],
  ["z.void()", "void"],
  ["z.any()", "any"],
  ["z.unknown()", "unknown"],
  ["z.never()", "never"],
  ["z.coerce.number()", "unknown", "number"],
  ["z.coerce.date()", "unknown", "Date"],
  [`z.literal("it's \\"so\\"")`, `"it's \\"so\\""`],
  ["z.literal([1, 2n, true, null, undefined])", "1 | 2n | true | null | undefined"],
  ["z.literal([Infinity, -1])", "number | -1"],
  [`z.enum(["low", "high"])`, `"low" | "high"`],
  ["z.enum({ Low: 0, High: 10 })", "0 | 10"],
  [`z.templateLiteral(["v", z.number(), "-", z.enum(["a", "b"])])`, '`v${number}-${"a" | "b"}`'],
  [`z.templateLiteral(["x", z.string().optional()])`, '`x${string | ""}`'],
  ["z.array(z.union([z.string(), z.number()]))", "(string | number)[]"],
  ["z.array(z.string()).readonly()", "readonly string[]"],
  ["z.array(z.array(z.string()).readonly())", "(readonly string[])[]"],
  ["z.tuple([z.string(), z.number().optional()], z.boolean())", "[string, (number | undefined)?, ...boolean[]]"],
  ["z.tuple([z.string().default('')])", "[(string | undefined)?]", "[string]"],
  ["z.tuple([])", "[]"],
  [`z.object({ a: z.string(), "b-c": z.number().optional() })`, `{ a: string; "b-c"?: number | undefined }`],
  ["z.object({ a: z.string().exactOptional() })", "{ a?: string }"],
  ["z.object({ a: z.number().default(1) })", "{ a?: number | undefined }", "{ a: number }"],
  ["z.object({ a: z.number().prefault(1) })", "{ a?: number | undefined }", "{ a: number }"],
  ["z.object({ a: z.number().catch(1) })", "{ a: number }"],
  ["z.object({ a: z.string().optional().nonoptional() })", "{ a: string }"],
  ["z.object({ a: z.string() }).readonly()", "{ readonly a: string }"],
  ["z.object({})", "Record<string, never>"],
  ["z.strictObject({ a: z.string() })", "{ a: string }"],
  ["z.looseObject({ a: z.string() })", "{ a: string; [key: string]: unknown }"],
  ["z.object({}).catchall(z.number())", "{ [key: string]: number }"],
  ["z.object({ a: z.string() }).catchall(z.number())", undefined],
  ["z.record(z.string(), z.int())", "Record<string, number>"],
  ["z.partialRecord(z.enum(['a', 'b']), z.int())", `Partial<Record<"a" | "b", number>>`],
  ["z.looseRecord(z.string().regex(/^x/), z.int())", "Record<string, number>"],
  ["z.record(z.string(), z.int().default(0))", "Partial<Record<string, number | undefined>>", "Record<string, number>"],
  ["z.map(z.string(), z.date())", "Map<string, Date>"],
  ["z.map(z.string(), z.date()).readonly()", "ReadonlyMap<string, Date>"],
  ["z.set(z.bigint())", "Set<bigint>"],
  ["z.discriminatedUnion('k', [z.object({ k: z.literal(1) }), z.object({ k: z.literal(2) })])", "{ k: 1 } | { k: 2 }"],
  ["z.xor([z.string(), z.number()])", "string | number"],
  ["z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() }))", "{ a: string } & { b: string }"],
  ["z.array(z.union([z.string(), z.string(), z.null()]))", "(string | null)[]"],
  ["z.string().nullish()", "string | null | undefined"],
  ["z.success(z.string())", "string", "boolean"],
  ["z.stringbool()", "string", "boolean"],
  ["z.codec(z.string(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() })", "string", "Date"],
  ["z.string().pipe(z.string().transform(Number))", "string", undefined],
  ["z.preprocess((value) => value, z.number())", undefined, "number"],
  ["z.lazy(() => z.string())", "string"],
  ["z.json()", undefined],
  ["z.custom()", undefined],
  ["z.instanceof(Uint8Array)", "InstanceType<typeof Uint8Array>"],
];

function evaluate(source: string): $ZodType {
  // oxlint-disable-next-line typescript/no-implied-eval -- the same text is what TypeScript gets to read
  return new Function("z", `return ${source}`)(z) as $ZodType;
}

describe("a printed type", () => {
  for (const sample of samples) {
    const [source, input, output] = sample;
    it(`of ${source} is ${input ?? "left to the contract"}`, () => {
      expect(printed(evaluate(source), "in")).toBe(input);
      expect(printed(evaluate(source), "out")).toBe(sample.length > 2 ? output : input);
    });
  }

  it("of zod/mini's schemas is the same", () => {
    const schema = mini.object({ a: mini._default(mini.string(), ""), b: mini.optional(mini.int()) });
    expect(printed(schema, "in")).toBe("{ a?: string | undefined; b?: number | undefined }");
    expect(printed(schema, "out")).toBe("{ a: string; b?: number | undefined }");
  });

  it("of a schema that contains itself is left to the contract", () => {
    const category = z.object({
      name: z.string(),
      get children() {
        return z.array(category);
      },
    });
    expect(printed(category, "in")).toBeUndefined();
    expect(printed(z.object({ root: category }), "out")).toBeUndefined();
  });

  it("of a key that is no identifier is quoted", () => {
    expect(printed(z.object({ "1": z.string(), "a\nb": z.string() }), "in")).toBe(`{ "1": string; "a\\nb": string }`);
  });

  it("escapes what would end a template", () => {
    expect(printed(z.templateLiteral(["`${\\", z.string()]), "in")).toBe("`\\`\\${\\\\${string}`");
  });
});

/** Sources of schemas, of every kind that is printed, nested at random. */
const { source: anySource } = fc.letrec<{ source: string }>((tie) => {
  const one = (...sources: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...sources);
  const inner = tie("source");
  const wrapped = (before: string, after: string): fc.Arbitrary<string> => inner.map((text) => before + text + after);
  const member = fc.tuple(one("a", "b", "c", `"d-e"`, `"7"`), inner, one("", ".optional()", ".exactOptional()"));
  const shape = fc
    .uniqueArray(member, { maxLength: 3, selector: ([name]) => name })
    .map((members) => `{ ${members.map(([name, text, suffix]) => `${name}: ${text}${suffix}`).join(", ")} }`);
  const list = fc.array(inner, { minLength: 1, maxLength: 3 }).map((texts) => `[${texts.join(", ")}]`);
  const leaf = one(...samples.map(([text]) => text));
  return {
    source: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      wrapped("z.array(", ")"),
      wrapped("z.set(", ")"),
      wrapped("z.record(z.string(), ", ")"),
      wrapped("z.partialRecord(z.enum(['x', 'y']), ", ")"),
      wrapped("z.map(z.string(), ", ")"),
      wrapped("z.lazy(() => ", ")"),
      wrapped("", ".nullable()"),
      wrapped("", ".optional()"),
      wrapped("", ".nonoptional()"),
      wrapped("", ".catch(null as never)"),
      wrapped("", ".default(null as never)"),
      wrapped("", ".prefault(null as never)"),
      wrapped("", ".readonly()"),
      wrapped("z.success(", ")"),
      wrapped("z.preprocess((value) => value, ", ")"),
      list.map((text) => `z.union(${text})`),
      list.map((text) => `z.tuple(${text})`),
      fc.tuple(list, inner).map(([items, rest]) => `z.tuple(${items}, ${rest})`),
      shape.map((text) => `z.object(${text})`),
      shape.map((text) => `z.looseObject(${text})`),
      fc.tuple(shape, shape).map(([left, right]) => `z.intersection(z.object(${left}), z.object(${right}))`),
      fc
        .tuple(inner, inner)
        .map(([from, to]) => `z.codec(${from}, ${to}, { decode: (v) => v as never, encode: (v) => v as never })`),
    ),
  };
});

/** `PROOFS=5000 npx vitest run generator/print.test.ts` looks farther. */
const proofs = Number(process.env.PROOFS ?? 400);

describe("printed types of random schemas", () => {
  it("are, for TypeScript, those that zod infers", { timeout: 120_000 }, () => {
    const sources = [...samples.map(([source]) => source), ...fc.sample(anySource, proofs)];
    const project = temporaryProject();
    const lines = sources.flatMap((source, index) => {
      const schema = evaluate(source.replaceAll(" as never", ""));
      return [
        `export const s${index} = ${source};`,
        ...(["in", "out"] as const).flatMap((side) => {
          const text = printed(schema, side);
          const inferred = side === "in" ? "z.input" : "z.output";
          return text === undefined
            ? []
            : [`export const p${index}${side}: Same<${inferred}<typeof s${index}>, ${text}> = true;`];
        }),
      ];
    });
    const same = "(<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false";
    project.write("proof.ts", [`import * as z from "zod";`, `type Same<A, B> = ${same};`, ...lines, ""].join("\n"));
    const { stdout } = project.typeCheck();
    const written = project.read("proof.ts").split("\n");
    expect(
      stdout.replaceAll(
        /^proof\.ts\((\d+),.*/gm,
        (text, line: string) => `${text}\n${written[Number(line) - 2]}\n${written[Number(line) - 1]}`,
      ),
    ).toBe("");
    expect(lines.length).toBeGreaterThan(2 * sources.length);
  });

  it("are in generated contracts, too, whose own proof holds", { timeout: 120_000 }, () => {
    const [parts, count] = [6, 60];
    const sources = fc.sample(anySource, parts * count);
    const tasks = Array.from({ length: count }, (_, index) => {
      const [a, b, c, result, data, progress] = sources.slice(index * parts);
      const shapes = `params: { a: ${a}, b: ${b}, c: ${c} }, result: ${result}, errors: { e: ${data} }, progress: ${progress}`;
      return `export const task${index} = task({ ${shapes} });\n`;
    });
    const project = temporaryProject({ "contracts/random.ts": contractHead + tasks.join("") });
    expect(project.gen().stderr).toBe("");
    expect(project.typeCheck().stdout).toBe("");
  });
});
