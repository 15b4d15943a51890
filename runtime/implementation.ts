import type { BoundTask, Handler } from "./bound-task.ts";
import { checkNames, shown } from "./checks.ts";
import type { FromMember, RunMessage } from "./cpu/message.ts";
import { moduleUrl } from "./cpu/place.ts";
import { serveBrand } from "./cpu/program.ts";
import { serve } from "./cpu/serve.ts";
import { declarationsOf } from "./declaration.ts";
import { noteGiver, type Open } from "./dependencies.ts";
import { TaskError } from "./errors.ts";
import type { Contract, Registry } from "./registry.ts";

export type { BoundTask } from "./bound-task.ts";

/**
 * A contract's tasks, each bound to its handler: what `implement…()` gives to a worker and to a client. Those of
 * `implement….partial()` are the tasks that it names.
 *
 * @typeParam Signatures - the contract's table of signatures.
 * @typeParam Module - the contract itself.
 * @typeParam Dependencies - what its handlers find in `context.dependencies`.
 */
export interface Implementation<out Signatures = unknown, out Module = unknown, out Dependencies = unknown> {
  readonly contract: Contract;
  readonly tasks: readonly BoundTask[];
  /** Never there: what `taskpact/testing` knows the tasks' types by. */
  readonly "~types"?:
    | { readonly signatures: Signatures; readonly module: Module; readonly dependencies: Dependencies }
    | undefined;
}

/** What `implement…()` is told besides the handlers. */
export interface ImplementOptions<Dependencies> {
  /**
   * Opens what the handlers depend on: a worker calls it before its first claim, a client before its first local run.
   * It is open once in a process, for all workers, clients and contracts that name this function, and is closed
   * when the last of them has stopped. @default there is none
   */
  readonly dependencies?: Open<Dependencies> | undefined;
}

/**
 * Binds a contract to its handlers.
 *
 * @param registry - the tasks that handlers can call. @default those of the contract
 * @param module - where the result is exported, as `import.meta.url` says it: tasks with `cpu` are found there.
 * @throws TaskError `invalid_argument` that names the handlers that are missing, unknown or no functions.
 */
export function implement<Signatures, Module, Dependencies>(
  contract: Contract,
  handlers: object,
  registry?: Registry,
  options?: ImplementOptions<Dependencies>,
  module?: string | URL,
): Implementation<Signatures, Module, Dependencies> {
  return bind(contract, handlers, { registry, options, module, partial: false });
}

/** What {@link bind} takes besides a contract and its handlers. */
interface BindSettings {
  /** The tasks that handlers can call. @default those of the contract */
  readonly registry?: Registry | undefined;
  readonly options?: ImplementOptions<unknown> | undefined;
  /** Where the result is exported: tasks with `cpu` are found there. */
  readonly module?: string | URL | undefined;
  /** Whether tasks may be left out. One at least is bound. */
  readonly partial: boolean;
}

/**
 * Binds all tasks of a contract, or, with `partial`, those that are named.
 *
 * @throws TaskError `invalid_argument` that names the handlers that are missing, unknown or no functions.
 */
export function bind<Signatures, Module, Dependencies>(
  contract: Contract,
  handlers: object,
  settings: BindSettings,
): Implementation<Signatures, Module, Dependencies> {
  const { registry = { shape: "flat", contracts: [contract] }, options = {}, module, partial } = settings;
  if (typeof handlers !== "object" || handlers === null) {
    const got = shown(handlers);
    throw new TaskError(
      "invalid_argument",
      `the handlers of contract "${contract.name}" must be an object; got ${got}`,
    );
  }
  const declarations = declarationsOf(contract, registry.owner);
  const found = module === undefined ? undefined : { module: moduleUrl(module) };
  const given = new Map<string, unknown>(Object.entries(handlers));
  const faults: string[] = [];
  const tasks: BoundTask[] = [];
  const open = openOf(contract, options);
  for (const [name, declaration] of declarations) {
    if (partial && !given.has(name)) continue;
    const handler = given.get(name);
    if (typeof handler === "function")
      tasks.push({
        declaration,
        // There is a thread for each attempt of a task with cpu, and nothing is open there.
        open: declaration.cpu === undefined ? open : undefined,
        handler: (handler as Handler).bind(handlers),
        registry,
        ...found,
      });
    else faults.push(handler === undefined ? `${name} has no handler` : `the handler of ${name} is no function`);
  }
  const unknown = [...given.keys()].filter((name) => !declarations.has(name));
  for (const name of unknown) faults.push(`there is no task ${name}${partial ? "" : "; its handler can be deleted"}`);
  if (partial && given.size === 0) faults.push("none is given, and one at least is needed");
  if (faults.length > 0) {
    if (partial) faults.push(`its tasks are ${listed([...declarations.keys()])}`);
    throw new TaskError("invalid_argument", `the handlers of contract "${contract.name}": ${faults.join("; ")}`);
  }
  const implementation: Implementation<Signatures, Module, Dependencies> = { contract, tasks };
  // What a pool's thread, which finds it among the module's exports, runs its tasks by.
  Object.defineProperty(implementation, serveBrand, {
    value: (run: RunMessage, send: (message: FromMember) => void) => serve(tasks, run, send),
  });
  return implementation;
}

/** So many names at most are in an error. */
const mostListed = 20;

function listed(names: readonly string[]): string {
  const rest = names.length - mostListed;
  return names.slice(0, mostListed).join(", ") + (rest > 0 ? `, and ${rest} more` : "");
}

function openOf(contract: Contract, options: ImplementOptions<unknown>): Open | undefined {
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `the options of contract "${contract.name}": ${reason}`);
  };
  checkNames(options, ["dependencies"], refuse);
  const { dependencies } = options;
  if (typeof dependencies === "function") noteGiver(dependencies);
  if (dependencies === undefined || typeof dependencies === "function") return dependencies;
  return refuse(`dependencies must be a function that opens them; got ${shown(dependencies)}`);
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
    if (bound.has(name))
      throw new TaskError(
        "invalid_argument",
        `${name} is implemented twice: leave it out of one of the implementations`,
      );
    bound.set(name, task);
  }
  return bound;
}
