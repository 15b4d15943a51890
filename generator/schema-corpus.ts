/*
 * Schemas as people write them, for a test that generates from all of them at once and compiles the proof. Add what was
 * once printed wrong, and whatever looks as if it might be.
 */

/** What stands before them in their contract. */
const corpusHead = `
import { task } from "taskpact";
import * as z from "zod";
import { blue, Color as ImportedColor, Id as ImportedId, kinds, label, makeList, shapes, z as zz } from "./_parts.ts";
import * as parts from "./_parts.ts";
import { literal, string as text, coerce as force } from "zod";
import * as mini from "zod/mini";

const PORT = 8080;
const KIND = "alpha";
const KEY = "dynamic";
const LIMITS = { max: 10, kind: "alpha", nested: { kind: "beta" } };
const FROZEN = { max: 10, kind: "alpha", nested: { kind: "beta" }, list: ["p", "q"] } as const;
const COLORS = ["red", "green", "blue"] as const;
const COLOR_LIST = ["red", "green", "blue"];
const SATISFIED = ["x", "y"] as const satisfies readonly string[];
const WIDE = ["x", "y"] satisfies string[];
const EMBEDDED = { kind: KIND };
const ENTRIES = { Low: 0, High: 10 } as const;
const LOOSE_ENTRIES = { Low: "low", High: "high" };
let changing = z.string();
changing = z.string().min(1);
const flag = Date.now() > 0;
enum Level { Debug = "debug", Info = "info" }

const Id = z.string().brand<"Id">();
const Money = z.object({ amount: z.int(), currency: z.enum(["EUR", "USD"]) });
const Color = z.enum(["red", "green"]);
const Annotated: z.ZodType<string | undefined> = z.string().optional();
const AnnotatedRecord: Record<string, z.ZodString> = { a: z.string() };
const anything: any = z.string().optional();
const fields = { id: () => z.string().brand<"Id">(), name: z.string(), count: () => z.int(), sized(max: number) { return z.string().max(max); } };
const shape = { a: z.string(), b: z.int().optional() };
const hiddenShape = { a: Id, b: z.int() };
const constShape = { a: z.string() } as const;
const satisfiedShape = { a: z.string() } satisfies Record<string, z.ZodType>;
const pair = [z.string(), z.int()] as const;
const loosePair = [z.string(), z.int()];
const mask = { a: true } as const;
const masked = { a: true as const };

function kind() { return "alpha"; }
function kindConst() { return "alpha" as const; }
function colors() { return ["red", "green"]; }
function page<T extends z.ZodType>(item: T) { return z.object({ items: z.array(item), next: z.string().nullable() }); }
function both<T extends z.ZodType>(left: T, right: T) { return z.tuple([left, right]); }
function anyList(item: z.ZodType) { return z.array(item); }
function upTo(max: number) { return z.string().max(max); }
function named<K extends string>(name: K) { return z.literal(name); }
function loosely(name: string) { return z.literal(name); }
function statements() { const s = z.string(); return s; }
function typed(): z.ZodType<string> { return z.string(); }
function overloaded(a: "x"): z.ZodType<"x">;
function overloaded(a: string) { return z.string().min(a.length) as any; }
function branded() { return z.string().brand<"B">(); }
function wrapped() { return z.array(branded()); }
function optionalBrand() { return branded().optional(); }
function cast() { return z.string() as unknown as z.ZodType<"cast">; }
function audit() { return { at: z.date(), by: z.string() }; }
function options<T extends z.ZodType>(of: T, how = 3) { return z.array(of).max(how); }
function destructured({ max }: { max: number }) { return z.string().max(max); }
const arrow = <T extends z.ZodType>(item: T) => z.set(item);
const choose = () => (flag ? z.string() : z.int());
const schemas = { get money() { return z.object({ amount: z.int() }); }, deep: { er: z.boolean(), id: Id } };
const pick = { string: () => z.number() };
const { taken } = { taken: z.string().brand<"Taken">() };
const spreadShape = { ...shape, c: z.boolean() };
const overridden = { c: z.string(), ...hiddenShape };
const zAlias = z;
const laterShape: { a?: typeof Id } = { a: Id };
const laterResult: { result?: typeof Id } = { result: Id };
type Loose = z.ZodType<number, string>;
`;

