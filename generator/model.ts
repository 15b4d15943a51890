import type { ClientShape, ImportExtension } from "./config.ts";

/** All that is printed, as plain data: what a run of the generator has learned. */
export interface Model {
  /** By name. */
  readonly contracts: readonly ContractModel[];
  readonly client: ClientShape;
  readonly importExtension: ImportExtension;
  /** Whose contracts they are, if that is known. */
  readonly owner: string | undefined;
  /** What people type to generate again. */
  readonly command: string;
}

/** One contract. */
export interface ContractModel {
  /** The first half of its tasks' names on the wire, and its files' name: `user-orders`. */
  readonly name: string;
  /** What its types begin with: `UserOrders`. */
  readonly prefix: string;
  /** What its values begin with: `userOrders`. */
  readonly stem: string;
  /** Below the project's folder: `contracts/user-orders.ts`. */
  readonly path: string;
  /** What its generated file imports it by: `../contracts/user-orders.ts`. */
  readonly specifier: string;
  /** By name. */
  readonly tasks: readonly TaskModel[];
  /** Names of tasks that it had, by name: their handlers are told to go. */
  readonly tombstones: readonly string[];
}

/** One task. */
export interface TaskModel {
  readonly name: string;
  /** Its doc comment, `/**` and all. */
  readonly doc: string | undefined;
  /** Whether it only runs where it is called, and so can't be submitted. */
  readonly isLocalOnly: boolean;
  /** Whether it runs in a pool, whose threads import its handler by the URL of its module. */
  readonly isPooled: boolean;
  /** In the order in which callers give them. */
  readonly params: readonly ParamModel[];
  /** Whether the text of the contract shows which params there are, by TypeScript's types. */
  readonly showsParams: boolean;
  readonly result: WireModel;
  /** In the order of their declaration. */
  readonly errors: readonly NamedWireModel[];
  /** Whether the text shows which errors there are. */
  readonly showsErrors: boolean;
  /** Undefined for a task that declares none, and shows it. */
  readonly progress: WireModel | undefined;
}

/** The two types of one schema, as text; undefined where only the contract knows. */
export interface WireModel {
  /** `z.input`: of params what a caller gives, of the other parts what a handler gives. */
  readonly sent: string | undefined;
  /** `z.output`: of params what a handler gets, of the other parts what a caller gets. */
  readonly received: string | undefined;
}

/** A declared error. */
export interface NamedWireModel extends WireModel {
  readonly name: string;
}

/** A parameter. */
export interface ParamModel extends NamedWireModel {
  /** `sent`, without the `undefined` that a `?` says already. */
  readonly given: string | undefined;
  /** Whether callers may leave it out, if all behind it may be left out too. */
  readonly isOmittable: boolean;
  /** Whether its handler may find it absent. */
  readonly canBeAbsent: boolean;
  /** Whether the text shows that the two above are so by TypeScript's types, too. */
  readonly showsOptionality: boolean;
}
