import type { $InferObjectOutput, $ZodType } from "zod/v4/core";
import type { Retry } from "./backoff.ts";
import { checkCount, checkDuration, checkNames, checkOneOf, checkQueue, checkRetry, shown } from "./checks.ts";
import { TaskError } from "./errors.ts";
import { checkLimits, isLimited, type Limits } from "./limits.ts";
import { checkSchedule, type Schedule, type ScheduleOf } from "./schedule.ts";
import { isTooOld, oldestZod, versionText } from "./zod-version.ts";

/** Any zod 4 schema, of zod or of zod/mini. */
export type Schema = $ZodType;

/** Parameters, in the order in which callers give them. */
export type ParamsShape = { readonly [param: string]: Schema };

/** Declared errors: their names, and the schemas of their data. */
export type ErrorsShape = { readonly [error: string]: Schema };

/** Where a call runs; see docs/policies in the README. */
export type Policy = "local-first" | "remote-only" | "local-only" | "remote-first" | "auto";

export const policies: readonly Policy[] = ["local-first", "remote-only", "local-only", "remote-first", "auto"];

/** Which waiting calls of a queue are claimed sooner: by weight (12 : 3 : 1), so that none starves. */
export type Priority = "high" | "normal" | "low";

export const priorities: readonly Priority[] = ["high", "normal", "low"];

/** How often a call's handler may begin, as far as workers die: see {@link TaskOptions.delivery}. */
export type Delivery = "at-least-once" | "at-most-once";

export const deliveries: readonly Delivery[] = ["at-least-once", "at-most-once"];

/** What a handler that computes runs in: see {@link TaskOptions.cpu}. */
export type CpuKind = "thread" | "process";

/** What a task declares besides its shapes; a call's own options override some of it. */
export interface TaskOptions {
  /** The queue that its calls wait in. @default the contract file's name */
  readonly queue?: string | undefined;
  /** Where its calls run. @default "local-first" */
  readonly policy?: Policy | undefined;
  /** How long an awaited call may take in all, waiting included, ms. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /** How long one attempt may run, ms. @default 600_000 */
  readonly attemptTimeoutMs?: number | undefined;
  /** When a failed attempt is repeated. @default one attempt */
  readonly retry?: Retry | undefined;
  /** @default "normal" */
  readonly priority?: Priority | undefined;
  /**
   * Whether a call whose handler has begun in one place, here or on a worker, may run in another as well, when the first has failed
   * or is lost: for tasks that do no harm when they run twice. Has no effect on what follows a worker's death: see `delivery`.
   * @default false
   */
  readonly runElsewhereAfterStart?: boolean | undefined;
  /**
   * What becomes of a call whose worker died, or stopped before its handler had ended. `"at-least-once"`: another worker runs it
   * again. `"at-most-once"`: it ends as `worker_lost`, and is kept for an operator to replay: its handler never begins twice, so
   * that there can be no `retry` either. @default "at-least-once"
   */
  readonly delivery?: Delivery | undefined;
  /**
   * At which death of its worker a call ends as `worker_lost`, and is kept for an operator, 1 to 255: with 2, one more worker tries
   * it after the first has died. @default the workers' own `maxDeliveries`, 3
   */
  readonly maxDeliveries?: number | undefined;
  /** How long the answer of a submitted call can be read, ms. @default 3_600_000 */
  readonly resultTtlMs?: number | undefined;
  /** Whether the request is kept with the reply, so that a finished call can be replayed. @default false */
  readonly keepRequest?: boolean | undefined;
  /** Words by which tasks are told apart in lists, as `["billing", "nightly"]`; nothing else depends on them. @default none */
  readonly tags?: readonly string[] | undefined;
  /**
   * For a handler that computes for long: it runs in a pool of threads (`true`), or of processes (`"process"`: for code that
   * can crash), so that the event loop goes on. Its calls then wait in a queue of their own, `math.cpu`. See docs/cpu.md.
   * @default in the event loop
   */
  readonly cpu?: true | "process" | undefined;
}

/** What {@link task} takes. */
export interface TaskDefinition<
  Params extends ParamsShape | Schema,
  Result extends Schema,
  Errors extends ErrorsShape,
  Progress extends Schema | undefined,
>
  extends TaskOptions, Limits<ParsedParams<Params>> {
  /** The bare shape, ordered: `{ a: z.number(), b: z.number() }` is called as `addition(4, 6)`. */
  readonly params: BareShape<Params>;
  readonly result: Result;
  /** Errors that callers can act on, typed on both sides. @default none */
  readonly errors?: Errors | undefined;
  /** What `context.progress(…)` takes. @default { current: number, total: number } */
  readonly progress?: Progress;
  /**
   * When it is called by itself, by whichever worker implements it: `{ everyMs: 60_000 }`, or
   * `{ cron: "30 3 * * *", timezone: "Europe/Berlin" }`, with `params` if it has required ones. @default never
   */
  readonly schedule?: ScheduleOf<Params extends ParamsShape ? NoInfer<Params> : {}> | undefined;
}

