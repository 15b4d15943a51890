import { type Declaration, declarationsOf } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import type { Contract, Registry } from "./registry.ts";

/** The user's function, as far as the runtime knows it. */
export type Handler = (params: unknown, context: unknown) => unknown;

/** A task bound to its handler. */
export interface BoundTask {
  readonly declaration: Declaration;
  readonly handler: Handler;
  /** The tasks that `context.tasks` has. */
  readonly registry: Registry;
}

/**
 * A contract's tasks, each bound to its handler: what `implement…()` gives to a worker and to a client.
 *
 * @typeParam Signatures - the contract's table of signatures.
 * @typeParam Module - the contract itself.
 */
export interface Implementation<out Signatures = unknown, out Module = unknown> {
  readonly contract: Contract;
  readonly tasks: readonly BoundTask[];
  /** Never there: what `taskpact/testing` knows the tasks' types by. */
  readonly "~types"?: { readonly signatures: Signatures; readonly module: Module } | undefined;
}

/**
 * Binds a contract to its handlers.
 *
 * @param registry - the tasks that handlers can call. @default those of the contract
 * @throws TaskError `invalid_argument` that names the handlers that are missing, unknown or no functions.
 */
export function implement<Signatures, Module>(
  contract: Contract,
  handlers: object,
  registry: Registry = { shape: "flat", contracts: [contract] },
): Implementation<Signatures, Module> {
  const declarations = declarationsOf(contract);
  const given = new Map<string, unknown>(Object.entries(handlers));
  const faults: string[] = [];
  const tasks: BoundTask[] = [];
  for (const [name, declaration] of declarations) {
    const handler = given.get(name);
    if (typeof handler === "function")
      tasks.push({ declaration, handler: (handler as Handler).bind(handlers), registry });
    else faults.push(handler === undefined ? `${name} has no handler` : `the handler of ${name} is no function`);
  }
  for (const name of given.keys()) {
    if (!declarations.has(name)) faults.push(`there is no task ${name}; its handler can be deleted`);
  }
  if (faults.length > 0) {
    throw new TaskError("invalid_argument", `the handlers of contract "${contract.name}": ${faults.join("; ")}`);
  }
  return { contract, tasks };
}

/**
 * All tasks of some implementations by their names on the wire.
 *
 * @throws TaskError `invalid_argument` where two implement the same task.
 */
export function boundTasks(implementations: readonly Implementation[]): ReadonlyMap<string, BoundTask> {
  const made = (one: unknown): boolean =>
    typeof one === "object" && one !== null && "contract" in one && "tasks" in one;
  if (!Array.isArray(implementations) || !implementations.every(made)) {
    throw new TaskError("invalid_argument", "implementations must be a list of what implement…() made: [math]");
  }
  const bound = new Map<string, BoundTask>();
  for (const task of implementations.flatMap((implementation) => implementation.tasks)) {
    const { name } = task.declaration;
    if (bound.has(name)) throw new TaskError("invalid_argument", `${name} is implemented twice`);
    bound.set(name, task);
  }
  return bound;
}
