import type { ContractModel, Model, NamedWireModel, ParamModel, TaskModel, WireModel } from "./model.ts";
import { docLines, fileText, headerOf, importCodegen } from "./page.ts";
import type { CodegenSymbol } from "./symbols.ts";

const alwaysUsed: readonly CodegenSymbol[] = [
  "Calls",
  "Contract",
  "Handlers",
  "Implementation",
  "SafeCalls",
  "Signature",
  "SubmitCalls",
  "contractOf",
];

/** The generated file of one contract. */
export function emitContract(contract: ContractModel, model: Model): string {
  const { prefix, stem, path, specifier, tasks } = contract;
  const table = `${prefix}Signatures`;
  const symbols = new Set<CodegenSymbol>(alwaysUsed);
  const signatures = tasks.flatMap((task) => taskLines(task, symbols));
  if (tasks.length === 0) symbols.delete("Signature");
  const localOnly = tasks.filter((task) => task.isLocalOnly).map((task) => JSON.stringify(task.name));
  const submitted = localOnly.length === 0 ? table : `Omit<${table}, ${localOnly.join(" | ")}>`;
  return fileText([
    [
      headerOf(path, "the contract", model),
      importCodegen(symbols),
      `import type * as contract from ${JSON.stringify(specifier)};`,
      `import * as declared from ${JSON.stringify(specifier)};`,
    ],
    // Language servers look for uses of an export in its importers, and farther only where the import is handed on.
    ["// Lets a rename of a task in its contract reach its callers and its handler.", "export type { contract };"],
    [`/** What goes into and comes out of the tasks of ${path}. */`, `export interface ${table} {`, ...signatures, "}"],
    [
      `export interface ${prefix}Calls extends Calls<typeof contract, ${table}> {}`,
      `export interface ${prefix}SafeCalls extends SafeCalls<typeof contract, ${table}> {}`,
      `export interface ${prefix}SubmitCalls extends SubmitCalls<typeof contract, ${submitted}> {}`,
      ...handlersLines(contract),
      `export interface ${prefix}Implementation<Dependencies = {}> extends Implementation<${table}, typeof contract, Dependencies> {}`,
    ],
    [
      `export const ${stem}Contract: Contract = contractOf(${JSON.stringify(contract.name)}, declared, [`,
      ...tasks.map((task) => `  ${JSON.stringify(task.name)},`),
      "]);",
    ],
  ]);
}

function handlersLines({ prefix, path, tombstones }: ContractModel): readonly string[] {
  const head = `export interface ${prefix}HandlersGiven<Given> extends Handlers<typeof contract, ${prefix}Signatures, Given> {`;
  if (tombstones.length === 0) return [`${head}}`];
  return [head, ...tombstones.map((name) => tombstoneLine(name, path)), "}"];
}

/** Types the handler of a removed task as a sentence, which is then what the type error says. */
function tombstoneLine(name: string, path: string): string {
  return `  ${name}?: "✗ task ${name} was removed from ${path} - delete this handler";`;
}

/** A task in its contract's table: its doc comment, and its line. */
export function taskLines(task: TaskModel, symbols: Set<CodegenSymbol> = new Set()): readonly string[] {
  return [...docLines(task.doc, "  "), signatureLine(task, symbols)];
}

function signatureLine(task: TaskModel, symbols: Set<CodegenSymbol>): string {
  const print = printerOf(task, symbols);
  const call = `(${print.arguments()}) => Promise<${print.result("received")}>`;
  const optional = [print.errors("received"), print.progress("received"), print.sends()];
  const defaults = ["{}", "DefaultProgress", "{}"];
  // Those at the end that are as they are by default are left out.
  const last = optional.findLastIndex((text, index) => text !== defaults[index]);
  if (last >= 1 && optional[1] === "DefaultProgress") symbols.add("DefaultProgress");
  return `  ${task.name}: Signature<${[call, print.params(), ...optional.slice(0, last + 1)].join(", ")}>;`;
}

type Side = keyof WireModel;

/** Prints the parts of one task; where a text is not known, it points at the contract, and notes what that takes. */
function printerOf(task: TaskModel, symbols: Set<CodegenSymbol>) {
  const contract = `typeof contract.${task.name}`;
  const pointer = (symbol: CodegenSymbol, ...member: readonly string[]): string => {
    symbols.add(symbol);
    return `${symbol}<${[contract, ...member.map((name) => JSON.stringify(name))].join(", ")}>`;
  };
  const errorText = (error: NamedWireModel, side: Side): string =>
    error[side] ?? pointer(side === "sent" ? "ErrorInput" : "ErrorOutput", error.name);
  const argument = (param: ParamModel, isLast: boolean): string => {
    if (!param.isOmittable) return `${param.name}: ${param.sent ?? pointer("ParamInput", param.name)}`;
    const given = param.given ?? pointer("ParamInput", param.name);
    return isLast ? `${param.name}?: ${given}` : `${param.name}: ${given} | undefined`;
  };
  const self = {
    arguments(): string {
      const lastRequired = task.params.findLastIndex((param) => !param.isOmittable);
      return task.params.map((param, index) => argument(param, index > lastRequired)).join(", ");
    },
    params(): string {
      const isSure = task.params.every((param) => param.showsOptionality || !param.canBeAbsent);
      if (!task.showsParams || !isSure) return pointer("ParamsOutput");
      return objectText(
        task.params.map(
          (param) =>
            `${param.name}${param.canBeAbsent ? "?" : ""}: ${param.received ?? pointer("ParamOutput", param.name)}`,
        ),
      );
    },
    result(side: Side): string {
      return task.result[side] ?? pointer(side === "sent" ? "ResultInput" : "ResultOutput");
    },
    errors(side: Side): string {
      if (!task.showsErrors) return pointer(side === "sent" ? "ErrorsInput" : "ErrorsOutput");
      return objectText(task.errors.map((error) => `${error.name}: ${errorText(error, side)}`));
    },
    progress(side: Side): string {
      if (task.progress === undefined) return "DefaultProgress";
      return task.progress[side] ?? pointer(side === "sent" ? "ProgressInput" : "ProgressOutput");
    },
    /** What a handler gives, of the parts in which that is other than what a caller gets. */
    sends(): string {
      const parts = (["result", "errors", "progress"] as const).filter(
        (part) => self[part]("sent") !== self[part]("received"),
      );
      return objectText(parts.map((part) => `${part}: ${self[part]("sent")}`));
    },
  };
  return self;
}

function objectText(members: readonly string[]): string {
  return members.length === 0 ? "{}" : `{ ${members.join("; ")} }`;
}
