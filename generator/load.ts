import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describeTask, isTask, type TaskDescription } from "./describe.ts";
import { type Place, startOf } from "./diagnostic.ts";
import { refusedTasks } from "./symbols.ts";

/** A contract to load. */
export interface ContractFile {
  /** `user-orders`. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
}

/** What a contract's values tell. */
export interface LoadedContract {
  readonly name: string;
  /** In the order of their names. */
  readonly tasks: readonly TaskDescription[];
  /** Why there are none: it threw. */
  readonly failure: LoadFailure | undefined;
}

/** What some contracts' values tell. */
export interface LoadedContracts {
  readonly contracts: readonly LoadedContract[];
  /** What `task()` refused, in whichever file. */
  readonly refusals: readonly LoadFailure[];
}

/** What a module threw, or would have thrown, and where. */
export interface LoadFailure {
  readonly message: string;
  readonly at: Place;
}

let isRegistered = false;

/** Loads TypeScript modules as they are now. */
export interface ModuleLoader {
  /** @throws whatever the module throws */
  load(file: string): Readonly<Record<string, unknown>>;
  /** Has what was loaded for the first time by the last {@link load} loaded anew by the next loader. */
  forget(): void;
}

/**
 * Makes a loader, for which whatever has changed of a project's own files since the last one is loaded anew.
 *
 * Modules are required, also those of a project of ES modules: tsx makes either of the other, and only required modules
 * can be forgotten. Importing them under new names each time costs 220 ms and 10 to 20 MB, as zod comes along, and leaves
 * what they require themselves as it was; it also starts 150 ms later. The price: contracts can't await at their top.
 */
export async function createModuleLoader(root: string): Promise<ModuleLoader> {
  if (!isRegistered) {
    const { register } = await import("tsx/cjs/api");
    register();
    isRegistered = true;
  }
  const require = createRequire(join(root, "package.json"));
  forgetChanged(root, require.cache);
  let latest: readonly string[] = [];
  return {
    load(file) {
      const start = Date.now();
      try {
        return require(file) as Readonly<Record<string, unknown>>;
      } finally {
        latest = Object.keys(require.cache).filter((path) => !versions.has(path));
        for (const path of latest) versions.set(path, versionOf(path, start));
      }
    },
    forget() {
      for (const path of latest) versions.set(path, undefined);
    },
  };
}

/** Which version of a file was loaded. One that was written meanwhile has a version that no file has. */
const versions = new Map<string, string | undefined>();

function versionOf(file: string, loadedAt = Number.POSITIVE_INFINITY): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined || stats.mtimeMs >= loadedAt ? undefined : `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
}

/** Forgets the modules whose files are no more what they were, and all that are made of them. */
function forgetChanged(root: string, cache: NodeJS.Dict<NodeModule>): void {
  const own = Object.values(cache).flatMap((module) =>
    module !== undefined && isOwn(root, module.filename) ? [module] : [],
  );
  const changed = new Set(own.filter(({ filename }) => (versions.get(filename) ?? "") !== versionOf(filename)));
  for (let before = -1; before !== changed.size;) {
    before = changed.size;
    for (const module of own) if (module.children.some((child) => changed.has(child))) changed.add(module);
  }
  for (const { filename } of changed) {
    delete cache[filename];
    versions.delete(filename);
  }
}

function isOwn(root: string, file: string): boolean {
  const path = shownPath(root, file);
  return path !== file && !path.includes("node_modules/");
}

/**
 * Imports contracts, one after the other, and describes the tasks that they export. One that throws stops no other, and a
 * declaration that is refused stops not even its own.
 */
export async function loadContracts(root: string, files: readonly ContractFile[]): Promise<LoadedContracts> {
  const modules = await createModuleLoader(root);
  const contracts: LoadedContract[] = [];
  const refusals: LoadFailure[] = [];
  for (const { name, file } of files) {
    const refused: LoadFailure[] = [];
    Reflect.set(globalThis, refusedTasks, (error: Error, faults: readonly string[]) => {
      const { at } = failureOf(error, root, file);
      refused.push(...faults.map((reason) => ({ message: `task(): ${reason}`, at })));
    });
    try {
      const exported = Object.entries(modules.load(file)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      const tasks = exported.flatMap(([key, value]) => described(key, value, root, file, refused));
      contracts.push({ name, tasks, failure: undefined });
    } catch (thrown) {
      contracts.push({ name, tasks: [], failure: failureOf(thrown, root, file) });
    } finally {
      Reflect.deleteProperty(globalThis, refusedTasks);
    }
    // A file that is kept would not be refused again.
    if (refused.length > 0) modules.forget();
    refusals.push(...refused);
  }
  return { contracts, refusals };
}

/** A task's description; the schema of one may throw when it is looked at, and stops no other. */
function described(
  name: string,
  value: unknown,
  root: string,
  file: string,
  refused: LoadFailure[],
): readonly TaskDescription[] {
  if (!isTask(value)) return [];
  try {
    return [describeTask(name, value)];
  } catch (thrown) {
    const { message, at } = failureOf(thrown, root, file);
    refused.push({ message: `${name} can't be read: ${message}`, at });
    return [];
  }
}

