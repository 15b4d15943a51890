import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ts } from "ts-morph";
import { afterAll, beforeAll, expect, onTestFinished, vi } from "vitest";
import { built } from "../built/package.ts";
import { CommandStage } from "../command-stage.ts";
import { contractHead, temporaryProject } from "../temporary-project.ts";
import { reported } from "./reported.ts";

vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

/** A folder with this repository's project as a build leaves it, for a test to change. */
async function builtCopy(): Promise<string> {
  const { modules, project } = await built();
  const folder = await mkdtemp(join(tmpdir(), "taskpact-setup-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(project, join(folder, "dist"), { recursive: true });
  await symlink(modules, join(folder, "node_modules"));
  return folder;
}

reported("S2", "compilers to CommonJS can read all that clients and workers load", async (got) => {
  const { modules } = await built();
  const dist = join(modules, "taskpact/dist");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
  const code = files.filter((file) => file.endsWith(".js") && !/^(cli|generator)[\\/]/.test(file));
  const unreadable = code.filter((file) => hasImportMeta(readFileSync(join(dist, file), "utf8")));
  got(`import.meta in ${unreadable.join(", ")}`);
  expect(code.length).toBeGreaterThan(10);
  // It is imported where it is needed, and may fail.
  expect(unreadable).toEqual([join("runtime", "brokers", "redis", "keeper", "package-path.js")]);
});

function hasImportMeta(code: string): boolean {
  const has = (node: ts.Node): boolean => ts.isMetaProperty(node) || (ts.forEachChild(node, has) ?? false);
  return has(ts.createSourceFile("module.js", code, ts.ScriptTarget.Latest));
}

reported("S3", "ls shows the docs of a build without declarations", async (got) => {
  const folder = await builtCopy();
  for (const name of readdirSync(join(folder, "dist/generated")))
    if (name.endsWith(".d.ts")) await rm(join(folder, "dist/generated", name));
  const all = await stage.run(["ls", "--project", "dist"], { cwd: folder });
  const one = await stage.run(["ls", "math.division", "--project", "dist"], { cwd: folder });
  got(all.stdout.split("\n").find((line) => line.startsWith("math.addition")) ?? all.stderr);
  expect(all.stdout).toMatch(/^math\.addition +math +local-first +Adds two numbers\.$/m);
  expect(one.stdout).toContain("Divides one number by another.");
});

reported("S5", "the configuration of a CommonJS build is read", async (got) => {
  const folder = await builtCopy();
  await writeFile(join(folder, "dist/package.json"), JSON.stringify({ type: "commonjs" }));
  for (const name of readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue;
    const file = join(folder, "dist", name);
    await writeFile(
      file,
      ts.transpile(readFileSync(file, "utf8"), { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 }),
    );
  }
  await writeFile(
    join(folder, "dist/taskpact.config.js"),
    'Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = { broker: "redis://127.0.0.1:1" };\n',
  );
  const { code, stdout, stderr } = await stage.run(["ls", "--project", "dist"], { cwd: folder });
  got(code === 0 ? "read" : stderr);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^math\.addition +math +local-first +Adds two numbers\.$/m);
});

reported("S7", "a wrong option of with() is named", (got) => {
  const project = temporaryProject({
    "contracts/math.ts": `${contractHead}export const addition = task({ params: { a: z.number() }, result: z.number() });\n`,
    "mistakes.ts": [
      'import { createTasks } from "./generated/index.ts";',
      'const tasks = createTasks({ broker: "memory:" });',
      'tasks.with({ policy: "remote" });',
      "tasks.with({ timeout: 100 });",
      'tasks.with({ delayMs: "5" });',
      'tasks.with({ policy: "remote-only", delayMs: 5 });',
      "tasks.with({ dealyMs: 5 });",
    ].join("\n"),
  });
  expect(project.gen().stderr).toBe("");
  const { stdout } = project.typeCheck();
  const said = stdout.split(/^(?=mistakes)/m).map((text) => text.replaceAll(/\s+/g, " "));
  got(said[0] ?? "no type error");
  expect(said).toEqual([
    expect.stringContaining(`Type '"remote"' is not assignable to type 'Policy`),
    expect.stringContaining("Did you mean to write 'timeoutMs'?"),
    expect.stringContaining("Type 'string' is not assignable to type 'number"),
    expect.stringContaining("Types of property 'delayMs' are incompatible"),
    expect.stringContaining("Did you mean to write 'delayMs'?"),
  ]);
});

reported("S8", "the scaffold of a task with cpu compiles as CommonJS", (got) => {
  const contract = `${contractHead}export const render = task({ params: {}, result: z.string(), cpu: true });\n`;
  const scaffold = (type: string, module: string): readonly [string, string] => {
    const project = temporaryProject({
      "package.json": JSON.stringify({ type }),
      "contracts/report.ts": contract,
    });
    const { compilerOptions } = JSON.parse(project.read("tsconfig.json")) as { compilerOptions: object };
    const resolution = module === "commonjs" ? { moduleResolution: "bundler" } : {};
    project.write(
      "tsconfig.json",
      JSON.stringify({ compilerOptions: { ...compilerOptions, ...resolution, module, verbatimModuleSyntax: false } }),
    );
    expect(project.gen("--scaffold", "handlers").stderr).toBe("");
    // Of the other kind of CommonJS, this repository's own sources are not.
    return [
      module === "commonjs" ? "" : project.typeCheck().stdout,
      /}, (.*)\);/.exec(project.read("handlers/report.ts"))?.[1] ?? "",
    ];
  };
  const made = [scaffold("commonjs", "nodenext"), scaffold("module", "nodenext"), scaffold("module", "commonjs")];
  got(made.map(([errors, name]) => errors || name).join(", "));
  expect(made).toEqual([
    ["", "__filename"],
    ["", "import.meta.url"],
    ["", "__filename"],
  ]);
});

