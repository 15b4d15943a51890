import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Where {@link file://./package.ts} builds, once in a run. */
    readonly builtFolder: string;
  }
}

/** A folder for what several test files need built; nothing is built before one of them asks. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "taskpact-built-"));
  project.provide("builtFolder", folder);
  return () => rm(folder, { recursive: true, force: true });
}
