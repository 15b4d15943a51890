import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { contractHead, temporaryProject, type TemporaryProject } from "../tests/temporary-project.ts";
import { generate, type GenerateOptions, type Generation } from "./generate.ts";
import { openProject } from "./project.ts";
import { scaffold } from "./scaffold.ts";
import { writeChanges } from "./write.ts";

// Some of it runs TypeScript.
vi.setConfig({ testTimeout: 30_000 });

async function generation(project: TemporaryProject, options: GenerateOptions = {}): Promise<Generation> {
  const { settings } = await openProject(project.root);
  return generate(settings, options);
}

async function write(project: TemporaryProject, options: GenerateOptions = {}): Promise<Generation> {
  const result = await generation(project, options);
  await writeChanges(project.root, result.changes);
  return result;
}

/** The line of a task's signature. */
async function signature(declaration: string, before = ""): Promise<string> {
  const project = temporaryProject({ "contracts/a.ts": `${contractHead}${before}export const x = ${declaration};\n` });
  const { diagnostics } = await write(project);
  expect(diagnostics).toEqual([]);
  return /^ {2}x: (.*);$/m.exec(project.read("generated/a.ts"))?.[1] ?? "";
}

const ping = (name: string): string => `export const ${name} = task({ params: {}, result: z.string() });\n`;

describe("a signature", () => {
  it("has positional, ordered arguments and a handler's object", async () => {
    expect(await signature("task({ params: { b: z.string(), a: z.number() }, result: z.void() })")).toBe(
      "Signature<(b: string, a: number) => Promise<void>, { b: string; a: number }>",
    );
  });

  it("marks just those arguments optional behind which none is required", async () => {
    const params = "{ a: z.number().default(0), b: z.number(), c: z.string().optional(), d: z.int().default(1) }";
    expect(await signature(`task({ params: ${params}, result: z.null() })`)).toBe(
      "Signature<(a: number | undefined, b: number, c?: string, d?: number) => Promise<null>, " +
        "{ a: number; b: number; c?: string | undefined; d: number }>",
    );
  });

  it("tells what a handler gives where that is other than what a caller gets", async () => {
    const codec = "z.codec(z.string(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() })";
    expect(
      await signature(`task({ params: {}, result: ${codec}, errors: { late: z.int() }, progress: ${codec} })`),
    ).toBe("Signature<() => Promise<Date>, {}, { late: number }, Date, { result: string; progress: string }>");
  });

  it("points at the contract for just the part that can't be printed", async () => {
    expect(
      await signature("task({ params: { a: z.string(), b: z.string().transform(Number) }, result: z.custom<Date>() })"),
    ).toBe(
      `Signature<(a: string, b: string) => Promise<ResultOutput<typeof contract.x>>, { a: string; b: ParamOutput<typeof contract.x, "b"> }, ` +
        "{}, DefaultProgress, { result: ResultInput<typeof contract.x> }>",
    );
  });
});

