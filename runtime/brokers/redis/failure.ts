import { type AnyTaskError, TaskError, type TaskErrorCode } from "../../errors.ts";

/*
 * What ioredis throws is never kept, not even as a cause: its errors carry the arguments of the command that failed,
 * and so a password or a caller's data. Only their words go on, which are the server's or the system's.
 */

/** Replies by which a server says that it won't have us, now or ever, before it has looked at the command. */
const refused =
  /^(NOPERM|NOAUTH|WRONGPASS|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF|NOREPLICAS)\b/;

/** Its words (of 7.0, and since) for a right that its user lacks, found in the middle of a script: what was before is done. */
const halfDone = /The user executing the script can't|ACL failure in script/;

/** The same of those that trying again does not mend, at connecting. */
const final = /^(NOPERM|NOAUTH|WRONGPASS|ERR AUTH|ERR invalid password|ERR DB index|ERR SELECT|ERR invalid DB)/i;

/**
 * Those of them that pass: a failover is under way, or the server loads its data, is cut off from its cluster or its replicas, or is
 * busy with a long script. It has done nothing, and will do it a little later. All else that it refuses with stays until somebody sees to it.
 */
const passing = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)\b/;

const clusterRedirect = /^(MOVED|ASK|CROSSSLOT)\b|not allowed in cluster mode/;

/** The words of whatever was thrown, without the arguments that a server repeats of a command that it does not know. */
export function wordsOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return wordsOf(thrown.errors[0]);
  const words = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  const [said = ""] = words.split(/,? with args beginning with/);
  return said.length > 300 ? `${said.slice(0, 300)}…` : said;
}

/** Whether what was wrong with a connection will be so again. */
export function isFinal(words: string): boolean {
  return final.test(words);
}

/** Whether these are a wire's words, or ioredis's, for a connection that was lost with the command on its way. */
export function isLoss(words: string): boolean {
  return /^(Connection is closed|Command aborted due to connection close|Socket timeout)/.test(words);
}

/** Whether these are the words of a server that may not write any more. */
export function isDemotion(words: string): boolean {
  return words.startsWith("READONLY");
}

/** Whether these are the words of a server that has refused a command and will take it a little later. */
export function isPassing(words: string): boolean {
  return passing.test(words);
}

/** Whether these are its words for a command that was not sent. */
export function isUnsent(words: string): boolean {
  return words.includes("isn't writeable");
}

/** The error of a command that failed on a connection that stood. */
export function commandError(thrown: unknown, place: string): AnyTaskError {
  const words = wordsOf(thrown);
  if (words.startsWith("OOM")) return failure("resource_exhausted", `Redis${place} is at its memory limit`);
  if (clusterRedirect.test(words)) {
    return unavailable(`Redis${place} runs in cluster mode, which is not supported yet`);
  }
  if (halfDone.test(words)) {
    const lack = "a right is missing (docs/protocol.md#rights)";
    return failure("outcome_unknown", `Redis${place} stopped a script halfway, as ${lack}: ${words}`);
  }
  if (refused.test(words)) return unavailable(`Redis${place} refused a command: ${words}`);
  if (isLoss(words)) return failure("outcome_unknown", "the connection to Redis was lost before its reply");
  if (isUnsent(words)) return unavailable("the connection to Redis was lost");
  if (/Error compiling script/.test(words)) return unavailable(`Redis${place} can't run Taskpact's scripts: ${words}`);
  return failure("internal", `Redis${place} answered: ${words}`);
}

/** Nothing was done, for this reason. */
export function unavailable(reason: string): AnyTaskError {
  return failure("unavailable", reason);
}

/** An error without a cause: see above. */
function failure(code: TaskErrorCode, reason: string): AnyTaskError {
  return new TaskError<string, unknown>(code, reason);
}
