import { join } from "node:path";
import { assemble, type Assembly } from "./assembly.ts";
import { readContract } from "./contract-syntax.ts";
import type { Settings } from "./config.ts";
import { type Diagnostic, errorAt, hasErrors, sortedDiagnostics, startOf } from "./diagnostic.ts";
import { emit } from "./emit.ts";
import { loadContracts } from "./load.ts";
import { createModules, type Modules } from "./module.ts";
import { isGenerated } from "./page.ts";
import { contractFiles, generatedTexts } from "./project.ts";
import { formerTasks } from "./tombstone.ts";
import { createVisibility } from "./visibility.ts";
import type { FileChange } from "./write.ts";

/** How one run may differ from another. */
export interface GenerateOptions {
  /** Forgets removed tasks, whose handlers are then told no more to go. @default false */
  readonly prune?: boolean | undefined;
  /** Texts parsed before. @default none */
  readonly modules?: Modules | undefined;
}

/** What the generated folder should hold, and what it does. */
export interface Generation {
  readonly assembly: Assembly;
  readonly diagnostics: readonly Diagnostic[];
  /** What it takes to bring the folder in step; nothing where there are errors. */
  readonly changes: readonly FileChange[];
  /** The generated folder's texts as they are, by their names. */
  readonly present: ReadonlyMap<string, string | undefined>;
  /** What else stands in the generated folder: the generator doesn't delete what it didn't write. */
  readonly strangers: readonly string[];
}

/** Reads a project's contracts and works out its generated files. Writes nothing. */
export async function generate(settings: Settings, options: GenerateOptions = {}): Promise<Generation> {
  const { prune = false, modules = createModules(settings.root) } = options;
  const [{ files, diagnostics }, present] = await Promise.all([contractFiles(settings), generatedTexts(settings)]);
  const visibility = createVisibility(modules);
  const syntaxes = files.flatMap(({ name, file }) => {
    const module = modules.at(file);
    return module === undefined
      ? []
      : [readContract({ name, folder: join(settings.root, settings.contracts) }, module, modules, visibility)];
  });
  const sound = syntaxes.filter((syntax) => !hasErrors(syntax.faults));
  const { contracts, refusals } = await loadContracts(settings.root, sound);
  const loaded = new Map(contracts.map((contract) => [contract.name, contract]));
  const readings = syntaxes.map((syntax) => ({
    syntax,
    loaded: loaded.get(syntax.name),
    former: prune ? [] : formerTasks(syntax, present.get(`${syntax.name}.ts`)),
  }));
  const assembly = assemble(settings, readings, refusals);
  const wanted = emit(assembly.model);
  const all = sortedDiagnostics([...diagnostics, ...assembly.diagnostics, ...inTheWay(settings, wanted, present)]);
  const unwanted = [...present].filter(([name]) => !wanted.has(name));
  const obsolete = unwanted.filter(([, text]) => text !== undefined && isGenerated(text)).map(([name]) => name);
  const pathOf = (name: string): string => `${settings.generated}/${name}`;
  return {
    assembly,
    diagnostics: all,
    changes: hasErrors(all)
      ? []
      : [
          ...[...wanted]
            .filter(([name, text]) => !isSame(present.get(name), text))
            .map(([name, text]) => ({ path: pathOf(name), text })),
          ...obsolete.map((name) => ({ path: pathOf(name), text: undefined })),
        ],
    present,
    strangers: unwanted.filter(([name]) => !obsolete.includes(name)).map(([name]) => pathOf(name)),
  };
}

/** Files that somebody wrote by hand where generated ones are to be: they are not written over. */
function inTheWay(
  settings: Settings,
  wanted: ReadonlyMap<string, string>,
  present: ReadonlyMap<string, string | undefined>,
): readonly Diagnostic[] {
  return [...wanted.keys()].flatMap((name) => {
    const text = present.get(name);
    if (text === undefined || text.trim() === "" || isGenerated(text)) return [];
    const reason = `${settings.generated}/${name} was not generated, and would be written over`;
    return [
      errorAt(
        startOf(`${settings.generated}/${name}`),
        reason,
        "move it, or name another folder as `generated` in taskpact.config.ts",
      ),
    ];
  });
}

/** Git may check files out with CRLF. */
function isSame(present: string | undefined, wanted: string): boolean {
  return present !== undefined && (present === wanted || present.replaceAll("\r\n", "\n") === wanted);
}
