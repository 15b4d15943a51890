import { type $ZodType, safeParse } from "zod/v4/core";
import { LargeNumber } from "./exact-json.ts";

/** What is read of a schema's definition; which of it is there follows from its type. */
export interface Definition {
  readonly type: string;
  readonly innerType: $ZodType;
  readonly in: $ZodType;
  readonly getter: () => $ZodType;
  readonly element: $ZodType;
  readonly items: readonly $ZodType[];
  readonly rest: $ZodType | null;
  readonly shape: Readonly<Record<string, $ZodType>>;
  readonly catchall: $ZodType | undefined;
  readonly keyType: $ZodType;
  readonly valueType: $ZodType;
  readonly options: readonly $ZodType[];
  readonly left: $ZodType;
  readonly right: $ZodType;
  readonly entries: Readonly<Record<string, string | number>>;
  readonly values: readonly unknown[];
}

const wrappers = new Set(["default", "prefault", "optional", "nonoptional", "nullable", "readonly", "catch"]);

/** A schema's definition. */
export function definitionOf(schema: $ZodType): Definition {
  return schema._zod.def as unknown as Definition;
}

/** The schema within defaults, options and pipes: the one that says what is to be given. */
export function givenSchema(schema: $ZodType): $ZodType {
  const { type, innerType, in: input, getter } = definitionOf(schema);
  if (wrappers.has(type)) return givenSchema(innerType);
  if (type === "pipe") return givenSchema(input);
  return type === "lazy" ? givenSchema(getter()) : schema;
}

/** Whether a schema is of instances of a class, as `z.instanceof(Uint8Array)`. */
export function isOfBytes(schema: $ZodType): boolean {
  return (schema._zod.bag as { readonly Class?: unknown }).Class === Uint8Array;
}

/**
 * Makes of JSON what a schema takes: dates of texts, bigints of texts and numbers, maps of lists of pairs or of objects,
 * sets of lists, bytes of base64. What does not fit is left as it is: the schema tells then.
 */
export function fromJson(schema: $ZodType, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  const given = givenSchema(schema);
  const definition = definitionOf(given);
  switch (definition.type) {
    case "date":
      return typeof value === "string" || typeof value === "number" ? new Date(value) : value;
    case "bigint":
      if (value instanceof LargeNumber) return /^-?\d+$/.test(value.text) ? BigInt(value.text) : value;
      return (typeof value === "string" && /^-?\d+$/.test(value)) || Number.isInteger(value)
        ? BigInt(value as string | number)
        : value;
    case "nan":
      return value === "NaN" ? Number.NaN : value;
    case "array":
      return Array.isArray(value) ? value.map((part) => fromJson(definition.element, part)) : value;
    case "set":
      return Array.isArray(value) ? new Set(value.map((part) => fromJson(definition.valueType, part))) : value;
    case "map":
      return mapOf(definition, value);
    case "tuple":
      return Array.isArray(value)
        ? value.map((part, at) => {
            const item = definition.items[at] ?? definition.rest;
            return item === null ? part : fromJson(item, part);
          })
        : value;
    case "object":
      return isRecord(value) ? partsOf(value, (name) => ownOf(definition.shape, name) ?? definition.catchall) : value;
    case "record":
      return isRecord(value) ? partsOf(value, () => definition.valueType) : value;
    case "intersection":
      return fromJson(definition.right, fromJson(definition.left, value));
    case "union": {
      const fitting = definition.options.map((option) => fromJson(option, value));
      return fitting.find((made, at) => safeParse(definition.options[at]!, made).success) ?? value;
    }
    default:
      return isOfBytes(given) && typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : value;
  }
}

function mapOf({ keyType, valueType }: Definition, value: unknown): unknown {
  const pairs = Array.isArray(value) ? value : isRecord(value) ? Object.entries(value) : undefined;
  if (pairs === undefined || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return value;
  return new Map(
    (pairs as [unknown, unknown][]).map(([key, part]) => [fromJson(keyType, key), fromJson(valueType, part)]),
  );
}

function partsOf(value: object, schemaOf: (name: string) => $ZodType | undefined): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => {
      const schema = schemaOf(name);
      return [name, schema === undefined ? part : fromJson(schema, part)];
    }),
  );
}

/** What an object has under a name of its own: `toString` is none. */
export function ownOf<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function isRecord(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(
      value instanceof LargeNumber ||
      value instanceof Date ||
      value instanceof Map ||
      value instanceof Set ||
      value instanceof Uint8Array
    )
  );
}
