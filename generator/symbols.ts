/**
 * The runtime as generated code and the generator know it: by these names and no others.
 *
 * Whatever is renamed in `runtime/codegen.ts` is renamed here; a test holds the two together.
 */

/** The package that people import. */
export const packageName = "taskpact";

/** The door for generated code. */
export const codegenModule = "taskpact/codegen";

/** The oldest zod that the runtime takes. */
export const oldestZod = "4.5.0";

/** By what a task is known, of whichever installed copy of the package. */
export const taskBrand = Symbol.for("taskpact.task");

/** Under which the global object holds what `task()` tells of a declaration that it refuses, in place of throwing. */
export const refusedTasks = Symbol.for("taskpact.refusedTasks");

/** What `taskpact/codegen` exports as a type. */
export const codegenTypes = [
  "Calls",
  "Client",
  "ClientOptions",
  "Conformance",
  "Contract",
  "DefaultProgress",
  "ErrorInput",
  "ErrorOutput",
  "ErrorsInput",
  "ErrorsOutput",
  "Handlers",
  "ImplementOptions",
  "Implementation",
  "IsDeclared",
  "Named",
  "ParamInput",
  "ParamOutput",
  "ParamsOutput",
  "ProgressInput",
  "ProgressOutput",
  "Proven",
  "Registry",
  "ResultInput",
  "ResultOutput",
  "SafeCalls",
  "Signature",
  "SubmitCalls",
  "With",
] as const;

/** What `taskpact/codegen` exports as a value. */
export const codegenValues = ["contractOf", "createClient", "declaredBy", "implement", "implementerOf"] as const;

/** A name that generated code may import from `taskpact/codegen`. */
export type CodegenSymbol = (typeof codegenTypes)[number] | (typeof codegenValues)[number];

/** Members of every client beside its tasks, which a task or a contract can't be called. */
export const faceMembers: readonly string[] = ["client", "safe", "submit", "with"];

/** The name of errors that no contract declares. */
export const undeclaredErrorName = "TaskError";

/** How a stub of a handler says that it has none yet. */
export const unimplementedStub = { error: "TaskError", code: "unimplemented" } as const;
