import { type AllOptions, withOptions } from "./call.ts";
import type { Caller, Way } from "./caller.ts";
import { type Declaration, declarationsOf } from "./declaration.ts";
import type { Registry } from "./registry.ts";

/** A tree of tasks: by name, or by contract and then by name. */
type Tree = ReadonlyMap<string, Declaration | ReadonlyMap<string, Declaration>>;

/** Lays the tasks of a registry out as its client's shape has them. */
function treeOf(registry: Registry): Tree {
  const contracts = registry.contracts.map(
    (contract) => [contract.name, declarationsOf(contract, registry.owner)] as const,
  );
  return registry.shape === "byContract"
    ? new Map(contracts)
    : new Map(contracts.flatMap(([, tasks]) => Array.from(tasks)));
}

/** What callers see, as far as its tasks don't matter. */
export interface Face {
  with(options: AllOptions): object;
}

const optionsOf = Symbol("options");

/** A face, or a part of one: its tasks are on its prototype, its options are its own. */
interface Part {
  readonly [optionsOf]: AllOptions;
}

/**
 * Builds the object that callers see: a function a task, `safe`, `submit`, `with` and `client`.
 *
 * Faces share prototypes of getters, each of which turns into a plain function at its first reading: `with` is used
 * for single calls, and must not cost a closure a task.
 */
export function createFace(registry: Registry, caller: Caller, client: object): Face {
  const tree = treeOf(registry);
  const safe = membersOf(tree, caller.safe);
  const submit = membersOf(tree, caller.submit);
  const whole = membersOf(tree, caller.call);
  getter(whole, "safe", (part) => partOf(safe, part[optionsOf]));
  getter(whole, "submit", (part) => partOf(submit, part[optionsOf]));
  getter(whole, "with", (part) => (more: AllOptions) => partOf(whole, withOptions(part[optionsOf], more)));
  getter(whole, "client", () => client);
  const face = partOf(whole, {});
  // The root's members are all made now, so that they can be listed, and spied upon by tests.
  for (const name of Object.keys(whole)) Reflect.get(face, name);
  return face as object as Face;
}

/** The prototype of what has a member a task, or a contract. */
function membersOf(tree: Tree, way: Way<unknown>): object {
  const prototype = {};
  for (const [name, entry] of tree) {
    if (entry instanceof Map) {
      const members = membersOf(entry, way);
      getter(prototype, name, (part) => partOf(members, part[optionsOf]));
    } else {
      const declaration = entry as Declaration;
      getter(prototype, name, (part) => {
        const options = part[optionsOf];
        return (...args: unknown[]) => way(declaration, args, options);
      });
    }
  }
  return prototype;
}

function partOf(prototype: object, options: AllOptions): Part {
  return Object.create(prototype, { [optionsOf]: { value: options } }) as Part;
}

function getter(prototype: object, name: string, make: (part: Part) => unknown): void {
  Object.defineProperty(prototype, name, {
    enumerable: true,
    get(this: Part) {
      const value = make(this);
      Object.defineProperty(this, name, { value, enumerable: true, writable: true, configurable: true });
      return value;
    },
  });
}