/** A file beside the contract. */
const corpusParts = `
import * as z from "zod";
export { z };
export const Id = z.string().brand<"PartId">();
export const Color = z.enum(["cyan", "magenta"]);
export const kinds = ["one", "two"] as const;
export const label = "label";
export let blue = "blue";
export const shapes = { point: z.object({ x: z.number(), y: z.number() }), id: Id };
export const makeList = <T extends z.ZodType>(item: T) => z.array(item);
export default z.string();
`;

/** Schemas whose types are known, and so printed in full. */
export const knownSchemas: readonly string[] = [
  "z.string().min(1).max(PORT).regex(/a/i).trim().toLowerCase()",
  "z.string({ error: `no ${label}` })",
  "z.email().or(z.url())",
  "z.number().int().positive().default(Math.round(4.5))",
  "z.number().default(() => Math.random())",
  "z.int32().catch(Number('7'))",
  "z.bigint().min(1n)",
  "z.iso.datetime({ offset: true })",
  "z.iso.date()",
  "z.uuid().optional()",
  "z.string().nullish()",
  "z.coerce.number()",
  "z.coerce.boolean().default(false)",
  "z.stringbool()",
  "z.literal('a')",
  "z.literal(`a`)",
  "z.literal(-1)",
  "z.literal(+1)",
  "z.literal(-5n)",
  "z.literal(1e3)",
  "z.literal(0x1f)",
  "z.literal(1_000)",
  "z.literal(null)",
  "z.literal(undefined)",
  "z.literal([1, 'two', 3n, true, null])",
  "z.literal(['a', 'b'] as const)",
  "z.literal(PORT)",
  "z.literal(KIND)",
  "z.literal([KIND, PORT])",
  "z.literal(FROZEN.kind)",
  "z.literal(FROZEN.nested.kind)",
  "z.literal(FROZEN['kind'])",
  "z.literal(FROZEN.list[0])",
  "z.literal(COLORS[1])",
  "z.literal(COLORS)",
  "z.literal(Color.enum.red)",
  "z.literal(label)",
  "z.literal(parts.label)",
  "z.enum(['low', 'high'])",
  "z.enum([KIND, 'beta'])",
  "z.enum(COLORS)",
  "z.enum([...COLORS, 'black'])",
  "z.enum([...COLORS, ...kinds])",
  "z.enum(SATISFIED)",
  "z.enum(FROZEN.list)",
  "z.enum(kinds)",
  "z.enum(parts.kinds)",
  "z.enum({ A: 'a', B: 2 })",
  "z.enum(ENTRIES)",
  "z.enum({ ...ENTRIES, Top: 20 })",
  "z.nativeEnum(ENTRIES)",
  "z.enum(Color.enum)",
  "Color.exclude(['red'])",
  "Color.extract(['red'])",
  "ImportedColor",
  "parts.Color.nullable()",
  "z.templateLiteral(['v', z.number(), '.', z.enum(['a', 'b'])])",
  "z.templateLiteral([KIND, '-', PORT])",
  "z.templateLiteral(['id-', z.string().nullable()])",
  "Money",
  "Money.optional()",
  "Money.partial()",
  "Money.pick({ amount: true })",
  "Money.omit({ 'amount': true })",
  "Money.extend({ note: z.string().optional() })",
  "Money.extend(shape)",
  "Money.safeExtend({ note: z.string() })",
  "Money.required()",
  "Money.shape.amount",
  "Money.shape['currency']",
  "z.object(Money.shape)",
  "z.object({ ...Money.shape, extra: z.boolean() })",
  "z.object({ ...Money.partial().shape })",
  "Money.keyof()",
  "z.object(shape)",
  "z.object(shape).pick(mask)",
  "z.object(constShape)",
  "z.object(satisfiedShape)",
  "z.object(spreadShape)",
  "z.object({ ...shape, a: z.number() })",
  "z.object({ 'quoted-key': z.string(), 7: z.int() })",
  "z.object({ shape: z.object(shape) })",
  "z.strictObject({ a: z.null() })",
  "z.looseObject({ a: z.null() })",
  "z.object({}).catchall(z.int())",
  "z.object({ get a() { return z.string(); } })",
  "z.object({ a: z.string() }).strict()",
  "z.object({ a: z.string() }).loose()",
  "z.object({ a: z.string() }).readonly()",
  "z.object(audit())",
  "z.object({ ...audit(), more: z.int() })",
  "z.object({ s: z.string(), n: z.number() }).refine((o) => o.n * 2 > 3, { error: 'no' })",
  "z.object({ a: z.string() }).superRefine((o, ctx) => { if (o.a === '') ctx.addIssue('empty'); })",
  "z.array(Money).min(1).readonly()",
  "z.array(z.array(z.string()))",
  "z.string().array()",
  "z.array(z.string()).element",
  "z.tuple([z.string(), z.int()])",
  "z.tuple([z.string()], z.int())",
  "z.tuple([...pair, z.boolean()])",
  "z.tuple(pair)",
  "z.tuple([])",
  "z.union(pair)",
  "z.union([z.string(), Money, z.null()])",
  "z.union([...pair])",
  "z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal(KIND), n: z.int() })])",
  "z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() }))",
  "z.object({ a: z.string() }).and(z.object({ b: z.string() }))",
  "z.record(z.string(), Money)",
  "z.record(z.enum(['a', 'b']), z.int())",
  "z.partialRecord(z.enum(COLORS), z.int())",
  "z.map(z.string(), z.date())",
  "z.set(z.enum(['a']))",
  "z.lazy(() => z.string())",
  "z.lazy(() => { return Money; })",
  "z.instanceof(Uint8Array)",
  "z.instanceof(Date).optional()",
  "z.codec(z.string(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() })",
  "z.string().pipe(z.enum(['a', 'b']))",
  "z.nonoptional(z.string().optional())",
  "z.string().optional().unwrap()",
  "z.string().default('a').removeDefault()",
  "z.string().prefault('a')",
  "z.string().exactOptional()",
  "z.string().describe('a').meta({ title: 'A' })",
  "z.string().apply((s) => s.min(1))",
  "z.string().apply((s) => z.array(s))",
  "page(z.string())",
  "page(Money)",
  "page(page(z.int()))",
  "options(z.string())",
  "options(z.string(), 5)",
  "arrow(z.string())",
  "upTo(5)",
  "upTo(PORT).optional()",
  "named('alpha')",
  "named(KIND)",
  "destructured({ max: 3 })",
  "makeList(z.boolean())",
  "parts.makeList(Money)",
  "shapes.point",
  "fields.name",
  "fields.name.optional()",
  "fields.count()",
  "fields.sized(4)",
  "schemas.deep.er",
  "pick.string()",
  "zz.object({ a: zz.string() })",
  "text()",
  "literal('a')",
  "force.number()",
  "mini.object({ a: mini._default(mini.string(), ''), b: mini.optional(mini.int()) })",
  "mini.pick(mini.object({ a: mini.string(), b: mini.int() }), { a: true })",
  "mini.string().check(mini.minLength(1))",
  "mini.enum(['a', 'b'])",
  "mini.literal(KIND)",
  "mini.nullable(mini.array(mini.string()))",
  "mini.extend(mini.object({ a: mini.string() }), { b: mini.int() })",
  "(z.string())",
  "Money satisfies z.ZodType",
  "z.undefined()",
  "z.void()",
  "z.unknown()",
  "z.any()",
];

