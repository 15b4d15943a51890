// Not by its names: one that an old zod lacks would end the import before `zod-version.ts` can say what is wrong.
import * as zod from "zod/v4/core";
import type { ParamsShape, Schema } from "./contract.ts";
import { TaskError, type TaskErrorCode, type TaskIssue } from "./errors.ts";
import { redacted } from "./redaction.ts";
import { thrownText } from "./thrown.ts";

/** A check that a value passes on its way in or out: what passes is what the receiver gets. */
export interface Gate {
  /** @throws TaskError with the gate's code, naming what did not fit. */
  pass(value: unknown): unknown;
}

/** A gate of one schema. `subject` is what a message calls the value: `result`. */
export function gateOf(schema: Schema, code: TaskErrorCode, subject: string): Gate {
  return { pass: (value) => pass(schema, value, code, subject) };
}

/** The gate of a task's parameters, as one object. Unknown keys, as a newer caller may send, are dropped. */
export function paramsGate(params: ParamsShape): Gate {
  return gateOf(new zod.$ZodObjectJIT({ type: "object", shape: params }), "invalid_argument", "params");
}

function pass(schema: Schema, value: unknown, code: TaskErrorCode, subject: string): unknown {
  let parsed: ReturnType<typeof zod.safeParse>;
  try {
    parsed = zod.safeParse(schema, value);
  } catch (cause) {
    const reason =
      cause instanceof zod.$ZodAsyncError
        ? "its schema is asynchronous, and gates are not: do that check in the handler"
        : `its schema threw: ${redacted(thrownText(cause))}`;
    throw new TaskError(code, `${subject}: ${reason}`, { cause });
  }
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue): TaskIssue => ({
    path: issue.path.map((key) => (typeof key === "symbol" ? String(key) : key)),
    // A function of the schema's may have given anything.
    message: typeof issue.message === "string" ? redacted(issue.message) : "it does not fit",
  }));
  throw new TaskError(code, describeIssues(subject, issues), { issues });
}

const shownIssues = 3;

/** `params.a: expected number; params.b: …`: the first few, and how many more there are. */
function describeIssues(subject: string, issues: readonly TaskIssue[]): string {
  const shown = issues.slice(0, shownIssues).map((issue) => `${pathText(subject, issue.path)}: ${issue.message}`);
  const more = issues.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function pathText(subject: string, path: TaskIssue["path"]): string {
  return path.reduce<string>((text, key) => text + (typeof key === "number" ? `[${key}]` : `.${key}`), subject);
}
