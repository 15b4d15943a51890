import type { Settled } from "./call.ts";
import type { Declaration } from "./declaration.ts";
import { fromWire, readReply } from "./envelope.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import type { Inbound } from "./inbound.ts";

/** The caller's gate for an error: a declared one's data as its receiver reads it. */
export function receivedError(declaration: Declaration, error: AnyTaskError): AnyTaskError {
  if (error.code !== "declared") return error;
  const { task, callId, attempt } = error;
  const gate = declaration.errors.get(error.name);
  if (gate === undefined) {
    return new TaskError<string, unknown>(
      "invalid_result",
      `the worker answered the error "${error.name}", which this contract does not declare; are both of one version?`,
      { task, callId, attempt, cause: error },
    );
  }
  try {
    return new TaskError("declared", error.name, {
      name: error.name,
      data: gate.pass(error.data),
      task,
      callId,
      attempt,
    });
  } catch (refused) {
    return TaskError.from(refused, "invalid_result", { task, callId, attempt });
  }
}

/**
 * What a record that has ended says to its caller, through the caller's gate.
 *
 * @param inbound - how it is read, if this process has not written it.
 */
export function receive(declaration: Declaration, id: string, record: Uint8Array, inbound?: Inbound): Settled {
  const details = { task: declaration.name, callId: id };
  try {
    inbound?.check("its reply", record);
    const reply = readReply(record);
    if (reply === undefined) throw new TaskError("internal", "its record holds no answer");
    if ("value" in reply) return { ok: true, value: declaration.result.pass(reply.value) };
    const error = fromWire(reply.error, declaration.name, id);
    return { ok: false, error: receivedError(declaration, error), started: true };
  } catch (refused) {
    return { ok: false, error: TaskError.from(refused, "invalid_result", details), started: true };
  }
}
