import { bind, type Implementation, type ImplementOptions } from "./implementation.ts";
import type { Contract, Registry } from "./registry.ts";

/** Binds handlers. A contract with a task that has `cpu` names the handlers' module before the options. */
type Bind = (
  handlers: object,
  moduleOrOptions?: string | URL | ImplementOptions<unknown>,
  options?: ImplementOptions<unknown>,
) => Implementation<never, never, never>;

/** `implement…` of a contract, to which generated code gives its types. */
export interface Implementer extends Bind {
  /** The same for some of its tasks. */
  readonly partial: Bind;
}

/** Makes `implement…` of a contract. @param registry - the tasks that its handlers can call. */
export function implementerOf(contract: Contract, registry: Registry): Implementer {
  const binder =
    (partial: boolean): Bind =>
    (handlers, first, second) => {
      const [module, options] = isModule(first) ? [first, second] : [undefined, first];
      return bind(contract, handlers, { registry, options, module, partial });
    };
  return Object.assign(binder(false), { partial: binder(true) });
}

function isModule(given: string | URL | ImplementOptions<unknown> | undefined): given is string | URL {
  return typeof given === "string" || given instanceof URL;
}
