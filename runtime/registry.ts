import type { Task } from "./contract.ts";

/** One contract at run time: its name and its tasks. */
export interface Contract {
  /** The contract file's name, the first half of its tasks' names on the wire: `math`. */
  readonly name: string;
  readonly tasks: { readonly [task: string]: Task };
}

/** All contracts of a client, and how its face is laid out. */
export interface Registry {
  /** `flat`: `tasks.addition(…)`; `byContract`: `tasks.math.addition(…)`. */
  readonly shape: "flat" | "byContract";
  readonly contracts: readonly Contract[];
  /**
   * Whose contracts these are: the name of the package that they were generated in, or the `owner` of its configuration. No handler
   * of another owner gets their calls. @default anybody's
   */
  readonly owner?: string | undefined;
  /** The texts of the tasks' doc comments, by the names on the wire: loaded by those who ask. */
  readonly docs?: (() => Promise<{ readonly [name: string]: string }>) | undefined;
}

/**
 * Picks a contract's tasks out of its module, by their names.
 *
 * Generated code passes the module as a whole: naming each task's value would make a type checker infer each task's
 * schemas once more, which doubles its work.
 */
export function contractOf<Module extends object>(
  name: string,
  module: Module,
  tasks: readonly (keyof Module & string)[],
): Contract {
  const declared = module as { readonly [task: string]: Task };
  return { name, tasks: Object.fromEntries(tasks.map((task) => [task, declared[task] as Task])) };
}
