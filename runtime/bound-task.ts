import type { Dependent } from "./dependencies.ts";
import type { Registry } from "./registry.ts";

/** The user's function, as far as the runtime knows it. */
export type Handler = (params: unknown, context: unknown) => unknown;

/** A task bound to its handler. */
export interface BoundTask extends Dependent {
  readonly handler: Handler;
  /** The tasks that `context.tasks` has. */
  readonly registry: Registry;
  /** The URL of the module that exports its implementation, if it was told: where a pool's thread finds the handler. */
  readonly module?: string | undefined;
}
