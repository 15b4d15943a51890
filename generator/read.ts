import { ts } from "ts-morph";
import { type Diagnostic, errorAt, type Place } from "./diagnostic.ts";

/*
 * The door to the syntax tree, and the only file that knows ts-morph, which brings a TypeScript with a JavaScript API
 * (TypeScript 7 has none). Just its parser is used. The type checker, asked for 1,000 tasks, takes 15 s and 1.4 GB,
 * and its order of union members is not stable.
 */
export { ts };

/** A parsed file, and how people call it. */
export interface Source {
  /** Below the project's folder, with forward slashes. */
  readonly path: string;
  readonly tree: ts.SourceFile;
}

/** Parses a file's text. Never fails: what is wrong with it is in {@link syntaxErrors}. */
export function parse(path: string, text: string): Source {
  return { path, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS) };
}

/** What keeps a file from being TypeScript. */
export function syntaxErrors(source: Source): readonly Diagnostic[] {
  return parseDiagnostics(source.tree).map((fault) =>
    errorAt(
      placeAt(source, fault.start),
      `a syntax error: ${lowerFirst(ts.flattenDiagnosticMessageText(fault.messageText, " ")).replace(/\.$/, "")}`,
      "nothing was generated from this file; mend it and generate again",
    ),
  );
}

/** Where a node starts, its comments left out. */
export function placeOf(source: Source, node: ts.Node): Place {
  return placeAt(source, node.getStart(source.tree));
}

function placeAt(source: Source, offset: number): Place {
  const { line, character } = source.tree.getLineAndCharacterOfPosition(offset);
  return { file: source.path, line: line + 1, column: character + 1 };
}

/** The parser's own findings. Internal to TypeScript, but the public way needs a program, and resolves every import. */
function parseDiagnostics(tree: ts.SourceFile): readonly ts.DiagnosticWithLocation[] {
  return (tree as unknown as { readonly parseDiagnostics: readonly ts.DiagnosticWithLocation[] }).parseDiagnostics;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Whether a tsconfig.json, or one that it extends, lets imports end in `.ts`. Undefined where there is none to read. */
export function allowsTsExtensions(tsconfig: string): boolean | undefined {
  const options = compilerOptions(tsconfig);
  return options && (options.allowImportingTsExtensions === true || options.rewriteRelativeImportExtensions === true);
}

/** Whether TypeScript makes CommonJS of a project's `.ts` files, by its tsconfig.json or, without one, its package.json. */
export function isCommonJs(tsconfig: string, isModulePackage: boolean): boolean {
  const { module, target } = compilerOptions(tsconfig) ?? {};
  if (module === undefined) {
    const isEs = target === undefined || target >= ts.ScriptTarget.ES2015;
    return isEs ? !isModulePackage : true;
  }
  if (module >= ts.ModuleKind.Node16 && module <= ts.ModuleKind.NodeNext) return !isModulePackage;
  return module === ts.ModuleKind.CommonJS;
}

/**
 * Finds the project's own TypeScript file that a module imports by an alias: by the `paths` of tsconfig.json, or the `imports`
 * of package.json.
 */
export function aliasResolver(tsconfig: string): (from: string, specifier: string) => string | undefined {
  let options: ts.CompilerOptions | undefined;
  return (from, specifier) => {
    options ??= compilerOptions(tsconfig) ?? {};
    const { resolvedModule } = ts.resolveModuleName(specifier, from, options, ts.sys);
    if (resolvedModule === undefined || resolvedModule.isExternalLibraryImport === true) return undefined;
    const { resolvedFileName: file } = resolvedModule;
    return /(?<!\.d)\.[mc]?ts$/.test(file) ? file : undefined;
  };
}

/** The options of a tsconfig.json, with those that it extends. Undefined where there is none to read. */
function compilerOptions(tsconfig: string): ts.CompilerOptions | undefined {
  const readFile = (path: string): string | undefined => ts.sys.readFile(path);
  const { config, error } = ts.readConfigFile(tsconfig, readFile);
  if (error !== undefined) return undefined;
  // A host that sees no files: the options are wanted, not a walk over the project.
  const host: ts.ParseConfigHost = {
    useCaseSensitiveFileNames: ts.sys.useCaseSensitiveFileNames,
    readDirectory: () => [],
    fileExists: (path) => ts.sys.fileExists(path),
    readFile,
  };
  const folder = tsconfig.replace(/[^\\/]*$/, "");
  return ts.parseJsonConfigFileContent(config, host, folder, undefined, tsconfig).options;
}