describe("generated files", () => {
  const files = {
    "contracts/math.ts": `${contractHead}
/**
 * Adds.
 *
 *     addition(1, 2)
 */
export const addition = task({ params: { a: z.number() }, result: z.number() });
export const limit = 10;
export const here = task({ params: {}, result: z.void(), policy: "local-only" });
`,
    "contracts/user-orders.ts": `${contractHead}${ping("place")}`,
  };

  it("are one a contract, an index, a proof and the docs, and stay as they are when nothing changes", async () => {
    const project = temporaryProject(files);
    const first = await write(project);
    expect(first.changes.map(({ path }) => path)).toEqual([
      "generated/math.ts",
      "generated/user-orders.ts",
      "generated/conformance.ts",
      "generated/index.ts",
      "generated/task-docs.ts",
    ]);
    expect((await write(project)).changes).toEqual([]);
    expect(project.typeCheck().stdout).toBe("");
  });

  it("ask for the handlers' module where a task has cpu", async () => {
    const contract = `${contractHead}
export const render = task({ params: {}, result: z.string(), cpu: true });
`;
    const project = temporaryProject({ "contracts/report.ts": contract });
    await write(project);
    const { settings } = await openProject(project.root);
    const { assembly } = await generate(settings);
    await writeChanges(project.root, (await scaffold(settings, assembly.model, `${project.root}/handlers`)).changes);
    expect(project.read("handlers/report.ts")).toContain("}, import.meta.url);\n");
    expect(project.typeCheck().stdout).toBe("");
    project.write("handlers/report.ts", project.read("handlers/report.ts").replace(", import.meta.url", ""));
    expect(project.typeCheck().stdout).toContain("Expected 2-3 arguments, but got 1");
    const part = (module: string): string =>
      `import { implementReport } from "../generated/index.ts";\nexport const report = implementReport.partial({ render: () => "" }${module});\n`;
    project.write("handlers/report.ts", part(""));
    expect(project.typeCheck().stdout).toContain("Expected 2-3 arguments, but got 1");
    project.write("handlers/report.ts", part(", import.meta.url"));
    expect(project.typeCheck().stdout).toBe("");
  });

  it("hold the texts of doc comments for those who ask", async () => {
    const project = temporaryProject({
      "contracts/a.ts": `${contractHead}/** One line, with "quotes" and \`ticks\`. */\n${ping("x")}
/**
 * Several lines:
 *
 *   - indented
 */
${ping("y")}${ping("w")}`,
    });
    expect((await write(project)).diagnostics).toEqual([]);
    expect(project.read("generated/task-docs.ts").split("\n").slice(3)).toEqual([
      "/** What the contracts say of their tasks, by the names on the wire. */",
      "export const docs: { readonly [name: string]: string } = {",
      String.raw`  "a.x": "One line, with \"quotes\" and ${"`ticks`"}.",`,
      String.raw`  "a.y": "Several lines:\n\n  - indented",`,
      "};",
      "",
    ]);
    expect(project.read("generated/index.ts")).toContain('docs: async () => (await import("./task-docs.ts")).docs,');
    expect(project.typeCheck().stdout).toBe("");
  });

  it("have this text", async () => {
    const project = temporaryProject(files);
    await write(project);
    expect(project.read("generated/math.ts")).toBe(`\
// Generated from contracts/math.ts. Do not edit: change the contract and run \`npm run gen\`.
/* eslint-disable */
import {
  type Calls,
  type Contract,
  type Handlers,
  type Implementation,
  type SafeCalls,
  type Signature,
  type SubmitCalls,
  contractOf,
} from "taskpact/codegen";
import type * as contract from "../contracts/math.ts";
import * as declared from "../contracts/math.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/math.ts. */
export interface MathSignatures {
  /**
   * Adds.
   *
   *     addition(1, 2)
   */
  addition: Signature<(a: number) => Promise<number>, { a: number }>;
  here: Signature<() => Promise<void>, {}>;
}

export interface MathCalls extends Calls<typeof contract, MathSignatures> {}
export interface MathSafeCalls extends SafeCalls<typeof contract, MathSignatures> {}
export interface MathSubmitCalls extends SubmitCalls<typeof contract, Omit<MathSignatures, "here">> {}
export interface MathHandlersGiven<Given> extends Handlers<typeof contract, MathSignatures, Given> {}
export interface MathImplementation<Dependencies = {}> extends Implementation<MathSignatures, typeof contract, Dependencies> {}

export const mathContract: Contract = contractOf("math", declared, [
  "addition",
  "here",
]);
`);
    expect(project.read("generated/user-orders.ts")).toContain(`contractOf("user-orders", declared, [`);
    expect(project.read("generated/index.ts")).toContain("export interface Tasks extends UserOrdersCalls {}");
    expect(project.read("generated/index.ts")).toContain(`\
export interface MathHandlers<Dependencies = {}> extends MathHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/math.ts, for a worker and for local policies. */
export const implementMath: {
  <Dependencies = {}>(
    handlers: MathHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): MathImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/math.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<MathHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): MathImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(mathContract, registry);
`);
  });

  it("lay a client out by contract if told to, where names may come twice", async () => {
    const project = temporaryProject({
      "contracts/a.ts": `${contractHead}${ping("same")}`,
      "contracts/b.ts": `${contractHead}${ping("same")}`,
      "taskpact.config.ts": `import { defineConfig } from "taskpact/config";\nexport default defineConfig({ client: "byContract" });\n`,
      "use.ts": `import { createTasks, isDeclared } from "./generated/index.ts";
const tasks = createTasks({ broker: "memory:" });
export const texts: readonly string[] = [await tasks.a.same(), await tasks.with({ timeoutMs: 5 }).b.same()];
export const answers = [await tasks.safe.a.same(), await tasks.submit.b.same(), isDeclared];
export const again: Promise<string> = tasks.client.handle("b.same", "id").result();
`,
    });
    await write(project);
    expect(project.typeCheck().stdout).toBe("");
  });

  it.each([
    ["{}", ".js"],
    [`{ "compilerOptions": { "allowImportingTsExtensions": true } }`, ".ts"],
    [`{ "extends": "./base.json", /* a comment */ }`, ".ts"],
  ])("import as tsconfig.json wants it: %s", async (tsconfig, extension) => {
    const project = temporaryProject({ ...files, "tsconfig.json": tsconfig });
    project.write("base.json", `{ "compilerOptions": { "rewriteRelativeImportExtensions": true } }`);
    await write(project);
    expect(project.read("generated/math.ts")).toContain(`"../contracts/math${extension}"`);
    expect(project.read("generated/index.ts")).toContain(`"./math${extension}"`);
  });

  it("say the types of all that they export, as libraries want it", async () => {
    const project = temporaryProject(files);
    const { compilerOptions } = JSON.parse(project.read("tsconfig.json")) as { readonly compilerOptions: object };
    const declared = { ...compilerOptions, isolatedDeclarations: true, declaration: true };
    project.write("tsconfig.json", JSON.stringify({ compilerOptions: declared, include: ["generated/*.ts"] }));
    await write(project);
    const { stdout } = project.typeCheck();
    expect(stdout.split("\n").filter((line) => line.startsWith("generated/"))).toEqual([]);
  });

  it("follow the configuration's folders and extension", async () => {
    const config = `export default { contracts: "./src/tasks/", generated: "src/gen", importExtension: "" };\n`;
    const project = temporaryProject({ "taskpact.config.ts": config, "src/tasks/a.ts": `${contractHead}${ping("x")}` });
    await write(project);
    expect(project.read("src/gen/a.ts")).toContain(`from "../tasks/a";`);
  });

  it("carry the name of the nearest package, or the owner of the configuration", async () => {
    const project = temporaryProject({ ...files });
    await write(project);
    expect(project.read("generated/index.ts")).not.toContain("owner:");
    project.write("package.json", `{ "name": "@shop/mailer", "type": "module" }`);
    await write(project);
    expect(project.read("generated/index.ts")).toContain(`  owner: "@shop/mailer",\n`);
    project.write("taskpact.config.ts", `export default { owner: "mail" };\n`);
    await write(project);
    expect(project.read("generated/index.ts")).toContain(`  owner: "mail",\n`);
  });

  it("are made in a project of CommonJS modules, too", async () => {
    const project = temporaryProject({
      "package.json": "{}",
      "contracts/_money.ts": `import * as z from "zod";\nexport const Money = z.object({ amount: z.int() });\n`,
      "contracts/a.ts": `${contractHead}import { Money } from "./_money";\nexport const x = task({ params: {}, result: Money });\n`,
    });
    await write(project);
    expect(project.read("generated/a.ts")).toContain("x: Signature<() => Promise<{ amount: number }>, {}>;");
  });
});

