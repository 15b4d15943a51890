import type { $InferObjectInput } from "zod/v4/core";
import { onAbort } from "../abort-listeners.ts";
import type { Answer } from "../answer.ts";
import type { Settled } from "../call.ts";
import { valueOf } from "../caller.ts";
import { checkCount, checkDuration, checkNames } from "../checks.ts";
import { decode, encode } from "../codec.ts";
import type { Context } from "../context.ts";
import type { ParamsShape } from "../contract.ts";
import type { Declaration } from "../declaration.ts";
import { describeError, forCallers } from "../describe-error.ts";
import { toWire, writeReply } from "../envelope.ts";
import { TaskError } from "../errors.ts";
import type { Face } from "../face.ts";
import type { Handle } from "../handle.ts";
import { newHeader } from "../header.ts";
import type { BoundTask, Implementation } from "../implementation.ts";
import { Attempt, type Outcome } from "../invoke.ts";
import type { LockGiver } from "../lock-room.ts";
import type { Logger, LogLevel } from "../log.ts";
import { checkTexts, type Metadata } from "../metadata.ts";
import { receive } from "../receive.ts";
import type { HandleOf } from "../signature.ts";

/** What the handler is to find in its context. */
export interface RunOptions<Dependencies = unknown> {
  /** What it finds in `context.dependencies`; nothing is opened for a run. @default none */
  readonly dependencies?: Dependencies | undefined;
  /** Which execution of the call it is, counted from 1. @default 1 */
  readonly attempt?: number | undefined;
  /** @default "test-call" */
  readonly callId?: string | undefined;
  /** @default 1 */
  readonly fence?: number | undefined;
  /** Cancels the call: the handler's own signal aborts, and the run rejects as `canceled`. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may run before its signal aborts, and the run rejects as `deadline_exceeded`, ms. @default the task's own */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * What `context.tasks` is: a client, whose next calls `testBroker` answers, or an object of functions. @default none:
   * a handler that calls another task fails
   */
  readonly tasks?: object | undefined;
  /** @default none */
  readonly metadata?: Metadata | undefined;
}

