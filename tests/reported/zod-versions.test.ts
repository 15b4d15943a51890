import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { task } from "taskpact";
import { expect, onTestFinished, test } from "vitest";
import type { ZodString } from "zod";
import * as tooOld from "zod-too-old";
import { corpusFiles } from "../../generator/schema-corpus.ts";
import { oldestZod } from "../../runtime/zod-version.ts";
import { built } from "../built/package.ts";
import { reported } from "./reported.ts";

const repository = resolve(import.meta.dirname, "../..");
const peers = ["ts-morph", "tsx", "commander", "croner", "@types/node"];

interface Project {
  readonly root: string;
  /** Runs a JavaScript file. */
  run(file: string, ...args: readonly string[]): SpawnSyncReturns<string>;
}

/** A project with the package as it would be published, and the zod that stands in this repository under a name. */
async function projectWith(zod: string, files: Readonly<Record<string, string>>): Promise<Project> {
  const { modules } = await built();
  const root = realpathSync(mkdtempSync(join(tmpdir(), "taskpact-zod-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const own = join(root, "node_modules");
  mkdirSync(join(own, "@types"), { recursive: true });
  // A copy, which finds the zod beside it.
  cpSync(join(modules, "taskpact"), join(own, "taskpact"), { recursive: true });
  for (const name of peers) symlinkSync(join(repository, "node_modules", name), join(own, name));
  symlinkSync(join(repository, "node_modules", zod), join(own, "zod"));
  for (const [path, text] of Object.entries({ "package.json": `{ "type": "module" }`, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return {
    root,
    run: (file, ...args) => spawnSync(process.execPath, [file, ...args], { cwd: root, encoding: "utf8" }),
  };
}

const contract = `import { task } from "taskpact";
import * as z from "zod";
export const f = task({ params: { v: z.string() }, result: z.void() });
`;

reported(
  "C6",
  `a zod before ${oldestZod} is refused by name, at import and by the generator`,
  async (got) => {
    const imported = ["taskpact", "taskpact/codegen"];
    const project = await projectWith("zod-too-old", {
      "contracts/a.ts": contract,
      ...Object.fromEntries(imported.map((name, index) => [`main${index}.js`, `import ${JSON.stringify(name)};\n`])),
    });
    const refusal = `taskpact needs zod ${oldestZod} or newer, and finds 4.0.17`;
    const imports = imported.map((_, index) => project.run(`main${index}.js`));
    const gen = project.run("node_modules/taskpact/dist/generator/cli.js");
    const refused = [...imports, gen].filter(({ stderr, status }) => status === 1 && stderr.includes(refusal));
    got(`${refused.length} of ${imported.length + 1} say so`);
    for (const { stderr } of imports) expect(stderr).toContain(`${refusal}; update it: npm install zod@latest`);
    expect(gen.stderr).toContain(`error: ${refusal}\n  update it: npm install zod@latest\n`);
    expect(gen.status).toBe(1);
  },
  240_000,
);

reported(
  "S6",
  "a project with zod 4.0 is told on import which zod it needs, and not of a missing export",
  async (got) => {
    const project = await projectWith("zod-too-old", { "repro.mjs": `import { task } from "taskpact";\nvoid task;\n` });
    const { status, stderr } = project.run("repro.mjs");
    got(/taskpact needs[^\n]*/.exec(stderr)?.[0] ?? "nothing about zod");
    expect(status).toBe(1);
    expect(stderr).toContain(
      `taskpact needs zod ${oldestZod} or newer, and finds 4.0.17; update it: npm install zod@latest`,
    );
    expect(stderr).not.toContain("does not provide an export");
  },
  240_000,
);

reported("C6", "a schema that an older copy of zod made is refused, naming its version", (got) => {
  const old = tooOld as unknown as { readonly string: () => ZodString };
  const reason = `params.a was made by zod 4.0.17, and taskpact needs ${oldestZod} or newer`;
  expect(() => task({ params: { a: old.string() }, result: old.string() })).toThrow(reason);
  got("refused by name");
});

const program = `import { createWorker, task } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import * as mini from "zod/mini";
import * as z from "zod";
const params = {
  partial: z.partialRecord(z.enum(["a", "b"]), z.int()),
  unknown: z.unknown(),
  given: z.number().default(7),
  exact: z.string().exactOptional(),
  small: mini.object({ at: mini._default(mini.date(), () => new Date(0)) }),
};
const f = task({ params, result: z.any() });
const contract = contractOf("a", { f }, ["f"]);
const implementations = [implement(contract, { f: (params) => params })];
const worker = createWorker({ broker: "memory:", implementations });
const running = worker.run();
const tasks = createClient({ shape: "flat", contracts: [contract] }, { broker: "memory:" });
console.log(JSON.stringify(await tasks.f({ a: 1 }, undefined, undefined, undefined, {})));
console.log((await tasks.safe.f({ a: "1" }, 1, 1, "x", {})).error.code);
await tasks.client.close();
await worker.stop();
await running;
`;

for (const zod of ["zod-oldest", "zod"])
  test(`calls are the same with ${zod}, at that end of the range`, { timeout: 240_000 }, async () => {
    const project = await projectWith(zod, { "program.js": program });
    const { stdout, stderr } = project.run("program.js");
    const params = { partial: { a: 1 }, given: 7, small: { at: "1970-01-01T00:00:00.000Z" } };
    expect({ stdout, stderr }).toEqual({ stdout: `${JSON.stringify(params)}\ninvalid_argument\n`, stderr: "" });
  });

test("types are printed and proven with the oldest zod", { timeout: 300_000 }, async () => {
  const project = await projectWith("zod-oldest", corpusFiles());
  const { stderr, stdout } = project.run("node_modules/taskpact/dist/generator/cli.js");
  expect(stderr).toBe("");
  expect(stdout).toContain("wrote generated/corpus.ts");
  const checked = project.run(join(repository, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", project.root);
  expect(checked.stdout).toBe("");
});
