import type { Model } from "./model.ts";
import { codegenModule, type CodegenSymbol, codegenValues } from "./symbols.ts";

/** By this the generator knows its own files, and deletes no others. */
const mark = "// Generated from ";

/** Keeps linters, and formatters that run in them, from changing a generated file by their rules. */
const lintDirective = "/* eslint-disable */";

/** The first lines of a generated file. */
export function headerOf(source: string, change: string, model: Model): string {
  return `${mark}${source}. Do not edit: change ${change} and run \`${model.command}\`.\n${lintDirective}`;
}

/**
 * Whether two generated texts differ at most in that directive. A linter that finds nothing to complain about may remove it
 * as unused.
 */
export function differsInDirectiveAlone(present: string, wanted: string): boolean {
  return withoutDirective(present.replaceAll("\r\n", "\n")) === withoutDirective(wanted);
}

function withoutDirective(text: string): string {
  return text.replace(/^(.*\n)\/\* eslint-disable \*\/\n/, "$1");
}

/** Whether a text is a generated file's. */
export function isGenerated(text: string): boolean {
  return text.replace(/^\uFEFF/, "").startsWith(mark);
}

/** The import of what a generated file needs of the runtime. */
export function importCodegen(symbols: Iterable<CodegenSymbol>): string {
  const values: readonly string[] = codegenValues;
  const sorted = [...new Set(symbols)].toSorted((a, b) => (a < b ? -1 : 1));
  const types = sorted.filter((name) => !values.includes(name));
  const used = sorted.filter((name) => values.includes(name));
  if (used.length === 0) return importLines("import type", types, codegenModule);
  return importLines("import", [...types.map((name) => `type ${name}`), ...used], codegenModule);
}

/** An import, a name a line. */
export function importLines(keyword: string, names: readonly string[], module: string): string {
  return `${keyword} {\n${names.map((name) => `  ${name},\n`).join("")}} from ${JSON.stringify(module)};`;
}

/** A doc comment as it was written, moved to another indentation. */
export function docLines(doc: string | undefined, indent: string): readonly string[] {
  if (doc === undefined) return [];
  const [first = "", ...rest] = doc.split("\n");
  return [`${indent}${first.trim()}`, ...rest.map((line) => `${indent}${line.trim().replace(/^\*/, " *")}`.trimEnd())];
}

/** The text of a file: its blocks, with an empty line between them. */
export function fileText(blocks: readonly (string | readonly string[])[]): string {
  const texts = blocks.map((block) => (typeof block === "string" ? block : block.join("\n")));
  return `${texts.filter((text) => text !== "").join("\n\n")}\n`;
}