/** A line that a handler wrote to its `context.log`. */
export interface LogLine {
  readonly level: Exclude<LogLevel, "silent">;
  readonly message: string;
  /** The handler's own, without those that name the call. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One run of a handler: a promise of its result, and what it said on the way. */
export interface TaskRun<Result, Errors extends object = {}, Progress = unknown> extends Promise<Result> {
  /** What it has reported so far, as a caller reads it. */
  readonly progress: readonly Progress[];
  /** What it has logged so far. */
  readonly lines: readonly LogLine[];
  /** The result, or the error with its type; never rejects. */
  answer(): Promise<Answer<Result, Errors>>;
}

/** The names of an implementation's tasks: any, where it is not typed. */
export type TaskNames<Signatures> = unknown extends Signatures ? string : keyof Signatures & string;

/** A task's parameters by their names, as a caller gives them. */
export type NamedParams<Module, Name> = Name extends keyof Module
  ? Module[Name] extends { readonly params: infer Params extends ParamsShape }
    ? $InferObjectInput<Params, {}>
    : never
  : Readonly<Record<string, unknown>>;

/** Options that must be given where the handlers depend on something. */
export type GivenOptions<Dependencies> = unknown extends Dependencies
  ? [options?: RunOptions]
  : {} extends Dependencies
    ? [options?: RunOptions<Dependencies>]
    : [options: RunOptions<Dependencies> & { readonly dependencies: Dependencies }];

/** The run of a task, by its entry in the table of signatures. */
export type RunOf<Signatures, Name> = unknown extends Signatures
  ? TaskRun<unknown>
  : HandleOf<Signatures[Name & keyof Signatures]> extends Handle<infer Result, infer Errors, infer Progress>
    ? TaskRun<Result, Errors, Progress>
    : never;

/**
 * Runs one handler as a worker does, without broker, worker and client: the parameters are checked and carried as over
 * the wire, and so is what it returns, throws and reports. It is one attempt: nothing is retried.
 *
 * ```ts
 * const run = runTask(math, "division", { dividend: 1, divisor: 4 });
 * assert.equal(await run, 0.25);
 * assert.deepEqual(run.progress, [{ current: 1, total: 1 }]);
 * ```
 *
 * @returns a promise that rejects with the TaskError that a caller would get; of an error that the contract does not
 * declare, `cause` is what the handler threw.
 */
export function runTask<Signatures, Module, Dependencies, Name extends TaskNames<Signatures>>(
  implementation: Implementation<Signatures, Module, Dependencies>,
  task: Name,
  params: NamedParams<Module, Name>,
  ...[options = {}]: GivenOptions<Dependencies>
): RunOf<Signatures, Name> {
  const progress: unknown[] = [];
  const lines: LogLine[] = [];
  const result = settle(implementation, task, params, options, { progress, lines }).then(valueOf);
  const answer = (): Promise<Answer<unknown>> =>
    result.then(
      (value) => ({ ok: true, value }),
      (error: TaskError) => ({ ok: false, error }),
    );
  return Object.assign(result, { progress, lines, answer }) as unknown as RunOf<Signatures, Name>;
}

/** What a run is known by. */
interface About {
  readonly task: string;
  readonly callId: string;
  readonly attempt: number;
}

/** Where a run's reports go. */
interface Reported {
  readonly progress: unknown[];
  readonly lines: LogLine[];
}

async function settle(
  implementation: Implementation,
  task: string,
  params: unknown,
  options: RunOptions,
  reported: Reported,
): Promise<Settled> {
  const bound = boundTask(implementation, task);
  checkRunOptions(options);
  if (bound.open !== undefined && options.dependencies === undefined) {
    throw new TaskError("invalid_argument", `runTask(): ${task} has dependencies: give it { dependencies }`);
  }
  const { attempt = 1, callId = "test-call" } = options;
  const about = { task: bound.declaration.name, callId, attempt };
  try {
    // As a caller does before it sends them.
    bound.declaration.params.pass(params);
    return received(bound.declaration, about, await outcomeOf(bound, carried(params), options, about, reported));
  } catch (refused) {
    throw TaskError.from(refused, "internal", about);
  }
}

async function outcomeOf(
  bound: BoundTask,
  params: unknown,
  { fence = 1, signal, attemptTimeoutMs, dependencies, metadata, tasks }: RunOptions,
  about: About,
  { progress, lines }: Reported,
): Promise<Outcome> {
  const { declaration } = bound;
  const attempt = new Attempt(bound, params, {
    callId: about.callId,
    origin: metadata && { metadata },
    nest: { tasksFor: (_, context) => tasksOf(tasks, context), lend: () => {} },
    holder: about,
    attempt: about.attempt,
    fence,
    limitMs: attemptTimeoutMs ?? declaration.attemptTimeoutMs,
    limitedByCall: false,
    queue: declaration.queue,
    dependencies: dependencies ?? {},
    locks: alone,
    describe: describeError,
    log: recorder(lines, about),
    onProgress: (value) => progress.push(declaration.progress.pass(carried(value))),
  });
  const cancel = (): void =>
    attempt.abort(
      new TaskError<string, unknown>("canceled", "the call was canceled", { ...about, cause: signal?.reason }),
    );
  const unlisten = signal && onAbort(signal, cancel);
  if (signal?.aborted === true) cancel();
  try {
    return await attempt.outcome;
  } finally {
    unlisten?.();
  }
}

/** Calls of a client are children of the run, as on a worker. */
function tasksOf(tasks: object | undefined, parent: Context): object {
  if (tasks === undefined) {
    throw new TaskError("invalid_argument", "runTask(): its handler calls other tasks; give it { tasks }");
  }
  return "client" in tasks && "with" in tasks ? (tasks as Face).with({ parent }) : tasks;
}
let fences = 0;
/** Nobody else wants the locks of a handler that runs by itself. */
const alone: LockGiver = { take: async () => ({ fence: ++fences, leave: () => undefined }) };

function boundTask({ contract, tasks }: Implementation, name: string): BoundTask {
  const bound = tasks.find(({ declaration }) => declaration.shortName === name);
  if (bound !== undefined) return bound;
  const part = Object.hasOwn(contract.tasks, name) ? "this implementation of " : "";
  throw new TaskError("invalid_argument", `runTask(): ${part}contract "${contract.name}" has no task ${name}`);
}

function checkRunOptions(options: RunOptions): void {
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `runTask(): ${reason}`);
  };
  checkNames(
    options,
    ["dependencies", "attempt", "callId", "fence", "signal", "attemptTimeoutMs", "tasks", "metadata"],
    refuse,
  );
  checkTexts("metadata", options.metadata, refuse);
  checkCount("attempt", options.attempt, refuse);
  checkDuration("attemptTimeoutMs", options.attemptTimeoutMs, refuse);
}

/** A value as it comes out of the wire. @throws TaskError `invalid_argument` for one that it can't carry. */
function carried(value: unknown): unknown {
  return decode(encode(value));
}

/** What a caller would make of an outcome. */
function received(declaration: Declaration, about: About, outcome: Outcome): Settled {
  // One that is not declared carries no data, and its cause, which stays behind on the wire, is what tests want to see.
  if (!outcome.ok && outcome.error.code !== "declared")
    return { ok: false, error: forCallers(outcome.error), started: true };
  const { callId, attempt } = about;
  const header = newHeader({ state: outcome.ok ? "succeeded" : "failed", attempt });
  let record: Uint8Array;
  try {
    record = writeReply(header, outcome.ok ? { value: outcome.sent } : { error: toWire(outcome.error) });
  } catch (thrown) {
    throw new TaskError("invalid_result", `result: ${TaskError.from(thrown).reason}`, about);
  }
  return receive(declaration, callId, record);
}

/** A logger that keeps what it is given, without the fields that name the call. */
function recorder(lines: LogLine[], about: About): Logger {
  const line = (level: LogLine["level"]) => (fields: object, message: string) => {
    const own = Object.entries(fields).filter(
      ([name, value]) => !(name in about) || about[name as keyof About] !== value,
    );
    lines.push({ level, message, fields: Object.fromEntries(own) });
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
