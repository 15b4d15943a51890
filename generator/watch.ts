import { existsSync, type FSWatcher, watch as watchFolder } from "node:fs";
import { dirname, join } from "node:path";
import { configName } from "./config-file.ts";
import { hasErrors } from "./diagnostic.ts";
import type { ContractFile } from "./load.ts";
import { createModules, type Module, type Modules } from "./module.ts";
import { contractFiles, openProject } from "./project.ts";
import { report, run, type RunOptions, type Terminal } from "./run.ts";

/** How long to wait for the other events of one save, ms. */
const settleMs = 30;

/** Generates whenever a contract, or a file that one imports, changes, until the process is told to end. */
export async function watch(root: string, options: RunOptions, terminal: Terminal): Promise<boolean> {
  const modules = createModules(root);
  const change = createSignal();
  const folders = createFolders(change.give);
  process.once("SIGINT", change.end).once("SIGTERM", change.end);
  do {
    const start = performance.now();
    await cycle();
    terminal.out(`watching, after ${Math.round(performance.now() - start)} ms`);
  } while (await change.next());
  folders.close();
  return true;

  async function cycle(): Promise<void> {
    const { settings, diagnostics } = await openProject(root);
    report(diagnostics, terminal);
    folders.keep(root, settings.contracts, []);
    if (hasErrors(diagnostics)) return;
    try {
      await run(settings, { ...options, modules }, terminal);
    } catch (error) {
      // A file that was there a moment ago, a full disk: the next save may find it mended.
      terminal.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { files } = await contractFiles(settings);
    folders.keep(root, settings.contracts, dependencies(modules, files));
  }
}

/** The files that contracts are made of: they, and what they import by relative paths. */
function dependencies(modules: Modules, contracts: readonly ContractFile[]): readonly string[] {
  const seen = new Set<string>();
  const visit = (module: Module | undefined): void => {
    if (module === undefined || seen.has(module.file)) return;
    seen.add(module.file);
    for (const { specifier } of module.dependencies) visit(modules.imported(module, specifier));
  };
  for (const { file } of contracts) visit(modules.at(file));
  return [...seen];
}

interface Folders {
  /** Watches the contracts' folder, those of the files, and the project's for its configuration; no others. */
  keep(root: string, contracts: string, files: readonly string[]): void;
  close(): void;
}

type IsMeant = (name: string) => boolean;

/** Folders are watched, and not files: editors replace files. */
function createFolders(onChange: () => void): Folders {
  const watchers = new Map<string, FSWatcher>();
  const meant = new Map<string, IsMeant>();

  function mean(folder: string, isMeant: IsMeant): void {
    const before = meant.get(folder);
    meant.set(folder, (name) => before?.(name) === true || isMeant(name));
  }

  function open(folder: string): void {
    try {
      const watcher = watchFolder(folder, (_event, name) => {
        if (!existsSync(folder)) close(folder);
        if (name === null || meant.get(folder)?.(name) !== false) onChange();
      });
      watchers.set(folder, watcher);
      watcher.on("error", () => close(folder));
    } catch {
      // There is no such folder; the one that it would be in tells when there is.
    }
  }

  function close(folder: string): void {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  }

  return {
    keep(root, contracts, files) {
      meant.clear();
      const path = contracts.split("/");
      mean(root, (name) => name === configName || name === "tsconfig.json");
      path.forEach((segment, depth) => mean(join(root, ...path.slice(0, depth)), (name) => name === segment));
      const sources = new Set([join(root, ...path), ...files.map((file) => dirname(file))]);
      for (const folder of sources) mean(folder, (name) => name.endsWith(".ts"));
      for (const folder of watchers.keys()) if (!meant.has(folder)) close(folder);
      for (const folder of meant.keys()) if (!watchers.has(folder)) open(folder);
    },
    close() {
      for (const folder of watchers.keys()) close(folder);
    },
  };
}

interface Signal {
  readonly give: () => void;
  readonly end: () => void;
  /** Waits until it was given, and has settled. @returns false when it has ended */
  readonly next: () => Promise<boolean>;
}

function createSignal(): Signal {
  let hasEnded = false;
  let isGiven = false;
  let wake = (): void => {};
  return {
    give() {
      isGiven = true;
      wake();
    },
    end() {
      hasEnded = true;
      wake();
    },
    async next() {
      if (!isGiven && !hasEnded) await new Promise<void>((resolve) => (wake = resolve));
      if (!hasEnded) await new Promise((resolve) => setTimeout(resolve, settleMs));
      isGiven = false;
      return !hasEnded;
    },
  };
}
