import type { BoundTask } from "./bound-task.ts";
import type { Broker } from "./broker.ts";
import type { PoolOptions } from "./cpu/pool-options.ts";
import type { DescribeError } from "./describe-error.ts";
import type { Hook } from "./hook.ts";
import type { Implementation } from "./implementation.ts";
import type { Logger } from "./log.ts";

/** What a client's node server has of its client. */
export interface NodeServerOptions {
  readonly broker: Broker;
  readonly log: Logger;
  readonly implementations?: readonly Implementation[] | undefined;
  readonly localConcurrency?: number | undefined;
  readonly hooks?: readonly Hook[] | undefined;
  readonly pool?: PoolOptions | undefined;
}

/** What it serves. */
export interface NodeServerParts {
  readonly tasks: ReadonlyMap<string, BoundTask>;
  readonly pooled: readonly BoundTask[];
  readonly nodeQueue: string;
  readonly describe: DescribeError;
}

/** What serves a client's node queue, until it is stopped. A client does not know it itself: workers are made of clients. */
export type ServeNode = (
  options: NodeServerOptions,
  parts: NodeServerParts,
) => {
  /** Lets what runs finish, and resolves when it serves no more. */
  stop(): Promise<void>;
};
