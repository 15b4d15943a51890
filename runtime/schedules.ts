import type { Schedule } from "./schedule.ts";
import type { HandleOf } from "./signature.ts";

/** `tasks.client.schedules`: the tasks that are called by themselves. Workers do that; a client looks, pauses and calls. */
export interface Schedules<Signatures> {
  /** The scheduled tasks of this client's contracts, by name. */
  list(): Promise<readonly ScheduledTask<keyof Signatures & string>[]>;
  /** Lets a schedule's slots pass without a call, on all workers, until it is resumed. What is queued or runs goes on. */
  pause(task: keyof Signatures & string): Promise<void>;
  /** Goes on with a schedule, from now: slots that passed meanwhile are not caught up with. */
  resume(task: keyof Signatures & string): Promise<void>;
  /**
   * Calls a scheduled task now, as its schedule would, also while that is paused. It is a call of its own: slots come as they
   * would have.
   *
   * @throws TaskError as `submit` does.
   */
  trigger<Name extends keyof Signatures & string>(task: Name): Promise<HandleOf<Signatures[Name]>>;
}

/** A scheduled task, and how it stands. Times are epoch ms by the broker's clock. */
export interface ScheduledTask<Name extends string = string> {
  readonly task: Name;
  /** As this client's contract declares it. */
  readonly schedule: Schedule;
  readonly paused: boolean;
  /** The next slot; undefined after the schedule's end, and while no worker has told of it. */
  readonly nextSlot: number | undefined;
  /** The last slot that was fired; undefined while there was none. */
  readonly lastSlot: number | undefined;
  /** The id of its call, for `client.handle(task, id)`. */
  readonly lastCall: string | undefined;
}
