import type { $ZodLazy, $ZodType, $ZodTypes } from "zod/v4/core";

/** A schema of what can't travel, somewhere inside another. */
export interface Refusal {
  /** Where in the value: `.items[].attachment`; empty for the schema itself. */
  readonly path: string;
  /** `a function`. */
  readonly what: string;
  /** What to write instead. */
  readonly remedy: string;
}

/** Classes whose values arrive as they were sent; see the runtime's codec. */
const carried: ReadonlySet<unknown> = new Set<unknown>(
  [
    [Date, Map, Set, ArrayBuffer, DataView, Float32Array, Float64Array, BigInt64Array, BigUint64Array],
    [Int8Array, Int16Array, Int32Array, Uint8Array, Uint8ClampedArray, Uint16Array, Uint32Array],
  ].flat(),
);

/**
 * What in a schema can't be carried without loss.
 *
 * The wire carries the input side, and the receiver's parse makes the output: so a codec from a string to a URL is
 * fine, and a URL is not.
 */
export function refusalsIn(schema: $ZodType): readonly Refusal[] {
  const refusals: Refusal[] = [];
  const seen = new Set<$ZodType>();

  function visit(node: $ZodType, path: string): void {
    if (seen.has(node)) return;
    seen.add(node);
    const refuse = (what: string, remedy: string): void => void refusals.push({ path, what, remedy });
    const schema = node as $ZodTypes;
    const { def } = schema._zod;
    switch (def.type) {
      case "symbol":
        return refuse("a symbol", "send a name of it: z.enum([…]) or z.literal(…)");
      case "function":
        return refuse("a function", "send the data that it would work on: code stays where it is");
      case "promise":
        return refuse("a promise", "write the schema of what it resolves to; a handler may return a promise of it");
      case "file":
        return refuse("a File", "send its bytes, z.instanceof(Uint8Array), and its name beside them");
      case "custom":
        return visitClass(schema._zod.bag.Class, refuse);
      case "object":
        for (const [name, property] of Object.entries(def.shape)) {
          const at = `${path}.${name}`;
          if (name === "__proto__")
            refusals.push({ path: at, what: `a key "__proto__"`, remedy: "rename it: zod never reads it" });
          else visit(property, at);
        }
        if (def.catchall !== undefined) visit(def.catchall, `${path}[key]`);
        return;
      case "array":
        return visit(def.element, `${path}[]`);
      case "tuple":
        def.items.forEach((item, index) => visit(item, `${path}[${index}]`));
        if (def.rest !== null) visit(def.rest, `${path}[]`);
        return;
      case "record":
        visit(def.keyType, `${path}[key]`);
        return visit(def.valueType, `${path}[key]`);
      case "map":
        visit(def.keyType, `${path}.keys()`);
        return visit(def.valueType, `${path}.values()`);
      case "set":
        return visit(def.valueType, `${path}.values()`);
      case "union":
        return def.options.forEach((option) => visit(option, path));
      case "intersection":
        visit(def.left, path);
        return visit(def.right, path);
      case "pipe":
        return visit(def.in, path);
      case "lazy":
        return visit((schema as $ZodLazy)._zod.innerType, path);
      default:
        if ("innerType" in def) visit(def.innerType, path);
    }
  }

  visit(schema, "");
  return refusals;
}

function visitClass(constructor: unknown, refuse: (what: string, remedy: string) => void): void {
  if (typeof constructor !== "function" || carried.has(constructor)) return;
  if (constructor === Buffer) return refuse("a Buffer", "it arrives as a Uint8Array: write z.instanceof(Uint8Array)");
  const { name } = constructor;
  refuse(
    `an instance of ${name}`,
    `send what it is made of: z.object({ … }), or z.codec(z.object({ … }), z.instanceof(${name}), { decode, encode })`,
  );
}
