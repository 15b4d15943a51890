import type { ContractModel, Model, ParamModel, TaskModel } from "./model.ts";
import { fileText, headerOf, importCodegen } from "./page.ts";
import type { CodegenSymbol } from "./symbols.ts";

/**
 * The generated proof that the printed types are those that zod infers.
 *
 * Nothing imports it: type checks compile it, and an error in it stands in the line of the task whose contract has
 * changed.
 */
export function emitConformance(model: Model): string {
  const contracts = model.contracts.filter(({ tasks }) => tasks.length > 0);
  return fileText([
    [
      headerOf("the contracts", "a contract", model),
      "// Proves that every printed type is the one that its contract infers. An error in a line: that task has changed.",
      importCodegen(symbolsOf(contracts)),
      ...contracts.map(({ stem, specifier }) => `import type * as ${stem}Contract from ${JSON.stringify(specifier)};`),
      ...contracts.map(
        ({ name, prefix }) =>
          `import type { ${prefix}Signatures } from ${JSON.stringify(`./${name}${model.importExtension}`)};`,
      ),
    ],
    ...contracts.map(proofLines),
  ]);
}

function symbolsOf(contracts: readonly ContractModel[]): readonly CodegenSymbol[] {
  const tasks = contracts.flatMap((contract) => contract.tasks);
  if (tasks.length === 0) return [];
  const hasParams = tasks.some((task) => task.params.length > 0);
  return ["Conformance", ...(hasParams ? (["ParamInput"] as const) : []), "Proven", "ResultOutput"];
}

function proofLines({ prefix, stem, tasks }: ContractModel): readonly string[] {
  return [
    `export type ${prefix}Proof = [`,
    ...tasks.map((task) => {
      const declared = `typeof ${stem}Contract.${task.name}`;
      const parts = [declared, `${prefix}Signatures["${task.name}"]`, inferredCall(task, declared), ...optional(task)];
      return `  Proven<Conformance<${parts.join(", ")}>>,`;
    }),
    "];",
  ];
}

/** The call as the contract infers it, and not as it was printed. */
function inferredCall({ params }: TaskModel, declared: string): string {
  const lastRequired = params.findLastIndex((param) => !param.isOmittable);
  const given = params.map(({ name, isOmittable }, index) => {
    const type = `ParamInput<${declared}, ${JSON.stringify(name)}>`;
    if (index > lastRequired) return `${name}?: ${type}`;
    return `${name}: ${type}${isOmittable ? " | undefined" : ""}`;
  });
  return `(${given.join(", ")}) => Promise<ResultOutput<${declared}>>`;
}

/** The params that callers may leave out, and those of which only their values say so. */
function optional({ params, showsParams }: TaskModel): readonly string[] {
  const isUnsure = (param: ParamModel): boolean => !showsParams || !param.showsOptionality;
  const omittable = namesText(params.filter((param) => param.isOmittable && !isUnsure(param)));
  const unsure = showsParams ? namesText(params.filter(isUnsure)) : "string";
  if (unsure !== "never") return [omittable, unsure];
  return omittable === "never" ? [] : [omittable];
}

function namesText(params: readonly ParamModel[]): string {
  return params.length === 0 ? "never" : params.map((param) => JSON.stringify(param.name)).join(" | ");
}
