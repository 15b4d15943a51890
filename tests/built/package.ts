/** The package as it would be published, and a project that is built for production: made once in a run of the tests. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { inject } from "vitest";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const tsc = join(repository, "node_modules/typescript/bin/tsc");
const peers = ["zod", "ioredis", "ts-morph", "tsx", "commander", "croner", "@opentelemetry/api"];

/** How the contracts and what is generated of them are compiled: others check their types. */
const projectSettings = {
  compilerOptions: {
    module: "nodenext",
    target: "es2023",
    types: [],
    declaration: true,
    noCheck: true,
    skipLibCheck: true,
    rewriteRelativeImportExtensions: true,
    rootDir: ".",
    outDir: "dist",
  },
  include: ["contracts", "generated"],
};

/** What {@link built} has made; nobody changes it. */
export interface Built {
  /** A `node_modules` with the package, and with those that it needs, and may need. */
  readonly modules: string;
  /** This repository's contracts and their generated files, in JavaScript, with declarations. */
  readonly project: string;
}

/** Builds both, if nobody has yet in this run. */
export async function built(): Promise<Built> {
  const folder = inject("builtFolder");
  const made = join(folder, "made");
  if (!existsSync(made)) await make(folder, made);
  return { modules: join(made, "node_modules"), project: join(made, "dist") };
}

/** Builds the package's `dist`. */
export async function buildInto(folder: string): Promise<void> {
  await run(process.execPath, ["--import", "tsx", join(repository, "build.ts"), folder], { cwd: repository });
}

async function make(folder: string, made: string): Promise<void> {
  const own = await mkdtemp(join(folder, "making-"));
  const installed = join(own, "node_modules/taskpact");
  await mkdir(installed, { recursive: true });
  for (const name of ["contracts", "generated"]) await cp(join(repository, name), join(own, name), { recursive: true });
  await cp(join(repository, "package.json"), join(installed, "package.json"));
  await mkdir(join(own, "node_modules/@opentelemetry"));
  for (const name of peers) await symlink(join(repository, "node_modules", name), join(own, "node_modules", name));
  await buildInto(join(installed, "dist"));
  await writeFile(join(own, "tsconfig.json"), JSON.stringify(projectSettings));
  await writeFile(join(own, "package.json"), JSON.stringify({ type: "module" }));
  await run(process.execPath, [tsc, "-p", own]);
  await writeFile(join(own, "dist/package.json"), JSON.stringify({ type: "module" }));
  try {
    await rename(own, made);
  } catch (thrown) {
    // Another file of the run was first.
    if (!existsSync(made)) throw thrown;
    await rm(own, { recursive: true });
  }
}
