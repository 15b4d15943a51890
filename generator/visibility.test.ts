import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryProject } from "../tests/temporary-project.ts";
import { createModules } from "./module.ts";
import { ts } from "./read.ts";
import { createVisibility } from "./visibility.ts";

/** Whether the schema in `x` of a module shows its whole type. */
function shows(schema: string, before = "", others: Readonly<Record<string, string>> = {}): boolean {
  const project = temporaryProject({
    "a.ts": `import * as z from "zod";\n${before}\nexport const x = f(${schema});\n`,
    ...others,
  });
  const modules = createModules(project.root);
  const module = modules.at(join(project.root, "a.ts"));
  const binding = module?.bindings.get("x");
  if (module === undefined || binding?.kind !== "variable" || binding.node.initializer === undefined) return false;
  const call = binding.node.initializer;
  const [argument] = ts.isCallExpression(call) ? call.arguments : [];
  return argument !== undefined && createVisibility(modules).sight(module, argument, "schema") === "all";
}

describe("a schema shows its type", () => {
  it.each([
    ["z.string().min(LIMIT * 2).regex(/x/).default(makeDefault())"],
    [`z.object({ a: z.enum(["x"]), ...{ b: z.literal(-1) } }).partial({ a: true })`],
    ["z.union([z.string(), z.null()]).nullable()"],
    ["z.coerce.number()"],
    ["z.instanceof(Uint8Array)"],
    ["z.lazy(() => z.string())"],
    ["z.codec(z.string(), z.date(), { decode: (s) => parse(s), encode: String })"],
    ["z.object({ get a() { return z.string(); } })"],
    ["z.number().refine((n) => n > 0 && n < limit)"],
    ["z.object({ a: z.int() }).refine((o) => o.a * 2 >= o.a)"],
    ["z.string().refine((s) => { if (s === '') return false; return s === s.trim(); })"],
    ["z.string().superRefine((s, context) => { if (s === '') context.addIssue('empty'); })"],
    ["z.string().apply((schema) => z.array(z.string()))"],
  ])("in %s", (schema) => {
    expect(shows(schema)).toBe(true);
  });

  it.each([
    ["declared in the module", "Money.optional()", "const Money = z.object({ amount: z.int() });"],
    ["whose values are constants", "z.enum(names)", `const names = ["a", "b"] as const;`],
    [
      "made by a generic function",
      "page(z.string())",
      "function page<T extends z.ZodType>(item: T) { return z.array(item); }",
    ],
    ["of a shape", "z.object(shape)", "const shape = { a: z.string() };"],
    ["that leads back to itself", "Tree", "const Tree = z.object({ get kids() { return z.array(Tree); } });"],
  ])("%s", (_what, schema, before) => {
    expect(shows(schema, before)).toBe(true);
  });

  it("imported from a file beside it, in each way that there is", () => {
    const others = {
      "b.ts": `import * as z from "zod";\nexport const A = z.string();\nconst B = z.int();\nexport { B as C };\n`,
      "c.ts": `export * from "./b.ts";\nexport { A as D } from "./b.js";\n`,
    };
    const imports = `import { A, C, D } from "./c";\nimport * as b from "./b.ts";`;
    expect(shows("z.tuple([A, C, D, b.A])", imports, others)).toBe(true);
  });
});

describe("a schema may hide its type", () => {
  it.each([
    ["by a brand", `z.string().brand<"Id">()`, ""],
    ["by a brand further in", `z.array(z.object({ id: Id }))`, `const Id = z.string().brand<"Id">();`],
    ["by an annotation", "A", "const A: z.ZodType<string> = z.string();"],
    ["by a cast", "z.string() as z.ZodType<'a'>", ""],
    ["by type arguments", "z.coerce.number<string>()", ""],
    ["by a check that narrows", `z.string().refine((s) => s === "x")`, ""],
    ["by a check that narrows at its end", `z.string().refine((s) => { const t = "x"; return s === t; })`, ""],
    ["by a check that narrows by a property", "z.object({ ok: z.boolean() }).refine((o) => o.ok)", ""],
    ["by a check that is a predicate", "z.unknown().refine((v): v is string => true)", ""],
    ["by a check that may be a predicate", "z.unknown().refine(isName)", ""],
    ["by a check that calls one", "z.unknown().refine((v) => isName(v))", ""],
    ["by values that are no constants", "z.enum(names)", `const names = ["a", "b"];`],
    ["by a property that is no constant", "z.literal(config.kind)", `const config = { kind: "a" };`],
    ["by a native enum", "z.enum(Color)", `enum Color { Red = "red" }`],
    ["by values that are computed", "z.enum(Object.keys(colors))", "const colors = { red: 1 } as const;"],
    ["by a variable that may change", "A", "let A = z.string();"],
    ["by a function that takes any schema", "list(z.string())", "const list = (item: z.ZodType) => z.array(item);"],
    ["by a function that says what it returns", "f()", "function f(): z.ZodType { return z.string(); }"],
    ["by a getter that says what it returns", "z.object({ get a(): z.ZodType { return z.string(); } })", ""],
    ["by coming from a package", "A", `import { A } from "somewhere";`],
    ["by coming from a file that isn't there", "A", `import { A } from "./nowhere.ts";`],
    ["by a choice", "Math.random() > 1 ? z.string() : z.int()", ""],
    ["by a catch-all that a strict object can't be told from", "z.object({}).catchall(z.never())", ""],
  ])("%s", (_how, schema, before) => {
    expect(shows(schema, before)).toBe(false);
  });
});