/** Schemas whose types their values do not show, or may not: the contract is pointed at. */
export const hiddenSchemas: readonly string[] = [
  "z.literal(String(PORT))",
  "z.literal(kind())",
  "z.literal(kindConst())",
  "z.literal(~1)",
  "z.literal(+'5')",
  "z.literal(-PORT)",
  "z.literal(!flag)",
  "z.literal(PORT + 1)",
  "z.literal(`a${PORT}`)",
  "z.literal(flag ? 'a' : 'b')",
  "z.literal(LIMITS.kind)",
  "z.literal(LIMITS.nested.kind)",
  "z.literal(EMBEDDED.kind)",
  "z.literal(LIMITS['kind'])",
  "z.literal(FROZEN?.kind)",
  "z.literal(KIND as string)",
  "z.literal(blue)",
  "z.literal(typeof KIND)",
  "z.literal(Level.Debug)",
  "z.literal((void 0, KIND))",
  "z.literal(KIND.toUpperCase())",
  "z.literal(COLOR_LIST)",
  "z.literal(COLORS.map((c) => c))",
  "z.literal(JSON.parse('\"a\"') as 'a' | 'b')",
  "z.enum([...new Set(['x', 'y'])])",
  "z.enum(COLORS.slice(0, 2))",
  "z.enum(COLOR_LIST)",
  "z.enum(WIDE)",
  "z.enum(colors())",
  "z.enum([kind(), 'beta'])",
  "z.enum([...colors()])",
  "z.enum(Object.keys(LIMITS))",
  "z.enum(Object.keys(LIMITS) as ['max', 'kind'])",
  "z.enum(Level)",
  "z.nativeEnum(Level)",
  "z.nativeEnum({ A: 'a' })",
  "z.enum(LOOSE_ENTRIES)",
  "z.enum({ ...LOOSE_ENTRIES })",
  "z.enum(Object.fromEntries(COLORS.map((c) => [c, c])))",
  "z.enum(COLORS.filter((c) => c !== 'red'))",
  "z.templateLiteral([kind(), z.string()])",
  "z.templateLiteral(['a', z.literal(kind())])",
  "Id",
  "Id.optional()",
  "z.array(Id)",
  "z.object({ id: Id })",
  "z.string().brand<'X'>().nullable()",
  "z.string().brand('X')",
  "ImportedId",
  "shapes.id",
  "fields.id()",
  "fields.id().optional()",
  "z.array(fields.id())",
  "schemas.deep.id",
  "branded()",
  "wrapped()",
  "optionalBrand()",
  "z.object(hiddenShape)",
  "z.object({ ...hiddenShape, b: z.string() })",
  "z.object({ c: z.string(), ...hiddenShape })",
  "z.object(overridden)",
  "z.object({ [KEY]: z.string() }).extend({ [kind()]: z.int() })",
  "z.object({ [kind()]: z.string() })",
  "z.object(Object.fromEntries([['a', z.string()]]))",
  "z.object(AnnotatedRecord)",
  "z.object(flag ? shape : constShape)",
  "z.object({ ...(flag ? shape : {}) })",
  "z.object({ ...(flag && { a: z.string() }) })",
  "z.object(shape).pick(masked)",
  "z.object({ a: z.string() }).catchall(z.never())",
  "Annotated",
  "Annotated.optional()",
  "z.array(Annotated)",
  "z.object({ a: Annotated })",
  "anything",
  "changing",
  "choose()",
  "cast()",
  "typed()",
  "statements()",
  "overloaded('x')",
  "anyList(z.string())",
  "both(z.object({ a: z.string() }), z.object({ a: z.string() }))",
  "loosely('alpha')",
  "taken",
  "flag ? z.string() : z.int()",
  "flag ? z.string() : z.string().optional()",
  "flag ? z.string() : z.string().default('a')",
  "z.string() as z.ZodType<'a' | 'b'>",
  "z.string().optional() as z.ZodType<string | undefined>",
  "<z.ZodType<string>>z.string()",
  "z.coerce.number<string>()",
  "z.coerce.number() satisfies Loose",
  "force.number() satisfies Loose",
  "z.custom<`a${string}`>((v) => typeof v === 'string')",
  "z.custom<Date>()",
  "z.string().refine((s) => s === 'x')",
  "z.unknown().refine((v) => typeof v === 'string')",
  "z.unknown().refine((v): v is string => typeof v === 'string')",
  "z.string().transform((s) => s.length)",
  "z.preprocess((v: string) => Number(v), z.number())",
  "z.json()",
  "z.union(loosePair)",
  "z.union([z.string(), z.literal(kind())])",
  "z.union(COLORS.map((c) => z.literal(c)))",
  "z.union([...COLORS.map((c) => z.literal(c)), z.null()])",
  "z.fromJSONSchema({ type: 'string' })",
  "new z.ZodString({ type: 'string' })",
  "zz.literal(kind())",
  "zAlias.literal(kind())",
  "z.lazy(() => Id)",
  "z.lazy((): z.ZodType<'a' | 'b'> => z.enum(['a', 'b']))",
  "z.record(Id, z.int())",
  "z.record(z.string(), Id)",
  "z.map(Id, z.int())",
  "z.tuple([Id])",
  "z.tuple([z.string()], Id)",
  "z.string().pipe(Id)",
  "z.string().or(Id)",
  "mini.string().brand<'M'>()",
  "mini.literal(kind())",
  "mini.optional(mini.literal(kind()))",
  "[z.string(), z.int()][0]!",
  "[z.string().brand<'E'>()].at(0)!",
  "[z.string()].map((s) => s.brand<'E'>())[0]!",
  "Reflect.get(fields, 'name')",
  "(() => z.string().brand<'I'>())()",
  "z.clone(z.string().brand<'C'>())",
];

