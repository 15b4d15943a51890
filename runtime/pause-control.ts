import type { Declaration } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import { isNodeQueue } from "./node-queue.ts";
import type { Operator } from "./operator.ts";
import type { Pausable, Paused, Pauses } from "./pauses.ts";

/** What {@link pauseControl} needs of its client. */
export interface PauseSettings {
  /** @throws TaskError `unimplemented` for a broker that has none. */
  operator(): Operator;
  /** All tasks, by the names that this client knows them by. */
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** @throws TaskError `invalid_argument` for a task that does not exist. */
  declaration(task: string): Declaration;
}

/** The client's side of pauses. */
export function pauseControl(settings: PauseSettings): Pauses<Record<string, unknown>> {
  const { declarations } = settings;
  const queues = [...new Set([...declarations.values()].map(({ queue }) => queue))].toSorted();

  async function set({ task, queue }: Pausable, paused: boolean): Promise<void> {
    if ((task === undefined) === (queue === undefined)) refuse("give a task or a queue");
    if (task !== undefined) {
      const declared = settings.declaration(task);
      return settings.operator().pause(declared.queue, declared.name, paused);
    }
    if (queue === undefined || !(queues.includes(queue) || isNodeQueue(queue)))
      refuse(`there is no queue "${queue}"; there are ${queues.join(", ")}`);
    return settings.operator().pause(queue, undefined, paused);
  }

  return {
    pause: async (what) => set(what, true),
    resume: async (what) => set(what, false),
    async paused(): Promise<Paused> {
      const parts = await Promise.all(queues.map((queue) => settings.operator().paused(queue)));
      const names = new Set(parts.flatMap(({ tasks }) => tasks));
      return {
        tasks: [...declarations].flatMap(([key, { name }]) => (names.has(name) ? [key] : [])).toSorted(),
        queues: queues.filter((_, at) => parts[at]!.queue),
      };
    },
  };
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
