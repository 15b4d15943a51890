import type { AllOptions, Call } from "./call.ts";
import { type Reply, type Request, replyBytes, requestBytes, type RequestOptions, toWire } from "./envelope.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { encodedBytes } from "./codec.ts";

/*
 * What may be carried, and how much of it: the same for calls that go to a worker and for those that run in this process.
 */

/** A call as its record says it. @param to - the client that waits for the answer, if one does. */
export function requestOf({ declaration, params, options, origin }: Call, to: string | undefined): Request {
  return { to, task: declaration.name, params, options: requestOptions(options), of: declaration.owner, ...origin };
}

/** What the worker must know of a call's own options; undefined for none. */
function requestOptions(options: AllOptions): RequestOptions | undefined {
  const { attemptTimeoutMs, retry, resultTtlMs } = options;
  if (attemptTimeoutMs === undefined && retry === undefined && resultTtlMs === undefined) return undefined;
  return {
    ...(attemptTimeoutMs !== undefined && { attemptTimeoutMs }),
    ...(retry !== undefined && { retry }),
    ...(resultTtlMs !== undefined && { resultTtlMs }),
  };
}

/** @throws TaskError `resource_exhausted` for a request that is too large. */
export function checkRequestBytes(bytes: number, maxParamsBytes: number): void {
  if (bytes <= maxParamsBytes) return;
  const reason = `its parameters take ${bytes} bytes, more than the ${maxParamsBytes} allowed`;
  throw new TaskError("resource_exhausted", reason);
}

/**
 * Judges the parameters of a call that runs here as if it went to a worker, and copies nothing.
 *
 * @param to - a client's name, as long as those in records.
 * @throws TaskError `invalid_argument` or `resource_exhausted`.
 */
export function checkParams(call: Call, to: string, maxParamsBytes: number): void {
  try {
    checkRequestBytes(requestBytes(requestOf(call, to)), maxParamsBytes);
  } catch (refused) {
    // What the schema says of them comes first, as for a call that is sent.
    call.declaration.params.pass(call.params);
    throw refused;
  }
}

/** What is wrong with the size of a reply; undefined for one that is small enough. */
export function replyRefusal(
  what: { readonly error?: AnyTaskError | undefined },
  bytes: number,
  maxResultBytes: number,
): string | undefined {
  if (bytes <= maxResultBytes) return undefined;
  const { error } = what;
  const subject =
    error === undefined ? "its result" : error.code === "declared" ? `its error "${error.name}"` : "its error";
  return `${subject} takes ${bytes} bytes, more than the ${maxResultBytes} allowed`;
}

/** Judges how an attempt in this process ended as if it were sent to a caller, and copies nothing. @returns what is wrong with it. */
export function refusedReply(
  ended: { readonly value: unknown } | { readonly error: AnyTaskError },
  maxResultBytes: number,
): AnyTaskError | undefined {
  const reply: Reply = "error" in ended ? { error: toWire(ended.error) } : ended;
  try {
    const error = "error" in ended ? ended.error : undefined;
    const refusal = replyRefusal({ error }, replyBytes(reply), maxResultBytes);
    return refusal === undefined ? undefined : new TaskError<string, unknown>("resource_exhausted", refusal);
  } catch (thrown) {
    return new TaskError<string, unknown>("invalid_result", `result: ${TaskError.from(thrown).reason}`);
  }
}

/** @throws TaskError `invalid_argument` for a progress that can't be carried, `resource_exhausted` for one that is too large. */
export function checkProgress(value: unknown, maxBytes: number): void {
  checkProgressBytes(encodedBytes(value), maxBytes);
}

/** @throws TaskError `resource_exhausted` for a progress that is too large. */
export function checkProgressBytes(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new TaskError(
    "resource_exhausted",
    `its progress takes ${bytes} bytes, more than the ${maxBytes} of maxResultBytes`,
  );
}