/** Whole tasks, of which the text shows less than their values. */
const hiddenTasks: readonly string[] = [
  "task({ params: Object.fromEntries(COLORS.map((c) => [c, z.number()])) as Record<string, z.ZodNumber>, result: z.void() })",
  "task({ params: Object.fromEntries(COLORS.map((c) => [c, z.number().optional()])) as Record<string, z.ZodOptional<z.ZodNumber>>, result: z.void() })",
  "task({ params: { first: z.string(), ...AnnotatedRecord }, result: z.void() })",
  "task({ params: { a: z.string(), ...laterShape }, result: z.void() })",
  "task({ params: { a: z.string(), [kind()]: z.int() }, result: z.void() })",
  "task({ params: { a: z.string(), [KEY]: z.int() }, result: z.void() })",
  "task({ params: shape, result: Annotated, errors: AnnotatedRecord, progress: Annotated })",
  "task({ params: { a: Annotated, b: z.int() }, result: z.void(), errors: { e: Annotated } })",
  "task({ params: { a: Annotated, b: Annotated.optional(), c: anything }, result: Annotated })",
  "task({ params: {}, result: z.void(), errors: Object.fromEntries([['late', Id]]) })",
  "task({ params: {}, result: z.void(), ...laterResult })",
  "task({ ...{ params: { a: Id } }, result: Id })",
  "task(flag ? { params: { a: Id }, result: z.void() } : { params: { a: Id }, result: z.void() })",
  "task<{ a: z.ZodString }, z.ZodVoid>({ params: { a: z.string() }, result: z.void() })",
  "task({ params: shape, result: z.void() } satisfies { params: z.ZodRawShape; result: z.ZodType })",
  "task({ params: { a: z.string() }, result: z.void(), progress: flag ? z.int() : undefined })",
];

/** A project with each schema as a parameter, a result, an error and a progress; and with the tasks as a whole. */
export function corpusFiles(): Readonly<Record<string, string>> {
  const tasks = [...knownSchemas, ...hiddenSchemas].map(
    (schema, index) =>
      `export const s${index} = task({ params: { v: ${schema} }, result: ${schema}, errors: { e: ${schema} }, progress: ${schema} });`,
  );
  const whole = hiddenTasks.map((text, index) => `export const t${index} = ${text};`);
  return {
    "contracts/corpus.ts": [corpusHead, ...tasks, ...whole, ""].join("\n"),
    "contracts/_parts.ts": corpusParts,
    // What is not asked of contracts here: that they hold to erasable syntax, and use all that they declare.
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        types: ["node"],
        customConditions: ["taskpact-source"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        rewriteRelativeImportExtensions: true,
        skipLibCheck: true,
        noEmit: true,
      },
      include: ["contracts", "generated"],
    }),
  };
}
