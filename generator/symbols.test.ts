import { resolve } from "node:path";
import { expect, it } from "vitest";
import { createModules } from "./module.ts";
import { codegenTypes, codegenValues } from "./symbols.ts";
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
