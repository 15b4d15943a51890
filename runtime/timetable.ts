import type { Clock } from "./clock.ts";
import type { Overlap } from "./schedule.ts";

/**
 * Where a broker keeps which slots of its schedules were fired, beside the ten methods that calls need ({@link Broker}). As
 * there, every method may be called again with the same arguments, and all times are by the broker's clock.
 */
export interface Timetable {
  /** The broker's time, and the schedules of a queue that a worker or an operator has told of, by their tasks. */
  read(queue: string): Promise<{ readonly now: number; readonly entries: ReadonlyMap<string, TimetableEntry> }>;
  /** Tells of a task's schedule, and stores and queues the call of a slot that is due, unless that slot or a later one was fired. */
  fire(queue: string, firing: Firing): Promise<Fired>;
  /** Lets slots pass without a call, or no more: then those from now on are fired. */
  pause(queue: string, task: string, paused: boolean): Promise<void>;
  /** Calls back when the broker's time has gone on by so many ms. @default this machine's time, which is looked at often */
  readonly setTimer?: Clock["setTimer"] | undefined;
}

/** How a schedule stands. Times are epoch ms. */
export interface TimetableEntry {
  /** The last slot that was judged; before the first one, when the schedule was first told of. */
  readonly last: number;
  /** The next slot, as the worker that told of it last saw it; undefined after the end. */
  readonly next: number | undefined;
  /** The id of the last call. */
  readonly call: string | undefined;
  readonly paused: boolean;
}

/** A worker's word on a schedule. */
export interface Firing {
  /** Its task's name on the wire. */
  readonly task: string;
  /** The slot after now. */
  readonly next: number | undefined;
  /** The slot that is due, with its call. @default none: the schedule is only told of */
  readonly due?: DueSlot | undefined;
}

/** A slot, and the call that it makes. */
export interface DueSlot {
  readonly slot: number;
  readonly id: string;
  /** The request's record, with a header and without a deadline. */
  readonly record: Uint8Array;
  /** When it is queued: the slot, or later. */
  readonly queuedAt: number;
  readonly overlap: Overlap;
}

/**
 * What became of a slot: `fired` now; `passed` before, or a later one was; `skipped`, as the call before is still open; `paused`;
 * `early`, as by the broker's time it is not due. `told`: there was none.
 */
export const firedOutcomes = ["told", "fired", "passed", "skipped", "paused", "early"] as const;
export type Fired = (typeof firedOutcomes)[number];

/**
 * A last slot so far ahead of the broker's time, ms, is a mistake of its clock: the schedule, which would be silent until
 * then, begins anew with the next word of it.
 */
export const farAheadMs = 86_400_000;
