import { posix } from "node:path";
import type { Settings } from "./config.ts";
import { type ContractSyntax, type ExportSyntax, partName, partOf } from "./contract-syntax.ts";
import type { Described, TaskDescription } from "./describe.ts";
import { type Diagnostic, errorAt, type Place, placeText, startOf, warningAt } from "./diagnostic.ts";
import type { LoadedContract, LoadFailure } from "./load.ts";
import type { ContractModel, Model, ParamModel, TaskModel, WireModel } from "./model.ts";
import {
  contractNameFault,
  errorNameFault,
  type NameFault,
  paramNameFault,
  prefixOf,
  stemOf,
  taskNameFault,
} from "./names.ts";
import { packageName } from "./symbols.ts";

/** What the text of a contract tells, and what its values do. */
export interface ContractReading {
  readonly syntax: ContractSyntax;
  /** Undefined for one that wasn't loaded, as its text is no TypeScript. */
  readonly loaded: LoadedContract | undefined;
  /** Names of tasks that it had before. */
  readonly former: readonly string[];
}

/** The model, and all that is wrong with what it was made of. */
export interface Assembly {
  readonly model: Model;
  /** Where each task stands, by its name on the wire. */
  readonly places: ReadonlyMap<string, Place>;
  readonly diagnostics: readonly Diagnostic[];
}

interface FoundTask {
  readonly contract: ContractSyntax;
  readonly syntax: ExportSyntax;
  readonly description: TaskDescription;
}

/** Joins what texts and values tell, and finds every mistake in it. */
export function assemble(
  settings: Settings,
  readings: readonly ContractReading[],
  refusals: readonly LoadFailure[] = [],
): Assembly {
  const diagnostics = refusals.map(({ at, message }) => errorAt(at, message, mendDeclaration));
  const places = new Map<string, Place>();
  const contracts: ContractModel[] = [];
  const found = foundTasks(readings);
  for (const { syntax, loaded, former } of readings) {
    const own = found.filter((task) => task.contract === syntax);
    diagnostics.push(...syntax.faults, ...contractFaults(syntax, loaded, readings));
    if (own.length === 0 && former.length === 0) {
      const isRefused = refusals.some(({ at }) => at.file === syntax.path);
      if (loaded?.failure === undefined && syntax.faults.length === 0 && !isRefused)
        diagnostics.push(emptyWarning(syntax));
      continue;
    }
    const nameFault = contractNameFault(syntax.name);
    if (nameFault !== undefined) diagnostics.push(fault(startOf(syntax.path), nameFault));
    for (const task of own) {
      places.set(`${syntax.name}.${task.description.name}`, task.syntax.at);
      diagnostics.push(...taskFaults(task));
    }
    contracts.push(contractModel(settings, syntax, own, former));
  }
  diagnostics.push(...sameFiles(contracts), ...(settings.client === "flat" ? sameNames(found) : []));
  return {
    model: {
      contracts,
      client: settings.client,
      importExtension: settings.importExtension,
      owner: settings.owner,
      command: settings.command,
    },
    places,
    diagnostics,
  };
}

/** A task that a contract hands on from another stays the other's; what it gets from elsewhere is its own. */
function foundTasks(readings: readonly ContractReading[]): readonly FoundTask[] {
  const all = readings.flatMap(({ syntax, loaded }) =>
    (loaded?.tasks ?? []).map((description) => ({
      contract: syntax,
      syntax: exportOf(syntax, description.name),
      description,
    })),
  );
  const owned = new Set(all.filter((task) => task.syntax.isOwn).map((task) => task.description.task));
  return all.filter((task) => task.syntax.isOwn || !owned.has(task.description.task));
}

function exportOf(syntax: ContractSyntax, name: string): ExportSyntax {
  const at = syntax.star ?? startOf(syntax.path);
  return (
    syntax.exports.get(name) ?? { at, doc: undefined, isOwn: false, parts: new Map(), rest: { at, sight: "nothing" } }
  );
}

function contractModel(
  settings: Settings,
  syntax: ContractSyntax,
  own: readonly FoundTask[],
  former: readonly string[],
): ContractModel {
  const tasks = own.map(taskModel).toSorted(byName);
  const names = new Set(tasks.map((task) => task.name));
  const path = posix.relative(settings.generated, syntax.path);
  return {
    name: syntax.name,
    prefix: prefixOf(syntax.name),
    stem: stemOf(syntax.name),
    path: syntax.path,
    specifier: (path.startsWith(".") ? path : `./${path}`).replace(/\.ts$/, settings.importExtension),
    tasks,
    tombstones: former.filter((name) => !names.has(name)).toSorted(),
  };
}

function taskModel({ syntax, description }: FoundTask): TaskModel {
  const { name, isLocalOnly, isPooled, params, result, errors, progress } = description;
  return {
    name,
    doc: syntax.doc,
    isLocalOnly,
    isPooled,
    params: params.map((param) => shownParam(syntax, param)),
    showsParams: partOf(syntax, "params").sight !== "nothing",
    result: shown(syntax, "result", result),
    errors: errors.map((error) => shown(syntax, partName("errors", error.name), error)),
    showsErrors: partOf(syntax, "errors").sight !== "nothing",
    progress:
      partOf(syntax, "progress").sight === "nothing" ? unknownWire : progress && shown(syntax, "progress", progress),
  };
}

