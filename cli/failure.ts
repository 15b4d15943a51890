import { CommanderError } from "commander";
import { type AnyTaskError, TaskError } from "../runtime/errors.ts";
import { UsageError } from "./exit-code.ts";
import { jsonText } from "./json.ts";

/** Tells what was thrown on standard error: for people, or as one line of JSON. */
export function tellFailure(thrown: unknown, asJson: boolean): void {
  // Commander has told of its own, but not in JSON.
  if (thrown instanceof CommanderError && !asJson) return;
  process.stderr.write(`${asJson ? jsonText({ error: failureData(thrown) }) : failureText(thrown)}\n`);
}

function failureData(thrown: unknown): object {
  if (thrown instanceof TaskError) {
    const { code, name, reason, data, task, callId, attempt, issues } = thrown as unknown as AnyTaskError;
    const declared = (code as string) === "declared" ? { name, data } : {};
    return { code, ...declared, message: reason, task, callId, attempt, ...(issues.length > 0 && { issues }) };
  }
  if (thrown instanceof UsageError) return { code: "usage", message: thrown.message, remedy: thrown.remedy };
  if (thrown instanceof CommanderError) {
    const message = thrown.code === "commander.help" ? "no command is named" : thrown.message;
    return { code: "usage", message: message.replace(/^error: /, ""), remedy: "--help tells how it is used" };
  }
  return { code: "internal", message: thrown instanceof Error ? thrown.message : String(thrown) };
}

function failureText(thrown: unknown): string {
  if (thrown instanceof TaskError) {
    const { code, name, data, message, callId } = thrown as unknown as AnyTaskError;
    const declared = (code as string) === "declared" ? `\n  ${name}: ${jsonText(data)}` : "";
    return `error: ${message}${callId === undefined ? "" : ` (call ${callId})`}${declared}`;
  }
  if (thrown instanceof UsageError)
    return `error: ${thrown.message}${thrown.remedy === undefined ? "" : `\n  ${thrown.remedy}`}`;
  // A fault of a user's module, or of ours: where it is, is what helps.
  return `error: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
}
