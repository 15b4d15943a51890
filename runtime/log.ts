import { inspect } from "node:util";
import { shown } from "./checks.ts";
import { inGiversContext } from "./own-context.ts";
import { redacted } from "./redaction.ts";
import { loggable, thrownText, tried } from "./thrown.ts";

/** Where lines go: pino's shape, so that a pino logger fits as it is, and `console`, too. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const levels = ["debug", "info", "warn", "error"] as const;

/** How much is logged; `silent` is nothing. */
export type LogLevel = (typeof levels)[number] | "silent";

/** How lines are written: for people, with the stacks of errors below them, or each as a line of JSON. */
export type LogFormat = "text" | "json";

/**
 * A logger on standard error.
 *
 * @param level - the least that is written. @default `TASKPACT_LOG`, or "silent" under a test runner, or "info"
 * @param format - @default "text" on a terminal, "json" elsewhere
 */
export function streamLogger(
  level: LogLevel = defaultLevel(),
  format: LogFormat = process.stderr.isTTY ? "text" : "json",
): Logger {
  const least = level === "silent" ? levels.length : levels.indexOf(level);
  const write = format === "text" ? writeText : writeJson;
  const line = (name: (typeof levels)[number]) => (fields: object, message: string) => {
    if (levels.indexOf(name) >= least) process.stderr.write(`${redacted(written(write, name, fields, message))}\n`);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/**
 * The logger that an option `log` means: a logger itself, or the least that the one on standard error writes.
 *
 * What it throws is told once, as a warning of the process: no call is to end by its log.
 */
export function loggerOf(log: Logger | LogLevel | undefined): Logger {
  if (log === undefined || typeof log === "string") return streamLogger(log);
  let isTold = false;
  const line = (name: (typeof levels)[number]) => (fields: object, message: string) => {
    try {
      log[name](fields, message);
    } catch (thrown) {
      if (!isTold)
        process.emitWarning(
          `a logger failed: ${redacted(tried(() => String(thrown)) ?? thrownText(thrown))}`,
          "TaskpactWarning",
        );
      isTold = true;
    }
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** A logger that writes in the context of whoever calls this, and not in that of the call or the connection that a line is about. */
export function inMakersContext(log: Logger): Logger {
  const line = (name: (typeof levels)[number]) =>
    inGiversContext((fields: object, message: string) => log[name](fields, message));
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** Refuses what can't be an option `log`. Absent is fine. */
export function checkLog(log: unknown, fail: (reason: string) => never): void {
  const isLevel = [undefined, "silent", ...levels].includes(log as LogLevel | undefined);
  const lacks = (name: (typeof levels)[number]): boolean =>
    typeof (log as Partial<Logger> | null)?.[name] !== "function";
  if (isLevel || !levels.some(lacks)) return;
  fail(`log must be one of silent, ${levels.join(", ")}, or a logger with ${levels.join(", ")}; got ${shown(log)}`);
}

/** A logger whose every line carries `fields`. */
export function childLogger(parent: Logger, fields: object): Logger {
  const line = (name: (typeof levels)[number]) => (more: object, message: string) =>
    parent[name](tried(() => ({ ...fields, ...more })) ?? fields, message);
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function defaultLevel(): LogLevel {
  const named = process.env["TASKPACT_LOG"];
  if (named === "silent" || levels.some((level) => level === named)) return named as LogLevel;
  return process.env["NODE_ENV"] === "test" || process.env["NODE_TEST_CONTEXT"] !== undefined ? "silent" : "info";
}

type Write = (level: (typeof levels)[number], fields: object, message: string) => string;

/** A line, whatever its fields are: those that can't be written as they are become text. */
function written(write: Write, level: (typeof levels)[number], fields: object, message: string): string {
  const line = tried(() => write(level, fields, message));
  if (line !== undefined) return line;
  const texts = tried(() => Object.entries(fields).map(([name, value]) => [name, loggable(value)])) ?? [];
  return tried(() => write(level, Object.fromEntries(texts) as object, message)) ?? write(level, {}, message);
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

function writeText(level: (typeof levels)[number], fields: object, message: string): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const errors = given.filter(([, value]) => value instanceof Error);
  const rest = given.filter(([, value]) => !(value instanceof Error)).map(([name, value]) => ` ${name}=${text(value)}`);
  const { dim, plain, [level]: color } = hasColors() ? colors : colorless;
  const head = `${dim}${localTime(new Date())}${plain} ${color}${level.toUpperCase().padEnd(5)}${plain} ${message}`;
  const stacks = errors.map(([name, error]) => `\n${name}: ${inspect(error)}`.replaceAll("\n", "\n    "));
  return `${head}${dim}${rest.join("")}${plain}${stacks.join("")}`;
}

const colors = {
  dim: "\x1b[2m",
  plain: "\x1b[0m",
  debug: "\x1b[34m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const colorless: typeof colors = { dim: "", plain: "", debug: "", info: "", warn: "", error: "" };

/** Not every stream that says it is a terminal knows of colors. */
function hasColors(): boolean {
  return typeof process.stderr.hasColors === "function" && process.stderr.hasColors();
}

/** `09:05:01.042`, as the clock on the wall has it. */
function localTime(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function text(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
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
