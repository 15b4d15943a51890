import type { TaskError } from "./errors.ts";

/** The answer of a `safe` call: a value, or an error whose `name` tells which. */
export type Answer<Value, Errors extends object = {}> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: CallError<Errors> };

/** The errors of one task: the declared ones by their names, and the undeclared one, `"TaskError"`. */
export type CallError<Errors extends object> =
  | TaskError
  | { [Name in keyof Errors & string]: TaskError<Name, Errors[Name]> }[keyof Errors & string];
