import { redacted } from "./redaction.ts";

/*
 * What was thrown, in words. It may be anything, and each look at it may throw: a getter, a proxy's trap, a revoked proxy, a
 * `toString` or a `toJSON`. So every look is made in `tried`, and what can't be had is left out.
 */

/** What a function gives, or undefined where it throws. */
export function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A property of a thing that may be anything; undefined where it can't be read. */
function read(from: unknown, name: string): unknown {
  return tried(() => (from as Readonly<Record<string, unknown>> | null | undefined)?.[name]);
}

/** Whether something is an Error, or looks like one of another realm. */
export function isErrorLike(thrown: unknown): boolean {
  if (typeof thrown !== "object" || thrown === null) return false;
  if (tried(() => thrown instanceof Error) === true) return true;
  return typeof read(thrown, "stack") === "string" && typeof read(thrown, "message") === "string";
}

/** The best words that a thrown value has for itself. Never throws. */
export function thrownText(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if (thrown === undefined || thrown === null) return `the handler threw ${String(thrown)}`;
  if (isErrorLike(thrown)) return errorText(thrown);
  if (typeof thrown === "bigint") return `the handler threw ${thrown}n`;
  const json = tried(() => JSON.stringify(thrown));
  if (typeof json === "string") return `the handler threw ${json}`;
  const message = read(thrown, "message");
  if (typeof message === "string" && message !== "") return message;
  return `the handler threw ${typeof thrown === "object" ? "a value of type object" : `a ${typeof thrown}`}`;
}

function errorText(error: unknown): string {
  const message = read(error, "message");
  if (typeof message === "string" && message !== "") return message;
  // An AggregateError may leave it to its errors to say what was wrong.
  const errors = read(error, "errors");
  const parts = tried(() => Array.isArray(errors) && errors.slice(0, 3).map((one) => read(one, "message")));
  const told = Array.isArray(parts) ? parts.filter((part) => typeof part === "string" && part !== "") : [];
  if (told.length > 0) return told.join("; ");
  // A message that can't be read, or is no text, may stand in the stack, which was written when the error was made.
  if (message !== "") {
    const headline = headlineOf(read(error, "stack"));
    if (headline !== undefined) return headline;
    const text = message === undefined ? undefined : tried(() => String(message as symbol));
    if (text !== undefined && text !== "") return text;
  }
  return errorName(error) ?? "an error that can't be read";
}

function errorName(error: unknown): string | undefined {
  const name = read(error, "name");
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** What a stack says before its first frame, without the error's class; undefined if that is no more than the class. */
function headlineOf(stack: unknown): string | undefined {
  if (typeof stack !== "string") return undefined;
  const [head = ""] = stack.split(/\n\s+at /, 1);
  const message = /^[\w$.]*: (.+)/s.exec(head)?.[1];
  return message === undefined || message.trim() === "" ? undefined : message;
}

/** A thrown value's stack as text, also where `Error.prepareStackTrace` makes a list of frames. Never throws. */
export function stackText(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const stack = read(thrown, "stack");
  if (typeof stack === "string") return stack;
  const frames = tried(() =>
    Array.isArray(stack) ? stack.map((frame) => tried(() => `    at ${String(frame)}`)) : [],
  );
  if (frames === undefined || frames.length === 0) return undefined;
  const head = `${errorName(thrown) ?? "Error"}: ${thrownText(thrown)}`;
  return [head, ...frames.filter((frame) => frame !== undefined)].join("\n");
}

/** How far causes of causes are followed. */
const deepestCause = 8;

/**
 * A thrown value as a log may have it: itself, or, where a part of it can't be read or holds the credentials of a URL, an error
 * that says the same without that.
 */
export function loggable(thrown: unknown): unknown {
  if (typeof thrown === "string") return redacted(thrown);
  if (typeof thrown === "function") return `a function`;
  if (typeof thrown !== "object" || thrown === null || isPlain(thrown, new Set())) return thrown;
  return isErrorLike(thrown) ? copyOf(thrown, 0) : redacted(thrownText(thrown));
}

/** Whether all of a value can be read, and holds nothing that is to be hidden. */
function isPlain(value: unknown, above: Set<unknown>): boolean {
  if (typeof value === "string") return redacted(value) === value;
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (above.has(value) || above.size > deepestCause) return false;
  if (!isErrorLike(value)) {
    const json = tried(() => JSON.stringify(value));
    return json !== undefined && isPlain(json, above);
  }
  const within = new Set(above).add(value);
  const isWhole = tried(() => {
    const { name, message, stack, cause, errors = [] } = value as Error & { readonly errors?: unknown };
    const texts = [name, message, stack ?? ""].every((text) => typeof text === "string" && isPlain(text, within));
    const own = Object.entries(value).filter(([key]) => key !== "cause" && key !== "errors");
    if (!texts || !own.every(([, one]) => one === undefined || isPlain(one, within))) return false;
    return isPlain(cause, within) && Array.isArray(errors) && errors.every((one) => isPlain(one, within));
  });
  return isWhole === true;
}

function copyOf(error: object, depth: number): Error {
  const message = redacted(thrownText(error));
  const copy = new Error(message);
  const set = (name: string, value: unknown, enumerable = false): void => {
    Object.defineProperty(copy, name, { value, enumerable, configurable: true, writable: true });
  };
  for (const name of tried(() => Object.keys(error)) ?? []) {
    const value = read(error, name);
    if (typeof value === "string") set(name, redacted(value), true);
    else if (typeof value === "number" || typeof value === "boolean") set(name, value, true);
  }
  set("name", errorName(error) ?? "Error");
  set("message", message);
  set("stack", redacted(stackText(error) ?? `${copy.name}: ${message}`));
  if (depth >= deepestCause) return copy;
  const part = (value: unknown): unknown =>
    isErrorLike(value) ? copyOf(value as object, depth + 1) : typeof value === "object" ? undefined : loggable(value);
  const cause = read(error, "cause");
  if (cause !== undefined) set("cause", part(cause));
  const errors = tried(() => [...(read(error, "errors") as readonly unknown[])].slice(0, 10));
  if (errors !== undefined) set("errors", errors.map(part));
  return copy;
}
