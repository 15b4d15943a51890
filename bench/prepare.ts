import { spawnSync } from "node:child_process";
import { existsSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
/** It leads to its own repository, also in a copy of it. */
const link = join(import.meta.dirname, "node_modules/taskpact");

/**
 * Installs the peers, builds the package, and compiles what the measured processes run: plain JavaScript, that finds
 * Taskpact as an installed package.
 */
export function prepare(): void {
  if (!existsSync(join(import.meta.dirname, "node_modules/.package-lock.json"))) {
    run("npm", ["ci", "--prefix", "bench", "--no-audit", "--no-fund", "--ignore-scripts"]);
  }
  run("npm", ["run", "--silent", "build"]);
  rmSync(join(import.meta.dirname, "dist"), { recursive: true, force: true });
  if (!existsSync(link)) symlinkSync("../..", link, "dir");
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "bench"]);
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`, { cause: error });
}