/** What key functions get: the parsed params. */
type ParsedParams<Params> = Params extends ParamsShape ? NoInfer<$InferObjectOutput<Params, {}>> : never;

/** `params` as given, or, where a schema was given in its place, the sentence that says what to write. */
type BareShape<Params> = Params extends Schema
  ? "params takes the bare shape: write { a: z.number() }, not z.object({ a: z.number() })"
  : Params;

const taskBrand = Symbol.for("taskpact.task");

/** A declared task: the signature, the checks and the settings of one remote procedure. */
export interface Task<
  Params extends ParamsShape = ParamsShape,
  Result extends Schema = Schema,
  Errors extends ErrorsShape = ErrorsShape,
  Progress extends Schema | undefined = Schema | undefined,
>
  extends TaskOptions, Limits {
  readonly params: Params;
  readonly result: Result;
  readonly errors: Errors;
  readonly progress: Progress;
  readonly schedule?: Schedule | undefined;
}

/**
 * Declares a task.
 *
 * ```ts
 * export const addition = task({
 *   params: { a: z.number().default(0), b: z.number().default(0) },
 *   result: z.number(),
 * });
 * ```
 *
 * @throws TaskError `invalid_argument` for a definition that can't be served; the message says which part and what to write.
 */
export function task<
  const Params extends ParamsShape | Schema,
  Result extends Schema,
  Errors extends ErrorsShape = {},
  Progress extends Schema | undefined = undefined,
>(
  definition: TaskDefinition<Params, Result, Errors, Progress>,
): Task<Params extends ParamsShape ? Params : never, Result, Errors, Progress> {
  const given: unknown = definition;
  const faults = isObject(given)
    ? faultsOf(given as unknown as GivenTask)
    : [`it takes an object, like { params: { a: z.number() }, result: z.number() }; got ${shown(given)}`];
  if (faults.length > 0) refuseAll(faults);
  const { params, result, errors = {}, progress, schedule, ...options } = soundParts(given, faults);
  const declared = { params, result, errors, progress, ...(schedule && { schedule }), ...options };
  Object.defineProperty(declared, taskBrand, { value: true });
  return Object.freeze(declared) as unknown as Task<
    Params extends ParamsShape ? Params : never,
    Result,
    Errors,
    Progress
  >;
}

/** Whether a value was made by {@link task}, of this copy of the package or another. */
export function isTask(value: unknown): value is Task {
  return typeof value === "object" && value !== null && taskBrand in value;
}

/** Whether a value is a zod 4 schema. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && "_zod" in value;
}

/** A definition, whatever its types say. */
type GivenTask = Omit<Task, "errors"> & { readonly errors?: ErrorsShape | undefined };

/** One thing that is wrong with a definition. */
class Fault extends Error {}

function refuse(reason: string): never {
  throw new Fault(reason);
}

/** What the generator sets while it imports contracts, so that one bad declaration does not hide the others. */
const refusedTasks = Symbol.for("taskpact.refusedTasks");

/** Throws, or, while the generator imports contracts, tells it all that is wrong and goes on. */
function refuseAll(faults: readonly string[]): void {
  const error = new TaskError("invalid_argument", `task(): ${faults.join("; ")}`);
  const listener: unknown = Reflect.get(globalThis, refusedTasks);
  if (typeof listener !== "function") throw error;
  listener(error, faults);
}

/** A definition without its faults: of a task that is refused, the generator looks through the rest. */
function soundParts(given: unknown, faults: readonly string[]): GivenTask {
  if (faults.length === 0) return given as GivenTask;
  const { params, result, errors, progress, schedule, ...options } = (
    isObject(given) ? given : {}
  ) as Partial<GivenTask>;
  const sound = (shape: unknown): ParamsShape =>
    Object.fromEntries(
      Object.entries(isObject(shape) ? shape : {}).filter(([, part]) => isSchema(part)),
    ) as ParamsShape;
  const isFollowed = isObject(schedule) && !faults.some((fault) => fault.startsWith("schedule: "));
  const { cpu, policy } = options;
  return {
    params: sound(params),
    result: (isSchema(result) ? result : undefined) as Schema,
    errors: sound(errors),
    progress: isSchema(progress) ? progress : undefined,
    ...(isFollowed && { schedule }),
    cpu,
    policy,
  };
}

