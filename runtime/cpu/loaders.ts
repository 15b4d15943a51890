import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** tsx by its own name, and by the path that its command gives to Node. */
const startedByTsx = /(^|[\s=/\\])tsx($|[\s/\\])/;

/**
 * What a thread is to load before a TypeScript module. With `--import tsx`, processes read TypeScript and threads do not
 * (tsx registers itself in main threads alone): it is registered there by its path, as the module's project has it.
 *
 * @param execArgv - Node's options for the thread.
 * @returns URLs of modules that export `register`.
 */
export function loadersOf(module: string, execArgv: readonly string[]): readonly string[] {
  const options = [...execArgv, process.env["NODE_OPTIONS"] ?? ""];
  if (!/\.[cm]?tsx?$/.test(module) || !options.some((option) => startedByTsx.test(option))) return [];
  try {
    const require = createRequire(module);
    const { exports } = require("tsx/package.json") as { exports: Record<string, { import: { default: string } }> };
    // The form for import: the other one does not find its own files.
    return ["./cjs/api", "./esm/api"].map(
      (api) => new URL(exports[api]!.import.default, pathToFileURL(require.resolve("tsx/package.json"))).href,
    );
  } catch {
    return []; // The import then says what it can't read.
  }
}
