import { realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { BoundTask } from "../bound-task.ts";
import { shown } from "../checks.ts";
import type { CpuKind } from "../contract.ts";
import { TaskError } from "../errors.ts";
import type { Whereabouts } from "./message.ts";

/** Where a task's handler runs, and where it is found there. */
export interface Place extends Whereabouts {
  readonly kind: CpuKind;
}

/** The place of a task with `cpu`. @throws TaskError `internal` for another. */
export function placeOf({ declaration, module }: BoundTask): Place {
  const { cpu } = declaration;
  if (cpu === undefined || module === undefined)
    throw new TaskError("internal", `${declaration.name} is not to be run in a pool`);
  return { kind: cpu, module, contract: declaration.name.slice(0, -declaration.shortName.length - 1) };
}

/** A module's URL, from what `implement…()` was given. @throws TaskError `invalid_argument` for what is none. */
export function moduleUrl(module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module === "string" && isAbsolute(module)) return pathToFileURL(module).href;
  if (typeof module === "string" && URL.canParse(module)) return module;
  throw new TaskError(
    "invalid_argument",
    `the handlers' module must be import.meta.url, or __filename in CommonJS, or an absolute path; got ${shown(module)}`,
  );
}

/**
 * The tasks that are to run in a pool.
 *
 * @param refuse - told what is wrong with where one of them is.
 */
export function pooledTasks(tasks: Iterable<BoundTask>, refuse: (reason: string) => never): readonly BoundTask[] {
  const pooled = [...tasks].filter(({ declaration }) => declaration.cpu !== undefined);
  for (const { declaration, module } of pooled) {
    const { name } = declaration;
    if (module === undefined)
      refuse(
        `${name} has cpu, so that its module must be known: write implement…({ … }, import.meta.url), or __filename in CommonJS`,
      );
    if (module === mainUrl())
      refuse(`${name} has cpu, but its module is the program itself: put its handlers into a module of their own`);
  }
  return pooled;
}

/** The URL of the program that this process was started with, if it is a file. */
function mainUrl(): string | undefined {
  try {
    return pathToFileURL(realpathSync(process.argv[1]!)).href;
  } catch {
    return undefined;
  }
}
