/** Where lines go: pino's shape, so that a pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const levels = ["debug", "info", "warn", "error"] as const;

/** How much is logged; `silent` is nothing. */
export type LogLevel = (typeof levels)[number] | "silent";

/**
 * A logger on standard error: a line of text on a terminal, a line of JSON elsewhere.
 *
 * @param level - the least that is written. @default `TASKPACT_LOG`, or "silent" under a test runner, or "info"
 */
export function streamLogger(level: LogLevel = defaultLevel()): Logger {
  const least = level === "silent" ? levels.length : levels.indexOf(level);
  const write = process.stderr.isTTY ? writeText : writeJson;
  const line = (name: (typeof levels)[number]) => (fields: object, message: string) => {
    if (levels.indexOf(name) >= least) process.stderr.write(`${write(name, fields, message)}\n`);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** A logger whose every line carries `fields`. */
export function childLogger(parent: Logger, fields: object): Logger {
  const line = (name: (typeof levels)[number]) => (more: object, message: string) =>
    parent[name]({ ...fields, ...more }, message);
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function defaultLevel(): LogLevel {
  const named = process.env["TASKPACT_LOG"];
  if (named === "silent" || levels.some((level) => level === named)) return named as LogLevel;
  return process.env["NODE_ENV"] === "test" || process.env["NODE_TEST_CONTEXT"] !== undefined ? "silent" : "info";
}

function writeJson(level: string, fields: object, message: string): string {
  const line = { time: new Date().toISOString(), level, message, ...fields };
  try {
    return JSON.stringify(line, errorAsText);
  } catch {
    return JSON.stringify({
      ...line,
      ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])),
    });
  }
}

function writeText(level: string, fields: object, message: string): string {
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${text(value)}`);
  return [new Date().toISOString().slice(11, 23), level.toUpperCase().padEnd(5), message, ...rest].join(" ");
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value, errorAsText) ?? String(value);
  } catch {
    return String(value); // A value that contains itself.
  }
}

/** JSON of an Error is `{}`, and of a bigint a TypeError. */
function errorAsText(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? String(value);
  return typeof value === "bigint" ? value.toString() : value;
}
