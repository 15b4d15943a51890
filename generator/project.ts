import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type ImportExtension, type Settings, settingsOf } from "./config.ts";
import { configName, readConfig } from "./config-file.ts";
import { type Diagnostic, errorAt } from "./diagnostic.ts";
import type { ContractFile } from "./load.ts";
import { allowsTsExtensions } from "./read.ts";
import { oldestZod, packageName } from "./symbols.ts";

/** Reads how a project is laid out; without `taskpact.config.ts`, as one usually is. */
export async function openProject(
  root: string,
): Promise<{ readonly settings: Settings; readonly diagnostics: readonly Diagnostic[] }> {
  const project = { root, importExtension: importExtensionOf(root), owner: ownerOf(root), command: commandOf(root) };
  const { config, diagnostics } = await readConfig(root);
  return { settings: settingsOf(config, project), diagnostics: [...zodFaults(root), ...diagnostics] };
}

/** Contracts made by a zod that is too old can't be imported; of one that is missing, their imports tell. */
function zodFaults(root: string): readonly Diagnostic[] {
  const found = zodVersionOf(root);
  if (found === undefined || !isOlder(found, oldestZod)) return [];
  const reason = `${packageName} needs zod ${oldestZod} or newer, and finds ${found}`;
  return [errorAt(undefined, reason, "update it: npm install zod@latest")];
}

function zodVersionOf(root: string): string | undefined {
  try {
    const file = createRequire(join(root, "package.json")).resolve("zod/package.json");
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version?: unknown };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a release is older than another; a pre-release counts as the one that it comes before. */
function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => text.replace(/-.*/s, "").split(".").map(Number));
  const differing = left!.findIndex((part, index) => part !== right![index]);
  return differing !== -1 && left![differing]! < right![differing]!;
}

/**
 * The contracts of a project, by name: the TypeScript files in the contracts folder itself.
 *
 * Not: declarations (`*.d.ts`), tests (`*.test.ts`, `*.spec.ts`, `*.test-d.ts`), and files whose names start with "_"
 * or "."; what stands in folders below is for contracts to import.
 */
export async function contractFiles(
  settings: Settings,
): Promise<{ readonly files: readonly ContractFile[]; readonly diagnostics: readonly Diagnostic[] }> {
  const folder = join(settings.root, settings.contracts);
  const remedy = `write one, such as ${settings.contracts}/math.ts: export const addition = task({ params, result })`;
  let entries: readonly string[];
  try {
    const all = await readdir(folder, { withFileTypes: true });
    entries = all.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  } catch {
    const reason = `there is no folder ${settings.contracts}/ in ${settings.root}`;
    return { files: [], diagnostics: [errorAt(undefined, reason, `${remedy}; ${configName} can name another folder`)] };
  }
  const files = entries
    .filter(isContractFile)
    .map((entry) => ({ name: entry.slice(0, -".ts".length), file: join(folder, entry) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const diagnostics =
    files.length > 0 ? [] : [errorAt(undefined, `there are no contracts in ${settings.contracts}/`, remedy)];
  return { files, diagnostics };
}

/** Whether a file of that name, in the contracts folder, is a contract. */
export function isContractFile(name: string): boolean {
  return /^[^_.].*\.ts$/.test(name) && !/\.(d|test|spec|test-d)\.ts$/.test(name);
}

/** The texts in the generated folder by their names; a folder in it is a name without a text. */
export async function generatedTexts(settings: Settings): Promise<ReadonlyMap<string, string | undefined>> {
  const folder = join(settings.root, settings.generated);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const texts = entries
    .filter((entry) => !entry.name.startsWith("."))
    .map(
      async (entry) =>
        [entry.name, entry.isDirectory() ? undefined : await readFile(join(folder, entry.name), "utf8")] as const,
    );
  return new Map((await Promise.all(texts)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function importExtensionOf(root: string): ImportExtension {
  const tsconfig = join(root, "tsconfig.json");
  return existsSync(tsconfig) && allowsTsExtensions(tsconfig) === true ? ".ts" : ".js";
}

/** Whether the package that a folder is of has ES modules in its `.js` files. */
export function isModulePackage(root: string): boolean {
  for (let folder = root; ; folder = dirname(folder)) {
    const found = packageIn(folder);
    if (found !== undefined) return found.type === "module";
    if (dirname(folder) === folder) return false;
  }
}

/** The name of the package that a folder belongs to. The nearest package.json alone: what is above may differ by machine. */
function ownerOf(folder: string): string | undefined {
  const found = packageIn(folder);
  const above = dirname(folder);
  if (found === undefined) return above === folder ? undefined : ownerOf(above);
  return typeof found.name === "string" && found.name !== "" ? found.name : undefined;
}

/** The script that people have for it, or the command itself. */
function commandOf(root: string): string {
  return packageIn(root)?.scripts?.["gen"] === undefined ? `npx ${packageName}-gen` : "npm run gen";
}

interface Package {
  readonly name?: unknown;
  readonly type?: string;
  readonly scripts?: Readonly<Record<string, string>>;
}

function packageIn(folder: string): Package | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;
  } catch {
    return undefined;
  }
}
