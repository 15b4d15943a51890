import { type $ZodType, globalRegistry } from "zod/v4/core";
import type { Declaration } from "../runtime/declaration.ts";
import { UsageError } from "./exit-code.ts";
import { parseJson } from "./exact-json.ts";
import { type Definition, definitionOf, fromJson, givenSchema, ownOf } from "./from-json.ts";
import { exactly, fromText, isScalar, typeWord } from "./from-text.ts";
import { jsonText } from "./json.ts";
import { nearest } from "./nearest.ts";
import { flagOf } from "./param-name.ts";

/** A parameter, as a command line gives it. */
export interface ParamFlag {
  readonly name: string;
  /** `--lag-ms <number>`. */
  readonly flag: string;
  readonly required: boolean;
}

/** What a contract says of a parameter besides, for people: its description, and its default. */
export function paramNote(schema: $ZodType): string {
  const { type, innerType, defaultValue } = definitionOf(schema) as Partial<Definition> & {
    readonly defaultValue?: unknown;
  };
  const description = [schema, innerType].flatMap((one) => (one && globalRegistry.get(one)?.description) ?? [])[0];
  const omitted =
    type === "default" ? `(default: ${jsonText(defaultValue)})` : schema._zod.optin === undefined ? "" : "(optional)";
  return [description ?? "", omitted].join(" ").trim();
}

/** The flags of a task's parameters, in their order. */
export function paramFlags({ task }: Declaration): readonly ParamFlag[] {
  return Object.entries(task.params).map(([name, schema]) => ({
    name,
    flag: definitionOf(givenSchema(schema)).type === "boolean" ? flagOf(name) : `${flagOf(name)} <${typeWord(schema)}>`,
    required: schema._zod.optin === undefined,
  }));
}

/**
 * Reads the parameters of a call: `--name value`, `--name=value`, `--name` and `--no-name` for booleans, a flag for each part
 * of a list; values without flags, in the order of the parameters; `{…}` and, for standard input, `-` for all of them as JSON.
 *
 * @param words - what stands behind the task on the command line.
 * @param readInput - the text of standard input.
 * @throws UsageError for what is unknown, missing or can't be read.
 */
export async function readParams(
  declaration: Declaration,
  words: readonly string[],
  readInput: () => Promise<string>,
): Promise<Record<string, unknown>> {
  const { params: schemas } = declaration.task;
  const given = new Map<string, string[]>();
  const whole: Record<string, unknown> = {};
  const take = (name: string, text: string): void => void given.set(name, [...(given.get(name) ?? []), text]);
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") continue;
    if (word === "-" || word.startsWith("{")) {
      Object.assign(whole, paramsOfJson(declaration, word === "-" ? await readInput() : word));
    } else if (word.startsWith("--")) {
      const [flag = "", ...rest] = word.split("=");
      const { name, isNegated } = paramOf(declaration, flag);
      const isBoolean = definitionOf(givenSchema(schemas[name]!)).type === "boolean";
      const next = words[at + 1];
      if (rest.length > 0) take(name, rest.join("="));
      else if (isNegated) take(name, "false");
      else if (isBoolean && next !== "true" && next !== "false") take(name, "true");
      else if (next === undefined) throw new UsageError(`${flag} wants a value`, howTo(declaration));
      else {
        take(name, next);
        at += 1;
      }
    } else {
      refuseShortFlag(declaration, word);
      const name = declaration.paramNames.find((one) => !given.has(one));
      if (name === undefined)
        throw new UsageError(`${declaration.name} has no parameter left for "${word}"`, howTo(declaration));
      take(name, word);
    }
  }
  const read = [...given].map(([name, texts]) => [name, valueOf(schemas[name]!, texts, flagOf(name))] as const);
  const params = { ...whole, ...Object.fromEntries(read) };
  const missing = paramFlags(declaration).filter(({ name, required }) => required && params[name] === undefined);
  if (missing.length > 0)
    throw new UsageError(`${declaration.name} needs ${missing.map(({ flag }) => flag).join(", ")}`, howTo(declaration));
  return params;
}

function valueOf(schema: $ZodType, texts: readonly string[], flag: string): unknown {
  const given = givenSchema(schema);
  const { type, element } = definitionOf(given);
  const [text = ""] = texts;
  if (type === "array" && isScalar(element) && !text.trimStart().startsWith("["))
    return texts.map((one) => fromText(element, one, flag));
  if (texts.length > 1) throw new UsageError(`${flag} is given twice`);
  return fromText(schema, text, flag);
}

function paramsOfJson({ task, name: taskName, ...declaration }: Declaration, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (thrown) {
    throw new UsageError(`the parameters are no JSON: ${(thrown as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UsageError("the parameters must be an object of JSON, by their names");
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => {
      const schema = ownOf(task.params, name);
      if (schema === undefined) throw unknownParam(taskName, name, declaration.paramNames);
      return [name, exactly(fromJson(schema, part), name)];
    }),
  );
}

function paramOf(declaration: Declaration, flag: string): { readonly name: string; readonly isNegated: boolean } {
  const { paramNames: names, task } = declaration;
  const named = (given: string): string | undefined =>
    names.find((name) => name === given.slice(2) || flagOf(name) === given);
  const name = named(flag);
  if (name !== undefined) return { name, isNegated: false };
  const negated = flag.startsWith("--no-") ? named(`--${flag.slice("--no-".length)}`) : undefined;
  if (negated !== undefined && definitionOf(givenSchema(task.params[negated]!)).type === "boolean")
    return { name: negated, isNegated: true };
  throw unknownParam(declaration.name, flag, names.map(flagOf));
}

/** `-a 1` is meant as a flag; behind `=` it is a value: `--text=-a`. */
function refuseShortFlag({ name, paramNames }: Declaration, word: string): void {
  const [flag = ""] = word.split("=");
  const meant = paramNames.find((one) => one === flag.slice(1) || flagOf(one) === `-${flag}`);
  if (word.startsWith("-") && meant !== undefined)
    throw new UsageError(`${name} has no parameter ${flag}; did you mean ${flagOf(meant)}?`);
}

function unknownParam(task: string, given: string, known: readonly string[]): UsageError {
  const near = nearest(given, known);
  return new UsageError(
    `${task} has no parameter ${given}${near === undefined ? "" : `; did you mean ${near}?`}`,
    known.length === 0 ? "it has none" : `it has ${known.join(", ")}`,
  );
}

function howTo(declaration: Declaration): string {
  const flags = paramFlags(declaration).map(({ flag, required }) => (required ? flag : `[${flag}]`));
  return `it is called so: taskpact call ${[declaration.name, ...flags].join(" ")}`;
}