describe("a contract whose schemas hide their types", () => {
  it("is pointed at, so that the proof holds all the same", async () => {
    const project = temporaryProject({
      "contracts/a.ts": `${contractHead}
const Id = z.string().brand<"Id">();
const Tree = z.object({ id: Id, get kids() { return z.array(Tree); } });
const names: string[] = ["a", "b"];
export const x = task({
  params: { id: Id, tree: Tree.optional(), name: z.enum(names), word: z.string().refine((s) => s === "x") },
  result: z.json(),
  errors: { e: z.object({ by: Id }) },
  progress: z.coerce.number<string>(),
});
const shared = { a: z.custom<Date>() };
export const y = task({ params: shared, result: z.string() });
const crud = <T extends z.ZodType>(item: T) => task({ params: { item }, result: z.array(item) });
export const z1 = crud(z.int());
export const z2: typeof z1 = z1;
`,
    });
    await write(project);
    expect(project.typeCheck().stdout).toBe("");
    expect(project.read("generated/a.ts")).toContain(`id: ParamInput<typeof contract.x, "id">, tree: `);
    expect(project.read("generated/a.ts")).toContain(
      "z1: Signature<(item: number) => Promise<number[]>, { item: number }>;",
    );
  });
});

describe("a task that was removed", () => {
  const both = `${contractHead}${ping("kept")}${ping("gone")}`;
  const one = `${contractHead}${ping("kept")}`;
  const tombstone = `gone?: "✗ task gone was removed from contracts/a.ts - delete this handler";`;

  it("leaves a tombstone, until it comes back or all are pruned", async () => {
    const project = temporaryProject({ "contracts/a.ts": both });
    await write(project);
    project.write("contracts/a.ts", one);
    await write(project);
    expect(project.read("generated/a.ts")).toContain(tombstone);
    expect((await write(project)).changes).toEqual([]);
    project.write("contracts/a.ts", both);
    await write(project);
    expect(project.read("generated/a.ts")).not.toContain("✗");
    project.write("contracts/a.ts", one);
    await write(project);
    await write(project, { prune: true });
    expect(project.read("generated/a.ts")).not.toContain("✗");
  });

  it("says in the type error of its handler that it is gone", async () => {
    const project = temporaryProject({ "contracts/a.ts": both });
    await write(project);
    project.write("contracts/a.ts", one);
    await write(project);
    project.write(
      "handlers.ts",
      `import { implementA } from "./generated/index.ts";\nexport const a = implementA({ kept: () => "", gone: () => "" });\n` +
        `export const part = implementA.partial({ gone: () => "" });\n`,
    );
    const said = project
      .typeCheck()
      .stdout.match(/✗ task gone was removed from contracts\/a\.ts - delete this handler/g);
    expect(said).toHaveLength(2);
  });

  it("goes with its contract's file, and no file of the user's goes with it", async () => {
    const project = temporaryProject({ "contracts/a.ts": both, "contracts/b.ts": `${contractHead}${ping("b")}` });
    await write(project);
    project.remove("contracts/b.ts");
    project.write("generated/notes.ts", "export {};\n");
    const { changes, strangers } = await write(project);
    expect(changes).toContainEqual({ path: "generated/b.ts", text: undefined });
    expect(strangers).toEqual(["generated/notes.ts"]);
    expect(project.has("generated/notes.ts")).toBe(true);
  });
});

