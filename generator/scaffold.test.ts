import { describe, expect, it } from "vitest";
import { contractHead, temporaryProject, type TemporaryProject } from "../tests/temporary-project.ts";
import { diagnosticText } from "./diagnostic.ts";
import { generate } from "./generate.ts";
import { openProject } from "./project.ts";
import { scaffold, type Scaffolding } from "./scaffold.ts";
import { parse, syntaxErrors } from "./read.ts";
import { writeChanges } from "./write.ts";

const contract = ["a", "b"]
  .map((name) => `export const ${name} = task({ params: {}, result: z.string() });\n`)
  .join("");

function projectWith(handlers: string): TemporaryProject {
  return temporaryProject({ "contracts/x.ts": contractHead + contract, "handlers/x.ts": handlers });
}

async function run(project: TemporaryProject): Promise<Scaffolding> {
  const { settings } = await openProject(project.root);
  const { assembly } = await generate(settings);
  const scaffolding = await scaffold(settings, assembly.model, `${project.root}/handlers`);
  await writeChanges(project.root, scaffolding.changes);
  return scaffolding;
}

/** A handlers file after a run. */
async function extended(handlers: string): Promise<string> {
  const project = projectWith(handlers);
  await run(project);
  const text = project.read("handlers/x.ts");
  expect(syntaxErrors(parse("x.ts", text))).toEqual([]);
  expect((await run(project)).changes).toEqual([]);
  return text;
}

const head = `import { TaskError } from "taskpact";\nimport { implementX } from "../generated/index.ts";\n`;
const stubOf = (task: string): string =>
  `  ${task}: () => {\n    throw new TaskError("unimplemented", "no handler yet", { task: "x.${task}" });\n  }`;

describe("a handlers file keeps every byte of the user's", () => {
  it.each([
    [
      "with a comma behind the last handler",
      `${head}export const x = implementX({\n  a: () => "",\n});\n`,
      `${head}export const x = implementX({\n  a: () => "",\n${stubOf("b")},\n});\n`,
    ],
    [
      "without one",
      `${head}export const x = implementX({\n  a: () => ""\n});\n`,
      `${head}export const x = implementX({\n  a: () => "",\n${stubOf("b")}\n});\n`,
    ],
    [
      "with a comma and a comment behind it",
      `${head}export const x = implementX({\n  a: () => "", // quick\n  // more to come\n});\n`,
      `${head}export const x = implementX({\n  a: () => "", // quick\n  // more to come\n${stubOf("b")},\n});\n`,
    ],
    [
      "with a comment in the place of the comma",
      `${head}export const x = implementX({\n  a: () => "" /* quick */\n});\n`,
      `${head}export const x = implementX({\n  a: () => "", /* quick */\n${stubOf("b")}\n});\n`,
    ],
    [
      "in one line",
      `${head}export const x = implementX({ a: () => "" });\n`,
      `${head}export const x = implementX({ a: () => "",\n${stubOf("b")}\n });\n`,
    ],
    [
      "with dependencies behind the handlers",
      `${head}export const x = implementX({\n  a: () => "",\n}, { dependencies: open });\n`,
      `${head}export const x = implementX({\n  a: () => "",\n${stubOf("b")},\n}, { dependencies: open });\n`,
    ],
    [
      "with handlers written as methods, by a quoted name, and by name alone",
      `${head}const b = () => "";\nexport const x = implementX({ b, "a"() { return ""; } });\n`,
      `${head}const b = () => "";\nexport const x = implementX({ b, "a"() { return ""; } });\n`,
    ],
    [
      "with none yet",
      `${head}export const x = implementX({});\n`,
      `${head}export const x = implementX({\n${stubOf("a")},\n${stubOf("b")},\n});\n`,
    ],
    [
      "with nothing but a comment yet",
      `${head}export const x = implementX({\n  // to do\n});\n`,
      `${head}export const x = implementX({\n  // to do\n${stubOf("a")},\n${stubOf("b")},\n});\n`,
    ],
  ])("%s", async (_how, before, after) => {
    expect(await extended(before)).toBe(after);
  });

  it("with a BOM, CRLF, tabs, single quotes and no semicolons, and goes on in that style", async () => {
    const before =
      "\uFEFFimport { implementX } from '../generated/index.ts'\r\nexport const x = implementX({\r\n\ta: () => '',\r\n})\r\n";
    expect(await extended(before)).toBe(
      "\uFEFFimport { implementX } from '../generated/index.ts'\r\nimport { TaskError } from 'taskpact'\r\n" +
        "export const x = implementX({\r\n\ta: () => '',\r\n\tb: () => {\r\n" +
        "\t\tthrow new TaskError('unimplemented', 'no handler yet', { task: 'x.b' })\r\n\t},\r\n})\r\n",
    );
  });

  it("where the call is indented, by four", async () => {
    const before = `${head}export function make() {\n    return implementX({\n        a: () => "",\n    });\n}\n`;
    const stub = stubOf("b").replaceAll(/^( +)/gm, (indent) => (indent.length > 2 ? " ".repeat(12) : " ".repeat(8)));
    expect(await extended(before)).toBe(before.replace(`"",\n`, `"",\n${stub},\n`));
  });
});

describe("a handlers file is left as it is", () => {
  it("that implements its contract in part", async () => {
    const text = `${head}export const one = implementX.partial({ a: () => "" });\nexport const other = implementX.partial({ b });\n`;
    const project = projectWith(text);
    expect(await run(project)).toEqual({
      changes: [],
      diagnostics: [],
      lines: ["no handler is missing in handlers/"],
    });
    expect(project.read("handlers/x.ts")).toBe(text);
  });

  it.each([
    [
      "that has a syntax error",
      `${head}export const x = implementX({ a: ( });\n`,
      "handlers/x.ts:3:36 - error: a syntax error",
    ],
    ["in which nothing is implemented", "export {};\n", "there is no call implementX({ … })"],
    ["in which it is implemented twice", `${head}implementX({});\nimplementX({});\n`, "is called more than once"],
    [
      "whose handlers are spread in",
      `${head}export const x = implementX({ ...others });\n`,
      "may be among those that are spread in",
    ],
  ])("%s, and the user is told", async (_what, text, words) => {
    const project = projectWith(text);
    const { changes, diagnostics } = await run(project);
    expect(changes).toEqual([]);
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics.map(diagnosticText).join("\n")).toContain(words);
    expect(project.read("handlers/x.ts")).toBe(text);
  });
});
