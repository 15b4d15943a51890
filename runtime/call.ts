import { checkDuration, checkNames, checkOneOf, checkQueue, checkRetry, shown } from "./checks.ts";
import { policies, type Policy, priorities, type Schema } from "./contract.ts";
import type { Declaration } from "./declaration.ts";
import type { Origin } from "./envelope.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import type { Place } from "./hook.ts";
import { type Lineage, lineageOf } from "./lineage.ts";
import { checkTexts, mergedMetadata } from "./metadata.ts";
import type { CallOptions, ProgressOptions, SubmitOptions } from "./options.ts";
import { inGiversContext } from "./own-context.ts";
import type { ProgressListener } from "./progress.ts";

/** All options that a face may hold; which of them a call heeds depends on whether it is awaited or submitted. */
export type AllOptions = CallOptions & SubmitOptions & Partial<ProgressOptions<never>>;

/** One invocation, before it is known where it runs. */
export interface Call {
  readonly declaration: Declaration;
  /** What the caller gave, by name. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: AllOptions;
  readonly id: string;
  readonly origin: Origin | undefined;
  /** Whether a handler waits for it, which lends its slot meanwhile. */
  readonly nested: boolean;
  /** Its caller's `onProgress`. */
  readonly listener?: ProgressListener | undefined;
  /** Hears that a broker has it, or that it begins to run here. For hooks. */
  readonly taken?: ((place: Place) => void) | undefined;
}

/** Which places a call may run in. */
export function policyOf({ declaration, options }: Pick<Call, "declaration" | "options">): Policy {
  // Who names a queue wants whoever serves it.
  return options.queue === undefined ? (options.policy ?? declaration.task.policy ?? "local-first") : "remote-only";
}

/** What an error says of the call that it belongs to. */
export function about({ declaration, id }: Pick<Call, "declaration" | "id">): { task: string; callId: string } {
  return { task: declaration.name, callId: id };
}

/** The error of a call that the broker has refused. */
export function refusal(call: Call, outcome: "conflict" | "full" | "late"): AnyTaskError {
  const [code, reason] = refusals[outcome](call);
  return new TaskError<string, unknown>(code, reason, about(call));
}

const refusals = {
  full: ({ declaration }: Call) =>
    [
      "resource_exhausted",
      `as many calls as maxQueueLength allows wait in queue "${declaration.queue}"; make it later, or raise it`,
    ] as const,
  conflict: ({ id }: Call) =>
    [
      "invalid_argument",
      `the id ${id} belongs to another call, of this task with other parameters or of another task`,
    ] as const,
  late: () => ["deadline_exceeded", "the broker was away until its time was up; it was not enqueued"] as const,
};

/**
 * The error of a call that the broker has not taken in time: it says whether the broker may know of it.
 *
 * @param refused - why it has refused it until then, if it has.
 */
export function notTaken(call: Call, sent: boolean, timeoutMs: number, refused?: AnyTaskError): AnyTaskError {
  if (sent) {
    return new TaskError<string, unknown>(
      "outcome_unknown",
      `no word from the broker within ${timeoutMs} ms; whether it was enqueued is unknown`,
      about(call),
    );
  }
  const why =
    refused === undefined
      ? `no broker could be reached within ${timeoutMs} ms`
      : `it was refused for ${timeoutMs} ms: ${refused.reason}`;
  return new TaskError<string, unknown>("unavailable", why, about(call));
}

/** How a call ended for its caller. */
export type Settled =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly error: AnyTaskError;
      /** Whether a handler may have begun: if not, the call may be run elsewhere. */
      readonly started: boolean;
    };

/**
 * Names a caller's arguments. `undefined` stands for a param that is left out if it may be, and else for itself, as of a
 * `z.unknown()`, also where fewer arguments are given.
 *
 * @throws TaskError `invalid_argument` for more of them than there are parameters.
 */
export function nameArguments(declaration: Declaration, args: readonly unknown[]): Record<string, unknown> {
  const names = declaration.paramNames;
  if (args.length > names.length) {
    throw new TaskError(
      "invalid_argument",
      `takes ${names.length === 0 ? "no arguments" : `at most ${names.length} (${names.join(", ")})`}; got ${args.length}`,
    );
  }
  const params: Record<string, unknown> = {};
  for (let at = 0; at < names.length; at++) {
    const name = names[at]!;
    if (args[at] !== undefined || isRequired(declaration.task.params[name]!)) params[name] = args[at];
  }
  return params;
}

/** Whether zod asks for a key of this schema. */
function isRequired(schema: Schema): boolean {
  return schema._zod.optin === undefined;
}

/** Options that only `submit` knows. */
const submitOnly = ["acceptTimeoutMs", "delayMs", "runAt", "expiresInMs", "cancelWithParent"] as const;

/** @throws TaskError `invalid_argument` for options that `submit` alone takes. */
export function refuseSubmitOptions(options: AllOptions): void {
  for (const name of submitOnly) {
    if (options[name] !== undefined) refuse(`${name} is for submitted calls: write tasks.with({ ${name} }).submit`);
  }
}

/** @throws TaskError `invalid_argument` for options that awaited calls alone take. */
export function refuseCallOptions(options: AllOptions): void {
  if (options.timeoutMs !== undefined)
    refuse(
      "timeoutMs is for awaited calls: how long a submit may take is tasks.with({ acceptTimeoutMs }).submit, and how long " +
        "the call may wait for its start is expiresInMs",
    );
  if (options.onProgress !== undefined)
    refuse("onProgress is for awaited calls: of a submitted one, iterate over handle.progress()");
}

