import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { aliasResolver, parse, type Source, ts } from "./read.ts";
import { packageName } from "./symbols.ts";

/** A module as its text shows it: what its top-level names stand for, and what it exports. */
export interface Module {
  /** Absolute. */
  readonly file: string;
  readonly source: Source;
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly exports: ReadonlyMap<string, ExportSite>;
  /** `export * from "./more.ts"`. */
  readonly stars: readonly Star[];
  /** Imports and re-exports that are there at run time. */
  readonly dependencies: readonly Star[];
}

/** What a top-level name stands for. */
export type Binding =
  | { readonly kind: "variable"; readonly node: ts.VariableDeclaration; readonly statement: ts.VariableStatement }
  | { readonly kind: "function"; readonly node: ts.FunctionDeclaration }
  /** `name` is `"*"` for a namespace. */
  | { readonly kind: "import"; readonly specifier: string; readonly name: string }
  /** An enum, a class, a namespace. */
  | { readonly kind: "other" };

/** Where a name is exported, and which one it is: of this module, or of `specifier`. */
export interface ExportSite {
  readonly node: ts.Node;
  readonly local: string;
  readonly specifier?: string | undefined;
}

/** A path that a module imports from, and where it says so. */
export interface Star {
  readonly specifier: string;
  readonly node: ts.Node;
}

/** Modules by their paths, each parsed once for as long as its text is the same. */
export interface Modules {
  /** Reads a module; undefined where there is no file. */
  at(file: string): Module | undefined;
  /** The module that another imports by a relative path or an alias; undefined for packages and for what is no TypeScript. */
  imported(from: Module, specifier: string): Module | undefined;
}

/** Modules of a project, read from disk. */
export function createModules(root: string): Modules {
  const known = new Map<string, { readonly text: string; readonly module: Module }>();
  const resolveAlias = aliasResolver(join(root, "tsconfig.json"));
  const modules: Modules = {
    at(file) {
      const text = textOf(file);
      if (text === undefined) return undefined;
      const before = known.get(file);
      if (before?.text === text) return before.module;
      const module = readModule(file, parse(relative(root, file).replaceAll("\\", "/"), text));
      known.set(file, { text, module });
      return module;
    },
    imported(from, specifier) {
      const file = isRelative(specifier)
        ? resolveRelative(from.file, specifier)
        : mayBeAlias(specifier)
          ? resolveAlias(from.file, specifier)
          : undefined;
      return file === undefined ? undefined : modules.at(file);
    },
  };
  return modules;
}

function isRelative(specifier: string): boolean {
  return /^\.\.?(\/|$)/.test(specifier);
}

/** What every contract imports is not looked for. */
function mayBeAlias(specifier: string): boolean {
  return specifier !== packageName && !/^(zod($|\/)|node:)/.test(specifier);
}

/** The TypeScript file that a relative path means, with the extension of its source, its output, or none. */
function resolveRelative(from: string, specifier: string): string | undefined {
  const path = join(dirname(from), specifier);
  const candidates = /\.[mc]?ts$/.test(path)
    ? [path]
    : [path.replace(/\.([mc]?)js$/, ".$1ts"), `${path}.ts`, join(path, "index.ts")];
  return candidates.find((candidate) => /\.[mc]?ts$/.test(candidate) && existsSync(candidate));
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function readModule(file: string, source: Source): Module {
  const bindings = new Map<string, Binding>();
  const exports = new Map<string, ExportSite>();
  const stars: Star[] = [];
  const dependencies: Star[] = [];
  for (const statement of source.tree.statements) {
    for (const [name, binding, node] of bindingsOf(statement)) {
      bindings.set(name, binding);
      if (isExported(statement)) exports.set(isDefault(statement) ? "default" : name, { node, local: name });
    }
    if (ts.isExportAssignment(statement)) exports.set("default", { node: statement, local: "default" });
    if (ts.isImportDeclaration(statement) && isValueImport(statement)) {
      dependencies.push({ specifier: textOfSpecifier(statement.moduleSpecifier), node: statement });
    }
    if (ts.isExportDeclaration(statement) && !statement.isTypeOnly) {
      const specifier = statement.moduleSpecifier && textOfSpecifier(statement.moduleSpecifier);
      if (specifier !== undefined) dependencies.push({ specifier, node: statement });
      if (statement.exportClause === undefined && specifier !== undefined) stars.push({ specifier, node: statement });
      for (const [name, site] of exportsOf(statement, specifier)) exports.set(name, site);
    }
  }
  return { file, source, bindings, exports, stars, dependencies };
}

function* bindingsOf(statement: ts.Statement): Iterable<readonly [string, Binding, ts.Node]> {
  if (ts.isVariableStatement(statement)) {
    for (const node of statement.declarationList.declarations) {
      if (ts.isIdentifier(node.name)) yield [node.name.text, { kind: "variable", node, statement }, node.name];
    }
  } else if (ts.isFunctionDeclaration(statement)) {
    const name = statement.name?.text ?? "default";
    yield [name, { kind: "function", node: statement }, statement.name ?? statement];
  } else if (ts.isEnumDeclaration(statement) || ts.isClassDeclaration(statement)) {
    yield [statement.name?.text ?? "default", { kind: "other" }, statement.name ?? statement];
  } else if (ts.isImportDeclaration(statement) && isValueImport(statement)) {
    const specifier = textOfSpecifier(statement.moduleSpecifier);
    const { name, namedBindings } = statement.importClause ?? {};
    if (name !== undefined) yield [name.text, { kind: "import", specifier, name: "default" }, name];
    if (namedBindings !== undefined && ts.isNamespaceImport(namedBindings)) {
      yield [namedBindings.name.text, { kind: "import", specifier, name: "*" }, namedBindings];
    } else if (namedBindings !== undefined) {
      for (const element of namedBindings.elements) {
        const imported = (element.propertyName ?? element.name).text;
        if (!element.isTypeOnly) yield [element.name.text, { kind: "import", specifier, name: imported }, element];
      }
    }
  }
}

function* exportsOf(
  statement: ts.ExportDeclaration,
  specifier: string | undefined,
): Iterable<readonly [string, ExportSite]> {
  const clause = statement.exportClause;
  if (clause === undefined || !ts.isNamedExports(clause)) return;
  for (const element of clause.elements) {
    const local = (element.propertyName ?? element.name).text;
    if (!element.isTypeOnly) yield [element.name.text, { node: element.name, local, specifier }];
  }
}

/** Whether an import is there at run time. */
function isValueImport(statement: ts.ImportDeclaration): boolean {
  return statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword;
}

function isExported(statement: ts.Statement): boolean {
  return hasModifier(statement, ts.SyntaxKind.ExportKeyword);
}

function isDefault(statement: ts.Statement): boolean {
  return hasModifier(statement, ts.SyntaxKind.DefaultKeyword);
}

function hasModifier(statement: ts.Statement, kind: ts.SyntaxKind): boolean {
  return (
    ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).some((modifier) => modifier.kind === kind)
  );
}

function textOfSpecifier(node: ts.Expression): string {
  return ts.isStringLiteral(node) ? node.text : "";
}
