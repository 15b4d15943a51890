import { readFile } from "node:fs/promises";
import { join, posix, relative, resolve } from "node:path";
import type { Settings } from "./config.ts";
import { type Diagnostic, errorAt, hasErrors, startOf, warningAt } from "./diagnostic.ts";
import {
  type FileStyle,
  handlerCalls,
  hasName,
  type HandlersSyntax,
  importsEnd,
  isCalledInPart,
  styleOf,
} from "./handler-syntax.ts";
import { shownPath } from "./load.ts";
import type { ContractModel, Model } from "./model.ts";
import { paramNameFault } from "./names.ts";
import { isModulePackage } from "./project.ts";
import { isCommonJs, parse, type Source, syntaxErrors } from "./read.ts";
import { packageName, unimplementedStub } from "./symbols.ts";
import type { FileChange } from "./write.ts";

/** What is to be written of the handlers' files, which are the user's, and what there is to say of it. */
export interface Scaffolding {
  readonly changes: readonly FileChange[];
  /** A line a file. */
  readonly lines: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Works out a handlers file for each contract that has none, and the stubs that are missing in those that there are.
 *
 * Not a byte of theirs is changed but by what is put between them: the tree tells where, and a text that would no longer
 * parse is not written.
 */
export async function scaffold(settings: Settings, model: Model, folder: string): Promise<Scaffolding> {
  const changes: FileChange[] = [];
  const lines: string[] = [];
  const diagnostics: Diagnostic[] = [];
  const below = shownPath(settings.root, resolve(folder));
  for (const contract of model.contracts.filter(({ tasks }) => tasks.length > 0)) {
    const path = posix.join(below, `${contract.name}.ts`);
    const text = await readFile(resolve(settings.root, path), "utf8").catch(() => undefined);
    if (text === undefined) {
      changes.push({ path, text: newFile(contract, importPath(settings, below), moduleName(settings)) });
      lines.push(`wrote ${path}`);
      continue;
    }
    const result = extended(parse(path, text), contract);
    diagnostics.push(...result.diagnostics);
    if (result.text === undefined) continue;
    changes.push({ path, text: result.text });
    lines.push(`added to ${path}: ${result.added.join(", ")}`);
  }
  if (lines.length === 0 && diagnostics.length === 0) lines.push(`no handler is missing in ${below}/`);
  return { changes, lines, diagnostics };
}

function importPath(settings: Settings, folder: string): string {
  const index = join(settings.root, settings.generated, `index${settings.importExtension}`);
  const path = relative(resolve(settings.root, folder), index).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}

const plainStyle: FileStyle = { newline: "\n", quote: '"', semicolon: ";", step: "  " };

/** What a handlers file calls itself: CommonJS has no `import.meta`. */
function moduleName({ root }: Settings): string {
  return isCommonJs(join(root, "tsconfig.json"), isModulePackage(root)) ? "__filename" : "import.meta.url";
}

function newFile(contract: ContractModel, generated: string, module: string): string {
  const { stem, prefix, path, tasks } = contract;
  const name = paramNameFault(stem) === undefined ? stem : `${stem}Tasks`;
  return [
    errorImport(plainStyle),
    `import { implement${prefix} } from ${JSON.stringify(generated)};`,
    "",
    `/** The handlers of ${path}. */`,
    `export const ${name} = implement${prefix}({`,
    ...tasks.map((task) => `${stubText(contract, task.name, "  ", plainStyle)},`),
    tasks.some((task) => task.isPooled) ? `}, ${module});` : "});",
    "",
  ].join("\n");
}

interface Extension {
  readonly text?: string;
  readonly added: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

function extended(source: Source, contract: ContractModel): Extension {
  const nothing = (...diagnostics: readonly Diagnostic[]): Extension => ({ added: [], diagnostics });
  const broken = syntaxErrors(source)[0];
  if (broken !== undefined)
    return nothing({ ...broken, remedy: "no stub was added to this file; mend it and run again" });
  const style = styleOf(source);
  const callee = `implement${contract.prefix}`;
  const [handlers, another] = handlerCalls(source, callee, style);
  if (handlers === undefined && isCalledInPart(source, callee)) return nothing();
  if (handlers === undefined || another !== undefined) {
    const reason =
      handlers === undefined ? `there is no call ${callee}({ … })` : `${callee}({ … }) is called more than once`;
    return nothing(
      errorAt(
        another?.at ?? startOf(source.path),
        `${reason}: no place for stubs`,
        `write them yourself, in the file where ${callee} is called`,
      ),
    );
  }
  const added = contract.tasks.map((task) => task.name).filter((name) => !handlers.names.has(name));
  if (added.length === 0) return nothing();
  if (handlers.hasSpread) {
    const reason = `the handlers of ${added.join(", ")} may be among those that are spread in`;
    return nothing(warningAt(handlers.at, reason, "no stub was added: write those that are missing yourself"));
  }
  const text = withStubs(source, contract, added, handlers, style);
  if (hasErrors(syntaxErrors(parse(source.path, text)))) {
    return nothing(errorAt(handlers.at, "the stubs could not be put here", `write them yourself: ${added.join(", ")}`));
  }
  return { text, added, diagnostics: [] };
}

/** The text with stubs behind the last handler, and the import that they take. */
function withStubs(
  source: Source,
  contract: ContractModel,
  added: readonly string[],
  handlers: HandlersSyntax,
  style: FileStyle,
): string {
  const { newline } = style;
  const stubs = added.map((name) => stubText(contract, name, handlers.indent, style)).join(`,${newline}`);
  // Those who write no comma behind the last one get none.
  const comma = handlers.comma === undefined ? "," : "";
  const closing = handlers.closesInLine ? newline + handlers.outerIndent : "";
  const splices: (readonly [number, string])[] = [[handlers.end, newline + stubs + comma + closing]];
  if (handlers.comma !== undefined) splices.unshift([handlers.comma, ","]);
  if (!hasName(source, unimplementedStub.error)) {
    const end = importsEnd(source);
    splices.unshift([end, end === 0 ? errorImport(style) + newline : newline + errorImport(style)]);
  }
  let text = "";
  let from = 0;
  for (const [offset, inserted] of splices) {
    text += source.tree.text.slice(from, offset) + inserted;
    from = offset;
  }
  return text + source.tree.text.slice(from);
}

function errorImport({ quote, semicolon }: FileStyle): string {
  return `import { ${unimplementedStub.error} } from ${quote}${packageName}${quote}${semicolon}`;
}

function stubText(contract: ContractModel, task: string, indent: string, style: FileStyle): string {
  const { newline, quote, semicolon, step } = style;
  const { error, code } = unimplementedStub;
  const quoted = (text: string): string => quote + text + quote;
  const details = `{ task: ${quoted(`${contract.name}.${task}`)} }`;
  return [
    `${indent}${task}: () => {`,
    `${indent}${step}throw new ${error}(${quoted(code)}, ${quoted("no handler yet")}, ${details})${semicolon}`,
    `${indent}}`,
  ].join(newline);
}
