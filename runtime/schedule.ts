import type { $InferObjectInput, $ZodType } from "zod/v4/core";
import { checkCount, checkDuration, checkNames, checkOneOf, shown } from "./checks.ts";

/** As of a task: a shape of zod schemas. */
type Shape = Readonly<Record<string, $ZodType>>;

/** What a schedule does with an earlier slot's call that is still open when the next one is due. */
export type Overlap = "skip" | "allow";

/** Which of the slots that came due while no worker was there are fired afterwards. */
export type CatchUp = "none" | "last" | "all";

/** When a task is called by itself. Plain data: it is read, and the cron expression parsed, by workers alone. */
export type Schedule<Params = Readonly<Record<string, unknown>>> = ScheduleRules &
  SchedulePeriod &
  ScheduledParams<Params>;

/** What a schedule of a task takes as `params`: they must be given exactly when the task has required ones. */
export type ScheduleOf<Params extends Shape> = keyof Params extends never
  ? Schedule<undefined>
  : Schedule<$InferObjectInput<Params, {}>>;

/** Slots at an interval, or by a cron expression. */
type SchedulePeriod =
  | {
      /** Slots are so many whole ms apart, counted from `startAt`, or else from the epoch: all workers see the same ones. */
      readonly everyMs: number;
      readonly cron?: undefined;
      readonly timezone?: undefined;
    }
  | {
      /**
       * Minute, hour, day of the month, month, weekday, and a second before them if there are six: `"30 3 * * *"`.
       *
       * When clocks are set forward, the times that are left out run together, once, right after the gap. When clocks are set
       * back, a time that comes twice runs once, at the first. This holds for single hours, lists, ranges and steps.
       * An expression that names every hour (`*`, `0-23`) goes by elapsed time: it runs both times, and nothing for a gap.
       */
      readonly cron: string;
      /** An IANA name: `"Europe/Berlin"`. @default "UTC" */
      readonly timezone?: string | undefined;
      readonly everyMs?: undefined;
    };

interface ScheduleRules {
  /** Each call waits for a part of this more, ms: always the same one for a slot, so that tasks of one time spread. @default 0 */
  readonly jitterMs?: number | undefined;
  /** The first instant at which there may be a slot. @default without bound */
  readonly startAt?: Date | undefined;
  /** The first instant at which there is none any more. @default without bound */
  readonly endAt?: Date | undefined;
  /** `"skip"` leaves a slot out while the call of the one before has not ended. @default "skip" */
  readonly overlap?: Overlap | undefined;
  /**
   * After a time without workers: `"last"` fires the latest of the slots missed, `"all"` each of the latest 100 (which wants
   * `overlap: "allow"`), `"none"` only one that came due within the last minute. @default "last"
   */
  readonly catchUp?: CatchUp | undefined;
}

type ScheduledParams<Params> = Params extends undefined
  ? { readonly params?: undefined }
  : {} extends Params
    ? { readonly params?: Params | undefined }
    : { readonly params: Params };

const known = ["everyMs", "cron", "timezone", "params", "jitterMs", "startAt", "endAt", "overlap", "catchUp"];

/** Refuses a schedule that can't be followed, as far as that shows without a cron parser and the schemas of its params. Absent is fine. */
export function checkSchedule(schedule: Schedule | undefined, shape: Shape, fail: (reason: string) => never): void {
  if (schedule === undefined) return;
  const refuse = (reason: string): never => fail(`schedule: ${reason}`);
  if (typeof schedule !== "object" || schedule === null) refuse(`it must be an object; got ${shown(schedule)}`);
  checkNames(schedule, known, refuse);
  const { everyMs, cron, timezone, params, jitterMs, startAt, endAt, overlap, catchUp } = schedule;
  if ((everyMs === undefined) === (cron === undefined)) refuse('give everyMs or cron: { cron: "30 3 * * *" }');
  checkCount("everyMs", everyMs, refuse);
  if (cron !== undefined && typeof cron !== "string") refuse(`cron must be a string; got ${shown(cron)}`);
  if (timezone !== undefined && cron === undefined) refuse("a timezone goes with cron: everyMs counts from the epoch");
  if (timezone !== undefined && typeof timezone !== "string")
    refuse(`timezone must be a string; got ${shown(timezone)}`);
  checkDuration("jitterMs", jitterMs, refuse);
  checkOneOf("overlap", overlap, ["skip", "allow"], refuse);
  checkOneOf("catchUp", catchUp, ["none", "last", "all"], refuse);
  for (const [name, at] of Object.entries({ startAt, endAt })) {
    if (at !== undefined && !(at instanceof Date && Number.isFinite(at.getTime())))
      refuse(`${name} must be a valid Date; got ${shown(at)}`);
  }
  if (startAt !== undefined && endAt !== undefined && endAt <= startAt) refuse("endAt must be after startAt");
  checkParams(params, shape, refuse);
}

function checkParams(params: unknown, shape: Shape, refuse: (reason: string) => never): void {
  if (params !== undefined && (typeof params !== "object" || params === null))
    refuse(`params must be an object; got ${shown(params)}`);
  for (const name of Object.keys(params ?? {}))
    if (!Object.hasOwn(shape, name)) refuse(`params: there is no parameter "${name}"`);
}
