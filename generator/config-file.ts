import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Config, configFaults } from "./config.ts";
import { type Diagnostic, errorAt, type Place, startOf } from "./diagnostic.ts";
import { createModuleLoader, failureOf } from "./load.ts";
import { packageName } from "./symbols.ts";

/** The file that says how a project is laid out. */
export const configName = `${packageName}.config.ts`;

/** The same once a build has made it JavaScript, for where no tsx is installed. */
const builtConfigName = `${packageName}.config.js`;

/** The file of a project's configuration, absolute; undefined where there is none. */
export function configFile(root: string): string | undefined {
  return [configName, builtConfigName].map((name) => join(root, name)).find((file) => existsSync(file));
}

/** Reads the configuration of a project; one that can't be followed counts as an empty one, and is told of. */
export async function readConfig(
  root: string,
): Promise<{ readonly config: Config; readonly diagnostics: readonly Diagnostic[] }> {
  const file = configFile(root);
  if (file === undefined) return { config: {}, diagnostics: [] };
  const name = basename(file);
  const failed = (at: Place, reasons: readonly string[]) => ({
    config: {},
    diagnostics: reasons.map((reason) => errorAt(at, `${name}: ${reason}`, "mend the configuration")),
  });
  try {
    const config = defaultOf(
      name === configName ? (await createModuleLoader(root)).load(file) : await import(pathToFileURL(file).href),
    );
    const faults = configFaults(config);
    return faults.length > 0 ? failed(startOf(name), faults) : { config: config as Config, diagnostics: [] };
  } catch (thrown) {
    const { at, message } = failureOf(thrown, root, file);
    return failed(at, [`it can't be imported: ${message}`]);
  }
}

/** The default export of a module. An import of CommonJS that was built from TypeScript gives its exports as the default. */
function defaultOf(module: unknown): unknown {
  const { default: exported } = module as { readonly default?: unknown };
  const isBuilt =
    typeof exported === "object" && exported !== null && "__esModule" in exported && "default" in exported;
  return isBuilt ? exported.default : exported;
}
