import { type AnyTaskError, TaskError, type TaskErrorCode } from "../../errors.ts";

/*
 * What ioredis throws is never kept, not even as a cause: its errors carry the arguments of the command that failed,
 * and so a password or a caller's data. Only their words go on, which are the server's or the system's.
 */

/** Replies by which a server says that it won't have us, now or ever, before it has looked at the command. */
const refused = /^(NOPERM|NOAUTH|WRONGPASS|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF|NOREPLICAS)\b/;

/** Its words (of 7.0, and since) for a right that its user lacks, found in the middle of a script: what was before is done. */
const halfDone = /The user executing the script can't|ACL failure in script/;

/** The same of those that trying again does not mend, at connecting. */
const final =
  /^(NOPERM|NOAUTH|WRONGPASS|ERR unknown command|ERR AUTH|ERR invalid password|ERR DB index|ERR SELECT|ERR invalid DB)/i;

/** A server's words for a command that it does not have, does not give to this user, or gives to nobody. */
const withheld = /^NOPERM|unknown command|command .*(not allowed|not permitted|not supported|unsupported|disabled)/i;
const unknownCommand = /^ERR unknown command [`'"]?([\w|]+)/i;

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

/** Whether these are a server's words for a command that can't be had there, and not of trouble with the server as a whole. */
export function isWithheld(words: string): boolean {
  return withheld.test(words);
}

const lacksRight = /^NOPERM|ACL failure in script|executing the script can't run this command/;

/** Words with what to do about a right that a user lacks. */
export function advised(words: string): string {
  if (!lacksRight.test(words)) return words;
  const command = /to run the '([\w|]+)' command/.exec(words)?.[1];
  const grant = command === undefined ? "" : `, here +${command}`;
  return `${words}. Give the user the rights that docs/protocol.md lists under "Rights"${grant}`;
}

/** Whether what was wrong with a connection will be so again. */
export function isFinal(words: string): boolean {
  return final.test(words);
}

/** Whether these are a wire's words, or ioredis's, for a connection that was lost with the command on its way. */
export function isLoss(words: string): boolean {
  return /^(Connection is closed|Command aborted due to connection close|Socket timeout)/.test(words);
}

/** Whether these are the words of a server that may not write any more, or does not know us any more: another connection may do. */
export function isDemotion(words: string): boolean {
  return /^(READONLY|NOAUTH)/.test(words);
}

/** Whether a login was refused: by then there may be other credentials. */
export function isLoginRefused(words: string): boolean {
  return /^(WRONGPASS|NOAUTH)/.test(words);
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
  if (refused.test(words)) return unavailable(`Redis${place} refused a command: ${advised(words)}`);
  const unknown = unknownCommand.exec(words)?.[1]?.toUpperCase();
  if (unknown !== undefined) {
    return unavailable(
      `Redis${place} has no command ${unknown}, which Taskpact needs: it is disabled or renamed there (docs/protocol.md lists all commands under "Rights")`,
    );
  }
  if (isLoss(words)) return failure("outcome_unknown", "the connection to Redis was lost before its reply");
  if (isUnsent(words)) return unavailable("the connection to Redis was lost");
  if (/Error compiling script/.test(words))
    return unavailable(`Redis${place} can't run Taskpact's scripts, which need Redis 7.0 or later: ${words}`);
  if (/^ERR unknown redis command called from script/i.test(words)) {
    return failure(
      "internal",
      `Redis${place} lacks a command that a script needs: it is disabled or renamed there: ${words}`,
    );
  }
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
