import { describe, expect, it } from "vitest";
import { contractHead, temporaryProject, type TemporaryProject } from "../tests/temporary-project.ts";
import { placeText } from "./diagnostic.ts";
import { generate, type Generation } from "./generate.ts";
import { openProject } from "./project.ts";

async function generation(project: TemporaryProject): Promise<Generation> {
  const { settings } = await openProject(project.root);
  return generate(settings);
}

/** `contracts/a.ts:3:14 reason` of all that is wrong with some contracts. */
async function faults(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { diagnostics } = await generation(temporaryProject(files));
  return diagnostics.map(({ at, reason }) => (at === undefined ? reason : `${placeText(at)} ${reason}`));
}

const ping = (name: string): string => `export const ${name} = task({ params: {}, result: z.string() });\n`;

describe("a mistake", () => {
  it("in names is found at each place, all in one run", async () => {
    const files = {
      "contracts/a.ts": `${contractHead}${ping("same")}${ping("submit")}${ping("toString")}`,
      "contracts/b.ts": `${contractHead}${ping("same")}export { same as "not-so" };\nexport default task({ params: {}, result: z.string() });\n`,
      "contracts/index.ts": `${contractHead}${ping("fine")}`,
      "contracts/safe.ts": `${contractHead}${ping("alsoFine")}`,
    };
    expect(await faults(files)).toEqual([
      `contracts/a.ts:4:14 a task can't be called "submit"`,
      `contracts/a.ts:5:14 a task can't be called "toString"`,
      `contracts/b.ts:3:14 a second task is called "same"; the first stands at contracts/a.ts:3:14`,
      `contracts/b.ts:4:18 "not-so" is no identifier`,
      "contracts/b.ts:5:1 a default export gives its task no name",
      `contracts/index.ts:1:1 a contract can't be called "index"`,
      `contracts/safe.ts:1:1 a contract can't be called "safe"`,
    ]);
  });

  it("in names of parameters and errors is found where they stand", async () => {
    const declaration = `export const x = task({
  params: { "a-b": z.string(), 7: z.string(), class: z.string(), ["__proto__"]: z.string() },
  result: z.string(),
  errors: { "no-no": z.string(), valueOf: z.string() },
});
`;
    expect(await faults({ "contracts/a.ts": contractHead + declaration })).toEqual([
      `contracts/a.ts:4:11 a parameter can't be called "__proto__"`,
      `contracts/a.ts:4:20 a parameter can't be called "a-b"`,
      `contracts/a.ts:4:35 the parameter "7" would not stay in its place: JavaScript puts such keys first`,
      `contracts/a.ts:4:54 a parameter can't be called "class"`,
      `contracts/a.ts:6:22 the error "no-no" is no identifier`,
      `contracts/a.ts:6:43 a declared error can't be called "valueOf"`,
    ]);
  });

  it("in a schedule is found where that stands", async () => {
    const scheduled = (name: string, schedule: string): string =>
      `export const ${name} = task({ params: { a: z.string() }, result: z.void(), schedule: ${schedule} });\n`;
    const files = {
      "contracts/a.ts": [
        contractHead,
        scheduled("fine", `{ cron: "30 3 * * 1-5", timezone: "Europe/Berlin", params: { a: "" } }`),
        scheduled("cron", `{ cron: "99 3 * * *", params: { a: "" } }`),
        scheduled("zone", `{ cron: "30 3 * * *", timezone: "Mars/Olympus", params: { a: "" } }`),
        scheduled("lacks", "{ everyMs: 5 }"),
        scheduled("wrong", "{ everyMs: 5, params: { a: 5 } }"),
      ].join(""),
    };
    expect(await faults(files)).toEqual([
      `contracts/a.ts:4:83 schedule: cron "99 3 * * *", timezone "UTC": CronPattern: Invalid value for minute: 99`,
      `contracts/a.ts:5:83 schedule: cron "30 3 * * *", timezone "Mars/Olympus": Invalid time zone specified: Mars/Olympus`,
      "contracts/a.ts:6:84 schedule: params.a: Invalid input: expected string, received undefined",
      "contracts/a.ts:7:84 schedule: params.a: Invalid input: expected string, received number",
    ]);
  });

  it("in the keys of limits is found where they are made: a default that changes makes them differ", async () => {
    const limited = (name: string, schema: string, limits: string): string =>
      `export const ${name} = task({ params: { a: ${schema} }, result: z.void(), ${limits} });\n`;
    const keyed = "maxConcurrency: 2, concurrencyKey: ({ a }) => String(a)";
    const files = {
      "contracts/a.ts": [
        contractHead,
        limited("fine", `z.object({ b: z.string().default("c") }).default({ b: "c" })`, keyed),
        limited("constant", "z.number().default(() => 5)", keyed),
        limited("unkeyed", "z.number().default(() => Math.random())", "maxConcurrency: 2"),
        limited("random", "z.number().default(() => Math.random())", keyed),
        limited("clock", "z.array(z.object({ at: z.date().default(() => new Date()) }))", keyed),
        limited(
          "rate",
          "z.number().prefault(() => Date.now())",
          "rateLimit: { limit: 1, perMs: 1, key: ({ a }) => a }",
        ),
      ].join(""),
    };
    const faulty = "is made by a function: caller and worker would get different keys";
    expect(await faults(files)).toEqual([
      `contracts/a.ts:6:139 concurrencyKey: the default of params.a ${faulty}`,
      `contracts/a.ts:7:160 concurrencyKey: the default of params.a[].at ${faulty}`,
      `contracts/a.ts:8:111 rateLimit.key: the default of params.a ${faulty}`,
    ]);
  });

  it("that can't be carried is found at any depth, with its path", async () => {
    const declaration = `export const x = task({
  params: {
    job: z.object({ run: z.array(z.map(z.string(), z.function())), when: z.union([z.date(), z.promise(z.date())]) }),
    upload: z.file().optional(),
    where: z.instanceof(URL),
  },
  result: z.record(z.string(), z.tuple([z.symbol()])),
  errors: { e: z.lazy(() => z.object({ ["__proto__"]: z.string() })) },
  progress: z.instanceof(Buffer),
});
`;
    expect(await faults({ "contracts/a.ts": contractHead + declaration })).toEqual([
      "contracts/a.ts:5:10 params.job.run[].values(): a function can't be carried",
      "contracts/a.ts:5:10 params.job.when: a promise can't be carried",
      "contracts/a.ts:6:13 params.upload: a File can't be carried",
      "contracts/a.ts:7:12 params.where: an instance of URL can't be carried",
      "contracts/a.ts:9:11 result[key][0]: a symbol can't be carried",
      `contracts/a.ts:10:16 errors.e.__proto__: a key "__proto__" can't be carried`,
      "contracts/a.ts:11:13 progress: a Buffer can't be carried",
    ]);
  });

  it("is none where just the input side is carried: a class may be on the other", async () => {
    const at = "z.codec(z.string(), z.instanceof(URL), { decode: (s) => new URL(s), encode: String })";
    const declaration = `export const x = task({ params: { at: ${at} }, result: z.void() });\n`;
    expect(await faults({ "contracts/a.ts": contractHead + declaration })).toEqual([]);
  });

  it("in syntax is found in every contract, and stops those that import it from complaining", async () => {
    const files = {
      "contracts/a.ts": "export const = 3;\n",
      "contracts/b.ts": `export const x = "`,
      "contracts/c.ts": `${contractHead}import "./a.ts";\n${ping("fine")}`,
    };
    expect(await faults(files)).toEqual([
      "contracts/a.ts:1:14 a syntax error: variable declaration expected",
      "contracts/a.ts:1:16 a syntax error: variable declaration expected",
      "contracts/b.ts:1:19 a syntax error: unterminated string literal",
    ]);
  });

  it("that keeps a contract from being imported is found where it stands", async () => {
    const files = {
      "contracts/b.ts": `${contractHead}import "./missing.ts";\n`,
      "contracts/c.ts": `${contractHead}export const x = await Promise.resolve(1);\n`,
      "contracts/d.ts": `import { broken } from "./_d.ts";\nexport const x = broken;\n`,
      "contracts/_d.ts": "export const broken = ;\n",
    };
    expect(await faults(files)).toEqual([
      'contracts/_d.ts:1:23 contracts/d.ts can\'t be imported: a syntax error: Unexpected ";"',
      "contracts/b.ts:3:8 contracts/b.ts can't be imported: Cannot find module './missing.ts'",
      "contracts/c.ts:3:18 contracts/c.ts can't be imported: it awaits something at its top level",
    ]);
  });

  it("of the whole project is said without a place", async () => {
    const [missing] = await faults({});
    expect(missing).toMatch(/^there is no folder contracts\/ in /);
    expect(await faults({ "contracts/readme.md": "" })).toEqual(["there are no contracts in contracts/"]);
  });

  it("that may be one is a warning: foreign imports, and contracts without tasks", async () => {
    const files = {
      "contracts/a.ts": `${contractHead}import type { Stats } from "node:fs";\nimport { sep } from "node:path";\n${ping("x")}export const y: Stats | string = sep;\n`,
      "contracts/b.ts": "export const nothing = 1;\n",
    };
    const { diagnostics, changes } = await generation(temporaryProject(files));
    expect(diagnostics.map(({ severity, at, reason }) => [severity, at && placeText(at), reason])).toEqual([
      ["warning", "contracts/a.ts:4:1", `a contract imports "node:path", and with it does every client`],
      ["warning", "contracts/b.ts:1:1", "this contract declares no task"],
    ]);
    expect(changes.map(({ path }) => path)).toContain("generated/a.ts");
  });

  it("in the configuration is told with what is right", async () => {
    const project = temporaryProject({
      "taskpact.config.ts": `export default { folder: "x", client: "deep", generated: "../up" };\n`,
    });
    const { diagnostics } = await openProject(project.root);
    expect(diagnostics.map(({ reason }) => reason)).toEqual([
      `taskpact.config.ts: there is no option "folder"; there are contracts, generated, importExtension, client, owner, broker, namespace, worker`,
      `taskpact.config.ts: generated must be a folder's path inside the project, like "generated"`,
      `taskpact.config.ts: client must be "flat" or "byContract"`,
    ]);
  });
});