/** Of what may not even be there. */
const unknownWire: WireModel = { sent: undefined, received: undefined };

/** A part without the types that its text says more of than its value does. */
function shown<Part extends WireModel | ParamModel>(
  syntax: ExportSyntax,
  part: string,
  described: Described<Part>,
): Part {
  if (partOf(syntax, part).sight === "all") return described;
  return { ...described, sent: undefined, received: undefined, ...("given" in described && { given: undefined }) };
}

function shownParam(syntax: ExportSyntax, param: TaskDescription["params"][number]): ParamModel {
  const part = partName("params", param.name);
  return { ...shown(syntax, part, param), showsOptionality: partOf(syntax, part).sight !== "nothing" };
}

function contractFaults(
  syntax: ContractSyntax,
  loaded: LoadedContract | undefined,
  readings: readonly ContractReading[],
): readonly Diagnostic[] {
  const failure = loaded?.failure;
  if (failure === undefined) return [];
  // A contract that imports another whose text is broken throws for its sake.
  const isKnown = readings.some((reading) => reading.loaded === undefined && reading.syntax.path === failure.at.file);
  if (isKnown) return [];
  const [, reason] = /^\[invalid_argument\] (task\(\): .*)/s.exec(failure.message) ?? [];
  if (reason !== undefined) return [errorAt(failure.at, reason, mendDeclaration)];
  const remedy = "a contract is imported to be read: it declares tasks, and needs nothing to be running for that";
  return [errorAt(failure.at, `${syntax.path} can't be imported: ${failure.message}`, remedy)];
}

const mendDeclaration = "mend the declaration, and generate again";

function emptyWarning(syntax: ContractSyntax): Diagnostic {
  return warningAt(
    startOf(syntax.path),
    "this contract declares no task",
    `export one, made by task() of "${packageName}"; a file that only helps others starts with "_"`,
  );
}

function taskFaults({ syntax, description }: FoundTask): readonly Diagnostic[] {
  const { name, params, result, errors, progress } = description;
  const faults: (Diagnostic | undefined)[] = [fault(syntax.at, taskNameFault(name))];
  faults.push(...description.scheduleFaults.map((found) => fault(partOf(syntax, "schedule").at, found)));
  faults.push(...description.limitFaults.map((found) => fault(partOf(syntax, found.part).at, found)));
  for (const param of params) {
    const part = partName("params", param.name);
    faults.push(fault(partOf(syntax, part).at, paramNameFault(param.name)), ...refusals(syntax, part, param));
  }
  for (const error of errors) {
    const part = partName("errors", error.name);
    faults.push(fault(partOf(syntax, part).at, errorNameFault(error.name)), ...refusals(syntax, part, error));
  }
  faults.push(...refusals(syntax, "result", result));
  if (progress !== undefined) faults.push(...refusals(syntax, "progress", progress));
  return faults.filter((diagnostic) => diagnostic !== undefined);
}

function refusals(syntax: ExportSyntax, part: string, described: Described<WireModel>): readonly Diagnostic[] {
  const { at } = partOf(syntax, part);
  return described.refusals.map(({ path, what, remedy }) =>
    errorAt(at, `${part}${path}: ${what} can't be carried`, remedy),
  );
}

function sameNames(found: readonly FoundTask[]): readonly Diagnostic[] {
  return repeated(found, (task) => task.description.name).map(([first, again]) =>
    errorAt(
      again.syntax.at,
      `a second task is called "${again.description.name}"; the first stands at ${placeText(first.syntax.at)}`,
      `rename one of them, or set client: "byContract" in ${packageName}.config.ts`,
    ),
  );
}

function sameFiles(contracts: readonly ContractModel[]): readonly Diagnostic[] {
  return repeated(contracts, (contract) => contract.prefix).map(([first, again]) =>
    errorAt(
      startOf(again.path),
      `the types of this contract would be called like those of ${first.path}: ${again.prefix}…`,
      "rename one of the files",
    ),
  );
}

/** Each item whose key another one before it had, with that one. */
function repeated<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly [T, T])[] {
  const firsts = new Map<string, T>();
  return items.flatMap((item): readonly (readonly [T, T])[] => {
    const first = firsts.get(keyOf(item));
    if (first !== undefined) return [[first, item]];
    firsts.set(keyOf(item), item);
    return [];
  });
}

function fault(at: Place, nameFault: NameFault): Diagnostic;
function fault(at: Place, nameFault: NameFault | undefined): Diagnostic | undefined;
function fault(at: Place, nameFault: NameFault | undefined): Diagnostic | undefined {
  return nameFault && errorAt(at, nameFault.reason, nameFault.remedy);
}

/** By code units, the same on every machine. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
