import { redacted } from "./redaction.ts";
import { stackText, thrownText, tried } from "./thrown.ts";

/** The closed set of reasons for which a call can end without its value. */
export type TaskErrorCode =
  /** The parameters, or an option, did not fit what was declared. Never retried. */
  | "invalid_argument"
  /** The handler's result, declared error or progress did not fit its schema. Never retried. */
  | "invalid_result"
  /** No present worker, or this process, implements the task. */
  | "unimplemented"
  /** The call never reached its queue, or had nowhere to run. */
  | "unavailable"
  /** The call's or the attempt's time was up. */
  | "deadline_exceeded"
  /** The call was canceled, by its caller or by anyone who knew its id. */
  | "canceled"
  /** A limit was reached: pending calls, payload size, queue length or the broker's memory. */
  | "resource_exhausted"
  /** The call's workers died, so often that it was parked; or the thread or process died in which its handler ran. */
  | "worker_lost"
  /** The connection broke at a moment that leaves open whether the call was enqueued or has run. */
  | "outcome_unknown"
  /** The id is unknown, or its record is gone. */
  | "not_found"
  /** A declared error: `name` and `data` say which, typed by the contract. */
  | "declared"
  /** The handler threw something that its contract does not declare. */
  | "failed"
  /** A fault of Taskpact's own. */
  | "internal";

export const taskErrorCodes: readonly TaskErrorCode[] = [
  "invalid_argument",
  "invalid_result",
  "unimplemented",
  "unavailable",
  "deadline_exceeded",
  "canceled",
  "resource_exhausted",
  "worker_lost",
  "outcome_unknown",
  "not_found",
  "declared",
  "failed",
  "internal",
];

/** One schema violation: where in the value, and what was wrong. */
export interface TaskIssue {
  /** Keys and indexes from the root; the first is the parameter's name. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a {@link TaskError} can carry besides its code and message. */
export interface TaskErrorDetails<Name extends string = string, Data = unknown> {
  /** The declared error's name. @default "TaskError" */
  readonly name?: Name | undefined;
  /** The declared error's data. */
  readonly data?: Data | undefined;
  /** The task's name on the wire: `math.addition`. */
  readonly task?: string | undefined;
  readonly callId?: string | undefined;
  /** The attempt that ended so, counted from 1. */
  readonly attempt?: number | undefined;
  readonly cause?: unknown;
  /** Schema violations, for `invalid_argument` and `invalid_result`. */
  readonly issues?: readonly TaskIssue[] | undefined;
  /** The stack of what the handler threw, as text: for operators. */
  readonly remoteStack?: string | undefined;
}

const brand = Symbol.for("taskpact.TaskError");

/**
 * The one error class: every rejection of a call is one of these.
 *
 * `name` is the literal `"TaskError"`, or a declared error's own name, so that a comparison of it narrows
 * the type of `data`. The message reads `[deadline_exceeded] math.addition: no reply within 5000 ms`.
 * `instanceof` also holds across two installed copies of the package.
 */
export class TaskError<Name extends string = "TaskError", Data = undefined> extends Error {
  override readonly name: Name;
  readonly code: string extends Name
    ? TaskErrorCode
    : Name extends "TaskError"
      ? Exclude<TaskErrorCode, "declared">
      : "declared";
  readonly data: Data;
  readonly task: string | undefined;
  readonly callId: string | undefined;
  readonly attempt: number | undefined;
  readonly issues: readonly TaskIssue[];
  /**
   * The stack of what the handler threw, as text: at most 4 KiB, in what `client.parked.show()` and events tell. Callers get none.
   */
  readonly remoteStack: string | undefined;
  /** The message without its code and task. */
  readonly reason: string;

  constructor(code: TaskErrorCode, reason: string, details: TaskErrorDetails<Name, Data> = {}) {
    super(
      `[${code}] ${details.task === undefined ? "" : `${details.task}: `}${reason}`,
      "cause" in details && details.cause !== undefined ? { cause: details.cause } : undefined,
    );
    this.name = (details.name ?? "TaskError") as Name;
    this.code = code as TaskError<Name, Data>["code"];
    this.data = details.data as Data;
    this.task = details.task;
    this.callId = details.callId;
    this.attempt = details.attempt;
    this.issues = details.issues ?? [];
    this.remoteStack = details.remoteStack;
    this.reason = reason;
    Object.defineProperty(this, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class that someone derives from this one has instances of its own.
    if (this !== TaskError) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== "object" || value === null) return false;
    try {
      return brand in value;
    } catch {
      return false; // A proxy may throw, or be revoked.
    }
  }

  /**
   * Makes anything that was thrown a TaskError: one stays itself (filled in with what it lacked), anything
   * else becomes `code` with the thrown value as its `cause`, and in its message the best words that the value has for itself,
   * without the credentials of URLs. Never throws.
   */
  static from(thrown: unknown, code: TaskErrorCode = "failed", details: TaskErrorDetails = {}): AnyTaskError {
    // It may come from another copy of the package, and of that be only an imitation.
    if (isWhole(thrown)) return TaskError.prototype.with.call(thrown, details);
    return new TaskError(code, redacted(thrownText(thrown)), { cause: thrown, ...details });
  }

  /** The same error with the task, call and attempt that it did not know yet. */
  with(details: TaskErrorDetails): AnyTaskError {
    const known = this as unknown as AnyTaskError;
    if (
      (details.task === undefined || known.task !== undefined) &&
      (details.callId === undefined || known.callId !== undefined) &&
      (details.attempt === undefined || known.attempt !== undefined)
    ) {
      return known;
    }
    return rebuilt(known, {
      task: known.task ?? details.task,
      callId: known.callId ?? details.callId,
      attempt: known.attempt ?? details.attempt,
    });
  }
}

/** A copy of an error that differs in some details, or in its reason. */
export function rebuilt(
  error: AnyTaskError,
  changes: TaskErrorDetails<string> & { readonly reason?: string | undefined },
): AnyTaskError {
  const { code, name, data, task, callId, attempt, cause, issues, remoteStack } = error;
  const { reason = error.reason, ...details } = changes;
  const copy = new TaskError<string, unknown>(code, reason, {
    name,
    data,
    task,
    callId,
    attempt,
    cause,
    issues,
    remoteStack,
    ...details,
  });
  // The stack begins with the message, and people see the stack.
  const stack = stackText(error);
  if (stack !== undefined) copy.stack = stack.replace(error.message, () => copy.message);
  return copy;
}

/** A TaskError of whatever code: a declared one's name and data are not known statically. */
export type AnyTaskError = TaskError<string, unknown>;

/** Whether a thrown value is a TaskError all of whose parts are there, and of the types that are expected of them. */
function isWhole(thrown: unknown): thrown is AnyTaskError {
  if (!(thrown instanceof TaskError)) return false;
  const isText = (value: unknown): boolean => typeof value === "string";
  return (
    tried(() => {
      const { code, name, message, reason, task, callId, attempt, issues, remoteStack } = thrown as AnyTaskError;
      void thrown.data;
      void thrown.cause;
      return (
        taskErrorCodes.includes(code) &&
        [name, message, reason].every(isText) &&
        [task, callId, remoteStack].every((value) => value === undefined || isText(value)) &&
        (attempt === undefined || typeof attempt === "number") &&
        Array.isArray(issues)
      );
    }) === true
  );
}
