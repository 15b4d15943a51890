import { AsyncResource } from "node:async_hooks";
import { shown } from "./checks.ts";
import { type AnyTaskError, rebuilt, TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { redacted } from "./redaction.ts";
import { loggable, stackText } from "./thrown.ts";

/** What goes into a call's record of an error that its handler threw. */
export interface ErrorDescription {
  /** What callers and operators read. */
  readonly message: string;
  /** What operators alone read, in `client.parked.show()` and in events: at most 4 KiB are kept. @default none is kept */
  readonly stack?: string | undefined;
}

/** Says what goes into a call's record of an error that its handler threw, and that its contract does not declare. */
export type DescribeError = (error: unknown) => ErrorDescription;

/**
 * How errors are described if nothing else is said: with their message and their stack, both without the credentials of URLs. Never
 * throws, whatever was thrown.
 *
 * ```ts
 * createWorker({ describeError: (error) => ({ ...describeError(error), stack: undefined }), … });
 * ```
 */
export function describeError(error: unknown): ErrorDescription {
  const known = TaskError.from(error, "failed");
  const stack = stackText(known.cause) ?? known.remoteStack ?? stackText(error);
  return { message: known.reason, stack: stack === undefined ? undefined : redacted(stack) };
}

/**
 * How a worker or a client describes errors, by its option: one that throws, or gives no description, is logged, and the error
 * described as by default. It runs in the async context of who gave it.
 */
export function describerOf(given: DescribeError | undefined, log: Logger): DescribeError {
  if (given === undefined) return describeError;
  const describe = AsyncResource.bind(given);
  return (error) => {
    try {
      const { message, stack } = describe(error);
      if (typeof message === "string" && (stack === undefined || typeof stack === "string")) return { message, stack };
      throw new TypeError(
        `describeError must give { message, stack? } of text; got a message that is ${shown(message)}`,
      );
    } catch (thrown) {
      log.error({ err: loggable(thrown) }, "describeError failed; an error is described as by default");
      return describeError(error);
    }
  };
}

/** Refuses what can't be an option `describeError`. Absent is fine. */
export function checkDescribeError(given: unknown, fail: (reason: string) => never): void {
  if (given !== undefined && typeof given !== "function")
    fail(`describeError must be a function of an error; got ${shown(given)}`);
}

/** A failure as it goes into the call's record. `thrown` is what the handler threw, where that is another. */
export function described(error: AnyTaskError, describe: DescribeError, thrown: unknown = error): AnyTaskError {
  const { message, stack } = describe(thrown);
  return rebuilt(error, { reason: message, remoteStack: stack });
}

/** An error without its stack of another process, which is not for callers. */
export function forCallers(error: AnyTaskError): AnyTaskError {
  return error.remoteStack === undefined ? error : rebuilt(error, { remoteStack: undefined });
}
