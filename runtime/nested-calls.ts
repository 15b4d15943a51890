import type { Broker } from "./broker.ts";
import { openClient, type OpenClient } from "./client.ts";
import type { Context } from "./context.ts";
import { TaskError } from "./errors.ts";
import type { Hook } from "./hook.ts";
import type { Logger } from "./log.ts";
import type { Registry } from "./registry.ts";

/**
 * The calls that a worker's handlers make: a client on the worker's own connections, opened with the first of them. It
 * runs nothing itself: what they call waits in its queue, for this worker as for any other.
 */
export class NestedCalls {
  readonly #broker: Broker;
  readonly #hooks: readonly Hook[] | undefined;
  readonly #log: Logger;
  #client: OpenClient | undefined;
  #closed = false;

  constructor(broker: Broker, hooks: readonly Hook[] | undefined, log: Logger) {
    this.#broker = broker;
    this.#hooks = hooks;
    this.#log = log;
  }

  tasksFor(registry: Registry, parent: Context): object {
    if (this.#closed) throw new TaskError("unavailable", "its worker has stopped");
    this.#client ??= openClient(
      { broker: this.#broker, hooks: this.#hooks, log: this.#log },
      {
        closeFace: async () => {
          throw new TaskError("invalid_argument", "context.tasks is its worker's, and ends with it");
        },
      },
    );
    return this.#client.face(registry).with({ parent });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.close();
  }
}