/** What was thrown, in a line, and the place in the project nearest to where. */
export function failureOf(thrown: unknown, root: string, file: string): LoadFailure {
  const message = thrown instanceof Error ? thrown.message : `it threw ${String(thrown)}`;
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  const compiling = compileFailure(message, root);
  if (compiling !== undefined) return compiling;
  const place = placeOfImport(message, root, file) ?? placeInStack(stack, root) ?? startOf(shownPath(root, file));
  return { message: firstLine(message), at: place };
}

/** What esbuild says, by which tsx reads TypeScript: `Transform failed …:\n/project/contracts/a.ts:3:9: ERROR: …`. */
function compileFailure(message: string, root: string): LoadFailure | undefined {
  const [, path, line, column, reason] = /^(.+):(\d+):(\d+): ERROR: (.+)$/m.exec(message) ?? [];
  if (path === undefined || reason === undefined) return undefined;
  return {
    message: reason.startsWith("Top-level await")
      ? "it awaits something at its top level"
      : `a syntax error: ${reason}`,
    at: { file: shownPath(root, path), line: Number(line), column: Number(column) + 1 },
  };
}

/** The first of a stack's places that is the project's own: `at task (/project/contracts/a.ts:3:9)`. */
function placeInStack(stack: string, root: string): Place | undefined {
  for (const [, location = "", line, column] of stack.matchAll(/((?:file:\/\/)?\/?[^\s()]+):(\d+):(\d+)\)?$/gm)) {
    const path = location.startsWith("file:") ? fileURLToPath(location) : location;
    if (isOwn(root, path)) return { file: shownPath(root, path), line: Number(line), column: Number(column) };
  }
  return undefined;
}

/** Where a module imports what isn't there. Node tells who asked, but not in which line. */
function placeOfImport(message: string, root: string, file: string): Place | undefined {
  const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(message)?.[1];
  if (missing === undefined) return undefined;
  const importer = /Require stack:\n- (.+)/.exec(message)?.[1] ?? file;
  const lines = textOf(importer).split("\n");
  const specifier = missing.replace(/^.*[\\/](?=[^\\/]+$)/, "").replace(/\.[mc]?[jt]s$/, "");
  const line = lines.findIndex((text) => /\b(?:from|import)\b/.test(text) && text.includes(specifier));
  const column = lines[line]?.search(/["']/) ?? -1;
  return column === -1 ? undefined : { file: shownPath(root, importer), line: line + 1, column: column + 1 };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** A path below the project's folder, as it is shown. */
export function shownPath(root: string, file: string): string {
  const path = relative(root, file);
  return (path.startsWith("..") || isAbsolute(path) ? file : path).replaceAll("\\", "/");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
