import type { Way } from "./caller.ts";
import type { Declaration } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import type { Schedule } from "./schedule.ts";
import type { ScheduledTask } from "./schedules.ts";
import { slotOf } from "./slot-id.ts";
import type { Timetable, TimetableEntry } from "./timetable.ts";

/** What {@link ScheduledTasks} need of their client. */
export interface ScheduledSettings {
  /** @throws TaskError `unimplemented` for a broker that has none. */
  timetable(): Timetable;
  /** All tasks, by the names that this client knows them by. */
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** @throws TaskError `invalid_argument` for a task that does not exist. */
  declaration(task: string): Declaration;
  readonly submit: Way<Handle>;
}

/** The client's side of schedules; typed by {@link Schedules}. */
export class ScheduledTasks {
  readonly #settings: ScheduledSettings;

  constructor(settings: ScheduledSettings) {
    this.#settings = settings;
  }

  async list(): Promise<readonly ScheduledTask[]> {
    const timetable = this.#settings.timetable();
    const scheduled = [...this.#settings.declarations].filter(([, { task }]) => task.schedule !== undefined);
    const queues = [...new Set(scheduled.map(([, { queue }]) => queue))];
    const read = await Promise.all(queues.map((queue) => timetable.read(queue)));
    return scheduled
      .map(([name, { task, ...declared }]) => {
        const entry = read[queues.indexOf(declared.queue)]!.entries.get(declared.name);
        return scheduledTask(name, task.schedule!, entry);
      })
      .toSorted((a, b) => (a.task < b.task ? -1 : 1));
  }

  async pause(task: string): Promise<void> {
    await this.#pause(task, true);
  }

  async resume(task: string): Promise<void> {
    await this.#pause(task, false);
  }

  async trigger(task: string): Promise<Handle> {
    const { declaration, schedule } = this.#scheduled(task);
    const args = declaration.paramNames.map((name) => schedule.params?.[name]);
    return this.#settings.submit(declaration, args, {});
  }

  async #pause(task: string, paused: boolean): Promise<void> {
    const { declaration } = this.#scheduled(task);
    try {
      await this.#settings.timetable().pause(declaration.queue, declaration.name, paused);
    } catch (thrown) {
      throw TaskError.from(thrown, "internal", { task: declaration.name });
    }
  }

  #scheduled(task: string): { declaration: Declaration; schedule: Schedule } {
    const declaration = this.#settings.declaration(task);
    const { schedule } = declaration.task;
    if (schedule === undefined)
      throw new TaskError("invalid_argument", "it has no schedule", { task: declaration.name });
    return { declaration, schedule };
  }
}

function scheduledTask(task: string, schedule: Schedule, entry: TimetableEntry | undefined): ScheduledTask {
  return {
    task,
    schedule,
    paused: entry?.paused ?? false,
    nextSlot: entry?.next,
    lastSlot: entry?.call === undefined ? undefined : slotOf(entry.call),
    lastCall: entry?.call,
  };
}