/**
 * A call's options within its parent's: no longer than that has left, and canceled with it.
 *
 * @param bound - the option that says how long: `timeoutMs` is its default.
 * @throws TaskError `deadline_exceeded` when the parent's time is up.
 */
export function withinParent(
  options: AllOptions,
  bound: "timeoutMs" | "acceptTimeoutMs",
  timeoutMs: number,
): AllOptions {
  if (options.parent === undefined) return options;
  const { parent, signal, ...others } = options;
  const leftMs = Math.ceil(parent.remainingMs);
  if (leftMs <= 0) throw new TaskError("deadline_exceeded", "the time of the call that makes it is up");
  return {
    ...others,
    [bound]: Math.min(options[bound] ?? timeoutMs, leftMs),
    signal: signal === undefined ? parent.signal : AbortSignal.any([signal, parent.signal]),
  };
}

/** What a call has of the one whose handler makes it, and of its own; undefined if there is nothing of it. */
export function originOf(parent: Lineage | undefined, { metadata: own }: AllOptions): Origin | undefined {
  if (parent === undefined) return own === undefined ? undefined : { metadata: own };
  const { callId, origin } = parent;
  const root = origin?.root ?? origin?.parent;
  const metadata = mergedMetadata(origin?.metadata, own, refuse);
  return { parent: callId, root, metadata, trace: origin?.trace };
}

const maxIdLength = 128;

const durations = [
  "timeoutMs",
  "acceptTimeoutMs",
  "attemptTimeoutMs",
  "fallbackAfterMs",
  "resultTtlMs",
  "expiresInMs",
] as const;
const knownOptions: readonly string[] = [
  ...new Set([...durations, ...submitOnly]),
  "policy",
  "queue",
  "parent",
  "priority",
  "retry",
  "id",
  "signal",
  "keepRequest",
  "metadata",
  "onProgress",
];

/** Options of `with`, on top of those that were there. @throws TaskError `invalid_argument`. */
export function withOptions(options: AllOptions, more: AllOptions): AllOptions {
  checkTexts("metadata", more.metadata, refuse);
  const metadata = mergedMetadata(options.metadata, more.metadata, refuse);
  const merged = metadata === undefined ? { ...options, ...more } : { ...options, ...more, metadata };
  checkOptions(merged);
  const { onProgress } = more;
  return onProgress === undefined ? merged : { ...merged, onProgress: inGiversContext(onProgress) };
}

/** @throws TaskError `invalid_argument` for an option that can't be followed. */
function checkOptions(options: AllOptions): void {
  for (const name of durations) {
    checkDuration(name, options[name], refuse);
  }
  if (options.delayMs !== undefined && !(Number.isFinite(options.delayMs) && options.delayMs >= 0)) {
    refuse(`delayMs must be a number of milliseconds, 0 or more; got ${String(options.delayMs)}`);
  }
  if (options.runAt !== undefined) {
    if (!(options.runAt instanceof Date) || Number.isNaN(options.runAt.getTime())) refuse("runAt must be a valid Date");
    if (options.delayMs !== undefined) refuse("give delayMs or runAt, not both");
  }
  checkOneOf("policy", options.policy, policies, refuse);
  checkQueue(options.queue, refuse);
  if (options.queue !== undefined && options.policy !== undefined && options.policy !== "remote-only")
    refuse(`a call with a queue runs there alone: leave policy out, or give remote-only; got ${options.policy}`);
  checkOneOf("priority", options.priority, priorities, refuse);
  checkRetry(options.retry, refuse);
  checkNames(options, knownOptions, refuse);
  const { parent, signal, keepRequest, cancelWithParent, onProgress } = options;
  if (parent !== undefined && !(typeof parent?.remainingMs === "number" && parent.signal instanceof AbortSignal)) {
    refuse("parent must be a handler's context");
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse("signal must be an AbortSignal");
  if (keepRequest !== undefined && typeof keepRequest !== "boolean") refuse("keepRequest must be true or false");
  if (cancelWithParent !== undefined && typeof cancelWithParent !== "boolean")
    refuse("cancelWithParent must be true or false");
  if (cancelWithParent === true && (parent === undefined || lineageOf(parent) === undefined))
    refuse("cancelWithParent is for calls that a handler makes: write context.tasks.with({ cancelWithParent })");
  if (onProgress !== undefined && typeof onProgress !== "function") refuse("onProgress must be a function");
  if (options.id !== undefined) checkId(options.id);
}

/** @throws TaskError `invalid_argument` for what can't be a call's id. */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== "string" || id.length === 0 || id.length > maxIdLength || /[\s\p{Cc}\p{Cs}]/u.test(id)) {
    refuse(`an id must be 1 to ${maxIdLength} characters without blanks and lone surrogates; got ${shown(id)}`);
  }
}

/** The same for one that others may have made, as a list has told it. */
export function checkKnownId(id: unknown): asserts id is string {
  if (typeof id !== "string" || id.length === 0 || /[\uD800-\uDC7F\uDD00-\uDFFF]/u.test(id))
    refuse(`an id must be as a list has told it; got ${shown(id)}`);
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
