import { docsName } from "./emit-docs.ts";
import type { ContractModel, Model } from "./model.ts";
import { fileText, headerOf, importCodegen, importLines } from "./page.ts";
import { propertyName } from "./type.ts";

/** The generated door: `createTasks`, `isDeclared`, and `implement…` of each contract. */
export function emitIndex(model: Model): string {
  const { contracts, client } = model;
  const isFlat = client === "flat";
  return fileText([
    [
      headerOf("the contracts", "a contract", model),
      importCodegen([
        ...([
          "Client",
          "ClientOptions",
          "ImplementOptions",
          "IsDeclared",
          "Registry",
          "With",
          "createClient",
          "declaredBy",
          "implementerOf",
        ] as const),
        ...(isFlat ? [] : (["Named"] as const)),
      ]),
      ...contracts.map((contract) => importOf(contract, model)),
    ],
    [
      "// Lets other packages name the types of what they export: `export const math = implementMath({ … })`.",
      ...contracts.map((contract) => exportOf(contract, model)),
    ],
    ["/** What goes into and comes out of every task. */", ...tableLines(model)],
    ["/** Every task, answering with a value or an error. */", ...faceLines("SafeTasks", "SafeCalls", model)],
    [
      "/** Every task that can be submitted, answering with a handle. */",
      ...faceLines("SubmitTasks", "SubmitCalls", model),
    ],
    [
      "/** Every task as a function whose call is awaited, and never submitted. */",
      ...faceLines("AwaitedTasks", "Calls", model),
      "export interface AwaitedTasks extends With<AwaitedTasks, AwaitedTasks, never, Signatures> {",
      "  readonly safe: SafeTasks;",
      "  readonly client: Client<Signatures>;",
      "}",
    ],
    [
      "/** Every task as a function. */",
      ...faceLines("Tasks", "Calls", model),
      "export interface Tasks extends With<Tasks, AwaitedTasks, SubmitTasks, Signatures> {",
      "  readonly safe: SafeTasks;",
      "  readonly submit: SubmitTasks;",
      "  readonly client: Client<Signatures>;",
      "}",
    ],
    [
      "const registry: Registry = {",
      `  shape: ${JSON.stringify(client)},`,
      "  contracts: [",
      ...contracts.map(({ stem }) => `    ${stem}Contract,`),
      "  ],",
      ...(model.owner === undefined ? [] : [`  owner: ${JSON.stringify(model.owner)},`]),
      `  docs: async () => (await import("./${docsName}${model.importExtension}")).docs,`,
      "};",
    ],
    [
      "/** Makes a client: an object on which every task is a function. */",
      "export function createTasks(options: ClientOptions): Tasks {",
      "  return createClient<Tasks>(registry, options);",
      "}",
    ],
    [
      "/** Whether an error is a declared one of a task, and types its data. */",
      "export const isDeclared: IsDeclared<Signatures> = declaredBy<Signatures>(registry);",
    ],
    [
      "/** What the contexts of handlers have besides. */",
      "interface Given<Dependencies> {",
      "  /** Calls other tasks, as part of the call that runs. */",
      "  readonly tasks: Tasks;",
      "  /** What the implementation's `dependencies` have opened. */",
      "  readonly dependencies: Dependencies;",
      "}",
    ],
    ...contracts.map(implementLines),
  ]);
}

const contractTypes = ["Calls", "HandlersGiven", "Implementation", "SafeCalls", "Signatures", "SubmitCalls"] as const;

function importOf({ name, prefix, stem }: ContractModel, model: Model): string {
  const types = contractTypes.map((part) => `type ${prefix}${part}`);
  return importLines("import", [...types, `${stem}Contract`], `./${name}${model.importExtension}`);
}

function exportOf({ name, prefix }: ContractModel, model: Model): string {
  const types = contractTypes.map((part) => prefix + part);
  return importLines("export type", types, `./${name}${model.importExtension}`);
}

function tableLines({ contracts, client }: Model): readonly string[] {
  return contracts.map(({ name, prefix }) => {
    const table = `${prefix}Signatures`;
    return `export interface Signatures extends ${client === "flat" ? table : `Named<${JSON.stringify(name)}, ${table}>`} {}`;
  });
}

/** A face, declared once a contract: TypeScript merges them, and adding a contract changes no line. */
function faceLines(face: string, part: string, { contracts, client }: Model): readonly string[] {
  if (client === "flat") return contracts.map(({ prefix }) => `export interface ${face} extends ${prefix}${part} {}`);
  return [
    `export interface ${face} {`,
    ...contracts.map(({ name, prefix }) => `  readonly ${propertyName(name)}: ${prefix}${part};`),
    "}",
  ];
}

/** Here, as handlers call all tasks, and a contract's file must not import this one. */
function implementLines({ path, prefix, stem, tasks }: ContractModel): readonly string[] {
  // A pool's threads import the handlers by the URL of their module.
  const pooled = tasks.some((task) => task.isPooled);
  const handlers = `${prefix}Handlers<NoInfer<Dependencies>>`;
  const signature = (name: string, given: string): readonly string[] => [
    `  ${name}<Dependencies = {}>(`,
    `    handlers: ${given},`,
    ...(pooled ? ["    module: string | URL,"] : []),
    "    options?: ImplementOptions<Dependencies>,",
    `  ): ${prefix}Implementation<Dependencies>;`,
  ];
  return [
    `export interface ${prefix}Handlers<Dependencies = {}> extends ${prefix}HandlersGiven<Given<Dependencies>> {}`,
    `/** Binds handlers to the tasks of ${path}, for a worker and for local policies. */`,
    `export const implement${prefix}: {`,
    ...signature("", handlers),
    `  /** Binds handlers to some of the tasks of ${path}: all others are left to other workers. */`,
    ...signature("partial", `Partial<${handlers}>`),
    `} = /* @__PURE__ */ implementerOf(${stem}Contract, registry);`,
  ];
}
