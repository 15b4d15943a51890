import type { $ZodLazy, $ZodType, $ZodTypes } from "zod/v4/core";
import type { NameFault } from "./names.ts";

/** What the generator reads of a task's limits; they were checked when it was declared. */
export interface LimitsValue {
  readonly concurrencyKey?: unknown;
  readonly rateLimit?: { readonly key?: unknown } | undefined;
}

/** What keeps a limit's key from being the same wherever it is made. */
export interface LimitFault extends NameFault {
  /** The part of the task that has the key. */
  readonly part: "concurrencyKey" | "rateLimit";
}

/**
 * All that is wrong with a task's keys: caller and worker each parse the params, and a default that a function makes differs
 * between the two, so that the key would, too.
 */
export function limitFaults(
  { concurrencyKey, rateLimit }: LimitsValue,
  params: Readonly<Record<string, $ZodType>>,
): readonly LimitFault[] {
  const part = concurrencyKey !== undefined ? "concurrencyKey" : rateLimit?.key === undefined ? undefined : "rateLimit";
  if (part === undefined) return [];
  return Object.entries(params).flatMap(([name, schema]) => {
    const path = changingDefault(schema);
    if (path === undefined) return [];
    return {
      part,
      reason: `${part === "rateLimit" ? "rateLimit.key" : part}: the default of params.${name}${path} is made by a function: caller and worker would get different keys`,
      remedy: "let callers give it, or give it a default that is a value",
    };
  });
}

/** Where in a schema stands a default that is not always the same. */
function changingDefault(schema: $ZodType, path = "", seen = new Set<$ZodType>()): string | undefined {
  if (seen.has(schema)) return undefined;
  seen.add(schema);
  const inner = (node: $ZodType, at = path): string | undefined => changingDefault(node, at, seen);
  const first = (found: readonly (string | undefined)[]): string | undefined => found.find((one) => one !== undefined);
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case "default":
    case "prefault":
      return changes(() => def.defaultValue) ? path : inner(def.innerType);
    case "object":
      return first(Object.entries(def.shape).map(([name, property]) => inner(property, `${path}.${name}`)));
    case "array":
      return inner(def.element, `${path}[]`);
    case "tuple":
      return first(def.items.map((item, index) => inner(item, `${path}[${index}]`)));
    case "record":
    case "map":
      return inner(def.valueType, `${path}[key]`);
    case "set":
      return inner(def.valueType, `${path}[]`);
    case "union":
      return first(def.options.map((option) => inner(option)));
    case "intersection":
      return inner(def.left) ?? inner(def.right);
    case "pipe":
      return inner(def.in) ?? inner(def.out);
    case "lazy":
      return inner((schema as $ZodLazy)._zod.innerType);
    default:
      return "innerType" in def ? inner(def.innerType) : undefined;
  }
}

/** Whether a default is another at its next reading: zod calls the function each time. Clocks are given time to go on. */
function changes(read: () => unknown): boolean {
  const before = textOf(read());
  if (before !== textOf(read())) return true;
  for (const start = Date.now(); Date.now() < start + 2;);
  return before !== textOf(read());
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? `${one}n` : one)) ?? "undefined";
}