reported("S9", "a schema that is imported by an alias is printed", (got) => {
  const contract = (specifier: string): string =>
    `${contractHead}import { money } from "${specifier}";\n` +
    "export const pay = task({ params: { amount: money }, result: z.void() });\n";
  const printed = (specifier: string, settings: object = {}, imports: object = {}): readonly [string, string] => {
    const project = temporaryProject({
      "package.json": JSON.stringify({ type: "module", imports }),
      "contracts/shared/money.ts": 'import * as z from "zod";\nexport const money = z.object({ cents: z.int() });\n',
      "contracts/pay.ts": contract(specifier),
    });
    const { compilerOptions } = JSON.parse(project.read("tsconfig.json")) as { compilerOptions: object };
    project.write("tsconfig.json", JSON.stringify({ compilerOptions: { ...compilerOptions, ...settings } }));
    const { stderr } = project.gen();
    return [stderr, /pay: (Signature.*);/.exec(project.read("generated/pay.ts"))?.[1] ?? ""];
  };
  const relative = printed("./shared/money.ts");
  const aliased = printed("@shared/money", { paths: { "@shared/*": ["./contracts/shared/*"] } });
  const subpath = printed("#shared/money.ts", {}, { "#shared/*": "./contracts/shared/*" });
  got(aliased.join(" "));
  expect(relative).toEqual([
    "",
    "Signature<(amount: { cents: number }) => Promise<void>, { amount: { cents: number } }>",
  ]);
  expect(aliased).toEqual(relative);
  expect(subpath).toEqual(relative);
});

reported("S12", "linters leave generated files alone, and their fixes don't fail a check", (got) => {
  const project = temporaryProject({
    "contracts/math.ts": `${contractHead}export const addition = task({ params: { a: z.number() }, result: z.number() });\n`,
  });
  expect(project.gen().stderr).toBe("");
  const names = ["index.ts", "math.ts", "conformance.ts", "task-docs.ts"];
  for (const name of names)
    expect(project.read(`generated/${name}`).split("\n").slice(0, 2)).toEqual([
      expect.stringMatching(/^\/\/ Generated from /),
      "/* eslint-disable */",
    ]);
  // As `eslint --fix` does with a directive that turned nothing off.
  for (const name of names)
    project.write(`generated/${name}`, project.read(`generated/${name}`).replace("/* eslint-disable */\n", ""));
  const fixed = project.gen("--check");
  project.write("generated/math.ts", project.read("generated/math.ts").replace("a: number", "a: string"));
  const edited = project.gen("--check");
  got(`check ends with ${fixed.status}; after an edit with ${edited.status}`);
  expect([fixed.status, edited.status]).toEqual([0, 1]);
});
