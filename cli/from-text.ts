import { type $ZodType, safeParse } from "zod/v4/core";
import { UsageError } from "./exit-code.ts";
import { isExact, largeNumberIn, parseJson } from "./exact-json.ts";
import { definitionOf, fromJson, givenSchema, isOfBytes } from "./from-json.ts";

/**
 * Makes of the text of a flag what its parameter's schema takes: numbers, booleans, words; JSON for what has parts.
 *
 * @param flag - what messages call it: `--a`.
 * @throws UsageError for a text that can't be one.
 */
export function fromText(schema: $ZodType, text: string, flag: string): unknown {
  return exactly(read(schema, text, flag), flag);
}

/**
 * A value of JSON whose numbers all are what was written. @param name - what messages call it: `--a`.
 * @throws UsageError for a number that would be another one.
 */
export function exactly<T>(value: T, name: string): T {
  const large = largeNumberIn(value);
  if (large === undefined) return value;
  throw new UsageError(
    `${name}${large.path}: ${large.text} is more than a number can hold exactly`,
    "a parameter that takes such numbers is a bigint, or a string",
  );
}

function read(schema: $ZodType, text: string, flag: string): unknown {
  const given = givenSchema(schema);
  const { type, entries, values, options } = definitionOf(given);
  const refuse = (what: string): never => {
    throw new UsageError(`${flag} takes ${what}; got ${JSON.stringify(text)}`);
  };
  if (text === "null" && type !== "string" && safeParse(schema, null).success) return null;
  switch (type) {
    case "string":
    case "template_literal":
      return text;
    case "number":
    case "int":
      if (text.trim() === "" || Number.isNaN(Number(text))) return refuse("a number");
      return isExact(text.trim()) ? Number(text) : refuse("a number that JavaScript can hold exactly");
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : refuse("true or false");
    case "bigint":
      return /^-?\d+$/.test(text) ? BigInt(text) : refuse("a whole number");
    case "date":
      return Number.isNaN(Date.parse(text)) ? refuse('a date, like "2026-03-29T01:00:00Z"') : new Date(text);
    case "enum":
    case "literal": {
      const words = type === "enum" ? Object.values(entries) : values;
      const word = words.find((one) => String(one) === text);
      return word === undefined ? refuse(`one of ${words.map(String).join(", ")}`) : word;
    }
    case "union":
      return fromUnion(options, text, flag);
    case "any":
    case "unknown":
      return parsed(text) ?? text;
    default: {
      if (isOfBytes(given)) return fromJson(given, text);
      const value = parsed(text);
      return value === undefined ? refuse("JSON") : fromJson(given, value);
    }
  }
}

/** The first reading that the union takes; what fits none is left to its schema, which says why. */
function fromUnion(options: readonly $ZodType[], text: string, flag: string): unknown {
  for (const option of options) {
    try {
      const value = read(option, text, flag);
      if (safeParse(option, value).success) return value;
    } catch (thrown) {
      if (!(thrown instanceof UsageError)) throw thrown;
    }
  }
  return parsed(text) ?? text;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** What a flag takes, in a word: `number`, `EUR|GBP|USD`, `json`. */
export function typeWord(schema: $ZodType): string {
  const given = givenSchema(schema);
  const { type, entries, values, options, element } = definitionOf(given);
  if (type === "enum") return Object.values(entries).join("|");
  if (type === "literal") return values.map(String).join("|");
  if (type === "union") return [...new Set(options.map(typeWord))].join("|");
  if (type === "array" && isScalar(element)) return `${typeWord(element)}…`;
  if (["any", "unknown", "string", "number", "boolean", "bigint", "date"].includes(type)) return type;
  if (type === "int") return "number";
  return isOfBytes(given) ? "base64" : "json";
}

/** Whether a schema's values are written as one word, so that a list of them can be given flag by flag. */
export function isScalar(schema: $ZodType): boolean {
  return ["string", "number", "int", "boolean", "bigint", "date", "enum", "literal"].includes(
    definitionOf(givenSchema(schema)).type,
  );
}
