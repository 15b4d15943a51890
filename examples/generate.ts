/** Generates what each example has of its own, as `npm run gen` does for the repository: `npm run gen:examples`; `-- --check` writes nothing. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { hasErrors } from "../generator/diagnostic.ts";
import { openProject } from "../generator/project.ts";
import { report, run, type Terminal } from "../generator/run.ts";

const check = process.argv.includes("--check");
const here = import.meta.dirname;

for (const name of readdirSync(here).filter((name) => existsSync(join(here, name, "contracts")))) {
  const terminal: Terminal = {
    out: (text) => console.log(`examples/${name}: ${text}`),
    error: (text) => console.error(`examples/${name}: ${text}`),
  };
  const { settings, diagnostics } = await openProject(join(here, name));
  report(diagnostics, terminal);
  // They have no tsconfig.json and no package.json of their own to tell.
  const ours = { ...settings, importExtension: ".ts", command: "npm run gen:examples" } as const;
  if (hasErrors(diagnostics) || !(await run(ours, { check }, terminal))) process.exitCode = 1;
}
