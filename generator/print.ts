import type { $ZodLazy, $ZodTemplateLiteralPart, $ZodType, $ZodTypes } from "zod/v4/core";
import { isOmittable, type Side } from "./optionality.ts";
import {
  isWord,
  type Property,
  readonlyOf,
  stringText,
  type TupleItem,
  type Type,
  unionOf,
  withoutUndefined,
  word,
} from "./type.ts";

const seen = { in: new WeakMap<$ZodType, Type | undefined>(), out: new WeakMap<$ZodType, Type | undefined>() };

/**
 * The type of a schema: `z.input` or `z.output` of it, exactly.
 *
 * Undefined where a value can't show it: functions make it (`.transform`), or it contains itself.
 */
export function typeOf(schema: $ZodType, side: Side): Type | undefined {
  if (seen[side].has(schema)) return seen[side].get(schema);
  // Undefined while it is being read: a type that contains itself would need a name.
  seen[side].set(schema, undefined);
  const type = read(schema as $ZodTypes, side);
  seen[side].set(schema, type);
  return type;
}

function read(schema: $ZodTypes, side: Side): Type | undefined {
  const { def } = schema._zod;
  const inner = (of: $ZodType): Type | undefined => typeOf(of, side);
  switch (def.type) {
    case "string":
    case "number":
    case "bigint":
    case "boolean":
      return word(isCoerced(def) && side === "in" ? "unknown" : def.type);
    case "date":
      return word(isCoerced(def) && side === "in" ? "unknown" : "Date");
    case "nan":
      return word("number");
    case "null":
    case "undefined":
    case "void":
    case "never":
    case "any":
    case "unknown":
    case "symbol":
      return word(def.type);
    case "literal":
      return unionOf(def.values.map(literalOf));
    case "enum":
      return unionOf(enumValues(def.entries).map(literalOf));
    case "template_literal":
      return templateOf(def.parts);
    case "array":
      return mapped(inner(def.element), (element) => ({ kind: "array", element, isReadonly: false }));
    case "tuple":
      return tupleOf(def.items, def.rest, side);
    case "object":
      return objectOf(def.shape, def.catchall, side);
    case "record":
      return recordOf(def.keyType, def.valueType, def.partial === true, side);
    case "map":
      return genericOf("Map", [inner(def.keyType), inner(def.valueType)]);
    case "set":
      return genericOf("Set", [inner(def.valueType)]);
    case "union":
      return mapped(every(def.options.map(inner)), unionOf);
    case "intersection":
      return mapped(every([inner(def.left), inner(def.right)]), (members) => ({ kind: "intersection", members }));
    case "optional":
      if (schema._zod.traits.has("$ZodExactOptional")) return inner(def.innerType);
      return mapped(inner(def.innerType), orUndefined);
    case "nullable":
      return mapped(inner(def.innerType), (type) => unionOf([type, word("null")]));
    case "nonoptional":
      return mapped(inner(def.innerType), definedOf);
    case "default":
      return mapped(inner(def.innerType), side === "in" ? orUndefined : definedOf);
    case "prefault":
      return mapped(inner(def.innerType), side === "in" ? orUndefined : (type) => type);
    case "catch":
      return inner(def.innerType);
    case "readonly":
      return mapped(inner(def.innerType), readonlyOf);
    case "success":
      return side === "in" ? inner(def.innerType) : word("boolean");
    case "pipe":
      return inner(side === "in" ? def.in : def.out);
    case "lazy":
      return inner((schema as $ZodLazy)._zod.innerType);
    case "custom":
      return instanceOf(schema._zod.bag.Class);
    default:
      // Transforms and what can't be carried; kinds of later versions of zod. The contract knows their types.
      return undefined;
  }
}

function objectOf(
  shape: Readonly<Record<string, $ZodType>>,
  catchall: $ZodType | undefined,
  side: Side,
): Type | undefined {
  // A strict object's catch-all is `never`, and its type that of any other.
  const isOpen = catchall !== undefined && catchall._zod.def.type !== "never";
  const index = isOpen ? typeOf(catchall, side) : undefined;
  if (isOpen && index === undefined) return undefined;
  const names = Object.keys(shape);
  if (names.length === 0 && index === undefined) return genericOf("Record", [word("string"), word("never")]);
  // `{ a: string; [key: string]: number }` can't be written, though zod gives it: `a` must fit the index.
  if (index !== undefined && names.length > 0 && !isWord(index, "unknown") && !isWord(index, "any")) return undefined;
  const properties: Property[] = [];
  for (const name of names) {
    const schema = shape[name];
    const type = schema && typeOf(schema, side);
    if (type === undefined || schema === undefined) return undefined;
    properties.push({ name, type, isOptional: isOmittable(schema, side) });
  }
  return { kind: "object", properties, index, isReadonly: false };
}

