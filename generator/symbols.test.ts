import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { createModules } from "./module.ts";
import * as runtime from "../runtime/zod-version.ts";
import { codegenTypes, codegenValues, oldestZod } from "./symbols.ts";
import { ts } from "./read.ts";

it("the table of names is what the door for generated code exports, no more and no less", () => {
  const root = resolve(import.meta.dirname, "..");
  const door = createModules(root).at(resolve(root, "runtime/codegen.ts"));
  const exported = door?.source.tree.statements
    .filter((statement) => ts.isExportDeclaration(statement))
    .flatMap(({ exportClause }) => (exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : []))
    .map((element) => element.name.text);
  expect(exported?.toSorted()).toEqual([...codegenTypes, ...codegenValues].toSorted());
});

it("the oldest zod is that of the runtime, and of the range that the package states", () => {
  expect(oldestZod).toBe(runtime.oldestZod);
  const root = resolve(import.meta.dirname, "..");
  const { peerDependencies } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8")) as {
    readonly peerDependencies: { readonly zod: string };
  };
  expect(peerDependencies.zod).toBe(`>=${oldestZod} <5`);
});