describe("conformance.ts", () => {
  it("fails a type check at the task whose contract has changed, and says in what", async () => {
    const contract = `${contractHead}${ping("other")}export const x = task({ params: { a: z.number() }, result: z.number() });\n`;
    const project = temporaryProject({ "contracts/a.ts": contract });
    await write(project);
    expect(project.typeCheck().stdout).toBe("");
    project.write("contracts/a.ts", contract.replace("{ a: z.number() }", "{ a: z.string() }"));
    const { stdout } = project.typeCheck();
    const line = Number(/conformance\.ts\((\d+)/.exec(stdout)?.[1]);
    expect(project.read("generated/conformance.ts").split("\n")[line - 1]).toContain("typeof aContract.x");
    expect(stdout).toContain("what a caller gives and gets");
  });

  it.each([
    ["a result", "result: z.number()", "result: z.coerce.number()", "what a handler returns"],
    ["an optional parameter", "a: z.number()", "a: z.number().optional()", "what a caller may leave out"],
    [
      "an error",
      "result: z.number()",
      "result: z.number(), errors: { e: z.string() }",
      "errors, as a caller reads them",
    ],
    ["progress", "result: z.number()", "result: z.number(), progress: z.string()", "progress, as a caller reads it"],
  ])("sees a change of %s", async (_what, before, after, part) => {
    const contract = `${contractHead}export const x = task({ params: { a: z.number() }, result: z.number() });\n`;
    const project = temporaryProject({ "contracts/a.ts": contract });
    await write(project);
    project.write("contracts/a.ts", contract.replace(before, after));
    expect(project.typeCheck().stdout).toContain(part);
  });
});

describe("what a contract exports", () => {
  it("is left alone unless it is a task, and handed-on tasks stay their contract's", async () => {
    const project = temporaryProject({
      "contracts/a.ts": `${contractHead}${ping("x")}export const shared = z.string();\nexport type T = string;\nexport function f() {}\n`,
      "contracts/b.ts": `${contractHead}export * from "./a.ts";\nexport { x as y } from "./a.ts";\n${ping("own")}`,
      "contracts/c.ts": `${contractHead}export { outer } from "./lib/outer.ts";\n`,
      "contracts/lib/outer.ts": `${contractHead}${ping("outer")}`,
      "contracts/_d.ts": `${contractHead}${ping("notMine")}`,
      "contracts/e.test.ts": "throw new Error();",
      "contracts/f.d.ts": "export {};",
    });
    const { assembly, diagnostics } = await generation(project);
    expect(diagnostics).toEqual([]);
    expect(assembly.model.contracts.map(({ name, tasks }) => [name, tasks.map((task) => task.name)])).toEqual([
      ["a", ["x"]],
      ["b", ["own"]],
      ["c", ["outer"]],
    ]);
  });

  it("under two names is two tasks", async () => {
    const project = temporaryProject({ "contracts/a.ts": `${contractHead}${ping("x")}export { x as y };\n` });
    const { assembly } = await generation(project);
    expect(assembly.model.contracts[0]?.tasks.map((task) => task.name)).toEqual(["x", "y"]);
  });
});

describe("generated code", () => {
  it("imports its contract, its neighbors and taskpact/codegen, and nothing else", () => {
    const folders = ["generated", ...readdirSync("examples").map((name) => `examples/${name}/generated`)];
    const files = folders
      .filter((folder) => existsSync(folder))
      .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`));
    expect(files.length).toBeGreaterThan(20);
    const imports = files.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/(?:from |import\()"([^"]+)"/g)].map(([, specifier]) => specifier!),
    );
    const others = imports.filter(
      (specifier) => specifier !== "taskpact/codegen" && !/^\.\.\/contracts\/|^\.\/[\w-]+\.ts$/.test(specifier),
    );
    expect(others).toEqual([]);
  });
});