function tupleOf(schemas: readonly $ZodType[], restSchema: $ZodType | null, side: Side): Type | undefined {
  const types = every(schemas.map((schema) => typeOf(schema, side)));
  const rest = restSchema === null ? undefined : typeOf(restSchema, side);
  if (types === undefined || (restSchema !== null && rest === undefined)) return undefined;
  // Places can be left out from the end only.
  const lastRequired = schemas.findLastIndex((schema) => !isOmittable(schema, side));
  const items = types.map((type, index): TupleItem => ({ type, isOptional: index > lastRequired }));
  return { kind: "tuple", items, rest, isReadonly: false };
}

function recordOf(key: $ZodType, value: $ZodType, isPartial: boolean, side: Side): Type | undefined {
  const types = every([typeOf(key, side), typeOf(value, side)]);
  if (types === undefined) return undefined;
  const [keyType, valueType] = types as [Type, Type];
  const keys = side === "in" && isWord(keyType, "unknown") ? word("PropertyKey") : keyType;
  const record = genericOf("Record", [keys, valueType]);
  return isPartial || (side === "in" && isOmittable(value, side)) ? genericOf("Partial", [record]) : record;
}

function templateOf(parts: readonly $ZodTemplateLiteralPart[]): Type | undefined {
  const types = every(
    parts.map((part) => {
      if (typeof part !== "object" || part === null) return word(part === undefined ? "" : String(part));
      // An absent part is written as nothing.
      return mapped(typeOf(part, "out"), (type) =>
        canBeUndefined(type) ? unionOf([withoutUndefined(type), literalOf("")]) : type,
      );
    }),
  );
  if (types === undefined) return undefined;
  const isText = (part: $ZodTemplateLiteralPart | undefined): boolean => typeof part !== "object" || part === null;
  return {
    kind: "template",
    parts: types.map((type, index) => (isText(parts[index]) && type.kind === "word" ? type.text : type)),
  };
}

function orUndefined(type: Type): Type | undefined {
  return isWord(type, "unknown") || isWord(type, "any") ? type : unionOf([type, word("undefined")]);
}

/** Undefined for an intersection, in which `undefined` may hide. */
function definedOf(type: Type): Type | undefined {
  return type.kind === "intersection" ? undefined : withoutUndefined(type);
}

function canBeUndefined(type: Type): boolean {
  return isWord(type, "undefined") || (type.kind === "union" && type.members.some(canBeUndefined));
}

function mapped<T>(type: T | undefined, make: (type: T) => Type | undefined): Type | undefined {
  return type === undefined ? undefined : make(type);
}

function every(types: readonly (Type | undefined)[]): readonly Type[] | undefined {
  return types.includes(undefined) ? undefined : (types as readonly Type[]);
}

function genericOf(name: string, types: readonly (Type | undefined)[]): Type | undefined {
  const of = every(types);
  return of && { kind: "generic", name, of };
}

function isCoerced(def: object): boolean {
  return "coerce" in def && def.coerce === true;
}

/** The values of an enum in the order of their declaration, without a numeric enum's way back to its names. */
function enumValues(entries: Readonly<Record<string, string | number>>): readonly (string | number)[] {
  const numbers = new Set(Object.values(entries).filter((value) => typeof value === "number"));
  return Object.entries(entries)
    .filter(([name]) => !numbers.has(Number(name)))
    .map(([, value]) => value);
}

function literalOf(value: unknown): Type {
  if (typeof value === "string") return word(stringText(value));
  if (typeof value === "bigint") return word(`${value}n`);
  // NaN and the infinities have no literal types.
  if (typeof value === "number") return word(Number.isFinite(value) ? String(value) : "number");
  return word(String(value));
}

/** `z.instanceof(Uint8Array)`: spelled so that it is right whatever library of types a project has. */
function instanceOf(constructor: unknown): Type | undefined {
  if (typeof constructor !== "function") return undefined;
  const { name } = constructor;
  const isGlobal = Reflect.get(globalThis, name) === constructor;
  return isGlobal ? { kind: "generic", name: "InstanceType", of: [word(`typeof ${name}`)] } : undefined;
}
