import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "../generator/config.ts";
import { readConfig } from "../generator/config-file.ts";
import { diagnosticText } from "../generator/diagnostic.ts";
import { createModuleLoader } from "../generator/load.ts";
import { isTask } from "../runtime/contract.ts";
import type { Contract } from "../runtime/registry.ts";
import { UsageError } from "./exit-code.ts";

/** A project, as the command works in it. */
export interface Project {
  /** Absolute. */
  readonly root: string;
  readonly config: Config;
}

/** What is of the generator's own, beside the contracts' files. */
const noContracts = new Set(["index", "conformance"]);

/** Opens the project in a folder. @throws UsageError for a configuration that can't be followed. */
export async function openProject(folder: string): Promise<Project> {
  const root = resolve(folder);
  if (!existsSync(root)) throw new UsageError(`there is no folder ${folder}`);
  const { config, diagnostics } = await readConfig(root);
  if (diagnostics.length === 0) return { root, config };
  const text = diagnostics.map(diagnosticText).join("\n");
  throw new UsageError(text, missesTsx(text) ? withoutTsx : undefined);
}

/** The generated folder of a project, below its root. */
export function generatedFolder({ config }: Project): string {
  return config.generated ?? "generated";
}

/**
 * Loads the contracts of a project through the files that were generated of them, or what a build has made of those.
 *
 * @throws UsageError where there are none, or they can't be imported.
 */
export async function loadContracts(project: Project): Promise<readonly Contract[]> {
  const folder = join(project.root, generatedFolder(project));
  const extension = [".ts", ".js"].find((one) => existsSync(join(folder, `index${one}`)));
  if (extension === undefined)
    throw new UsageError(
      `there is no ${generatedFolder(project)}/index.ts in ${project.root}`,
      "run: npx taskpact gen; --project names another folder",
    );
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(extension) && !name.endsWith(".d.ts"))
    .map((name) => name.slice(0, -extension.length))
    .filter((name) => !noContracts.has(name))
    .toSorted();
  const load = await loaderOf(project.root, extension);
  const contracts: Contract[] = [];
  for (const name of names) {
    try {
      const exported = await load(join(folder, `${name}${extension}`));
      // An import of CommonJS has all of its exports as the default, and some of them by name.
      const all = [...Object.values(exported), ...Object.values(exported["default"] ?? {})];
      contracts.push(...new Set(all.filter(isContract)));
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new UsageError(
        `${generatedFolder(project)}/${name}${extension} can't be imported: ${reason}`,
        missesTsx(reason) ? withoutTsx : "run: npx taskpact gen",
      );
    }
  }
  return contracts;
}

type Load = (file: string) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;

async function loaderOf(root: string, extension: string): Promise<Load> {
  if (extension === ".js")
    return async (file) => (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  try {
    const modules = await createModuleLoader(root);
    return (file) => modules.load(file);
  } catch (thrown) {
    if (missesTsx(String(thrown))) throw new UsageError("tsx is not installed", withoutTsx);
    throw thrown;
  }
}

function missesTsx(text: string): boolean {
  return text.includes("Cannot find package 'tsx'");
}

const withoutTsx =
  "npm install tsx, which loads TypeScript; or build the project, and name what was built: --project dist";

function isContract(value: unknown): value is Contract {
  const { name, tasks } = (value ?? {}) as Partial<Contract>;
  return typeof name === "string" && typeof tasks === "object" && Object.values(tasks).every(isTask);
}
