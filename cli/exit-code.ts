import { CommanderError } from "commander";
import { TaskError, type TaskErrorCode } from "../runtime/errors.ts";

/** What the command ends with; docs/cli.md tells it to scripts. */
export const exitCodes = {
  done: 0,
  /** The call ended without a result, or something went wrong that has no code of its own. */
  failed: 1,
  /** What was asked can't be done so: flags, names, parameters, configuration. */
  usage: 2,
  /** The call ended with an error that its contract declares. */
  declared: 3,
  /** Nothing was begun: the broker is away, or takes no more. */
  unavailable: 4,
  /** Time was up, or nobody knows what became of it. */
  unknown: 5,
  canceled: 6,
  notFound: 7,
} as const;

const byCode: Readonly<Record<TaskErrorCode, number>> = {
  invalid_argument: exitCodes.usage,
  declared: exitCodes.declared,
  unavailable: exitCodes.unavailable,
  unimplemented: exitCodes.unavailable,
  resource_exhausted: exitCodes.unavailable,
  deadline_exceeded: exitCodes.unknown,
  outcome_unknown: exitCodes.unknown,
  canceled: exitCodes.canceled,
  not_found: exitCodes.notFound,
  failed: exitCodes.failed,
  invalid_result: exitCodes.failed,
  worker_lost: exitCodes.failed,
  internal: exitCodes.failed,
};

/** Something that whoever typed the command can mend: told without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** What to do about it. */
  readonly remedy: string | undefined;

  constructor(reason: string, remedy?: string) {
    super(reason);
    this.remedy = remedy;
  }
}

/** The exit code that what was thrown stands for. */
export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (thrown instanceof UsageError) return exitCodes.usage;
  if (thrown instanceof TaskError) return byCode[(thrown as { readonly code: TaskErrorCode }).code];
  return exitCodes.failed;
}