/** All that is wrong with a definition. */
function faultsOf({ params, result, errors = {}, progress, schedule, ...options }: GivenTask): readonly string[] {
  const isLocalOnly = options.policy === "local-only";
  const faults: string[] = [];
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      faults.push(thrown.message);
    }
  };
  for (const check of [
    ...shapeChecks("params", params),
    () => checkSchema("result", result),
    ...shapeChecks("errors", errors),
    ...(progress === undefined ? [] : [() => checkSchema("progress", progress)]),
    ...optionChecks(options),
    () => checkLimits(options, refuse),
  ])
    attempt(check);
  attempt(() => {
    if (isLocalOnly && isLimited(options))
      refuse("a local-only task can't have maxConcurrency or rateLimit: they are counted where workers claim");
  });
  attempt(() => checkSchedule(schedule, isObject(params) ? params : {}, refuse));
  attempt(() => {
    if (isLocalOnly && schedule !== undefined) refuse("a local-only task can't have a schedule: it has no queue");
  });
  return faults;
}

function shapeChecks(part: "params" | "errors", shape: unknown): readonly (() => void)[] {
  if (isSchema(shape))
    return [() => refuse(`${part} takes the bare shape: write { a: z.number() }, not z.object({ a: z.number() })`)];
  if (!isObject(shape))
    return [() => refuse(`${part} must be an object of zod schemas, like { a: z.number() }; got ${shown(shape)}`)];
  const isTaken = part === "errors" && "TaskError" in shape;
  return [
    ...Object.entries(shape).map(
      ([name, schema]) =>
        () =>
          checkSchema(`${part}.${name}`, schema),
    ),
    ...(isTaken ? [() => refuse('errors: "TaskError" is the name of the undeclared ones; choose another')] : []),
  ];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkSchema(part: string, schema: unknown): void {
  if (isSchema(schema)) {
    const { version } = schema._zod;
    if (!isTooOld(version)) return;
    refuse(
      `${part} was made by zod ${versionText(version)}, and taskpact needs ${oldestZod} or newer: \`npm ls zod\` shows where it comes from`,
    );
  }
  const remedy =
    typeof schema === "function"
      ? "; is a call missing, as in z.number()?"
      : typeof schema === "object" && schema !== null && "_def" in schema
        ? "; it looks like one of zod 3: Taskpact needs zod 4"
        : "";
  refuse(`${part} must be a zod schema; got ${shown(schema)}${remedy}`);
}

const durations = ["timeoutMs", "attemptTimeoutMs", "resultTtlMs"] as const;
const limits = ["maxConcurrency", "concurrencyKey", "rateLimit"];
const switches = ["runElsewhereAfterStart", "keepRequest"] as const;
const settings = ["queue", "policy", "retry", "priority", "delivery", "maxDeliveries", "tags", "cpu"];
const knownOptions = [...durations, ...settings, ...switches, ...limits];

function optionChecks(options: TaskOptions & Limits): readonly (() => void)[] {
  return [
    ...Object.keys(options).map((name) => () => checkNames({ [name]: true }, knownOptions, refuse)),
    ...durations.map((name) => () => checkDuration(name, options[name], refuse)),
    () => checkOneOf("policy", options.policy, policies, refuse),
    () => checkOneOf("priority", options.priority, priorities, refuse),
    () => checkOneOf("cpu", options.cpu, [true, "process"], refuse),
    () => checkQueue(options.queue, refuse),
    ...switches.map((name) => () => checkBoolean(name, options[name])),
    () => checkRetry(options.retry, refuse),
    () => checkDelivery(options),
    () => checkTags(options.tags),
  ];
}

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") refuse(`${name} must be true or false; got ${shown(value)}`);
}

/** It has one byte in a record. */
const mostDeliveries = 255;

function checkDelivery({ delivery, maxDeliveries, retry, runElsewhereAfterStart }: TaskOptions): void {
  checkOneOf("delivery", delivery, deliveries, refuse);
  checkCount("maxDeliveries", maxDeliveries, refuse);
  if (maxDeliveries !== undefined && maxDeliveries > mostDeliveries)
    refuse(`maxDeliveries is at most ${mostDeliveries}; got ${maxDeliveries}`);
  if (delivery !== "at-most-once") return;
  if (retry !== undefined && retry.attempts > 1)
    refuse('retry would begin its handler again, which delivery: "at-most-once" rules out: leave one of them out');
  if (runElsewhereAfterStart === true)
    refuse(
      'runElsewhereAfterStart would begin its handler again, which delivery: "at-most-once" rules out: leave one of them out',
    );
  if (maxDeliveries !== undefined && maxDeliveries > 1)
    refuse(
      'maxDeliveries has no meaning with delivery: "at-most-once", which ends a call at the first death: leave it out',
    );
}

function checkTags(tags: unknown): void {
  if (tags === undefined) return;
  if (!Array.isArray(tags)) refuse(`tags must be a list of words; got ${shown(tags)}`);
  for (const tag of tags as readonly unknown[]) {
    if (typeof tag !== "string" || !/^[\w.:-]{1,128}$/.test(tag))
      refuse(`tags must be words of 1 to 128 letters, digits, "_", ".", ":" or "-"; got ${shown(tag)}`);
  }
  if (new Set(tags).size < tags.length) refuse("tags must differ from one another");
}

/** Queue names stand in keys and hash tags, so that braces, blanks and controls are out. */
