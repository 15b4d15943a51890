import type { $ZodLazy, $ZodType, $ZodTypes } from "zod/v4/core";

/** `in` is what a sender gives, `out` is what a receiver gets. */
export type Side = "in" | "out";

const noSchemas: ReadonlySet<$ZodType> = new Set();

/**
 * Whether a key with this schema may be left out, *by zod's types*.
 *
 * At run time zod allows a little more (`_zod.optin` of `.catch()`, of transforms), and in two places less; people
 * write against the types. So this follows `z.input` and `z.output`, kind by kind.
 */
export function isOmittable(schema: $ZodType, side: Side, path: ReadonlySet<$ZodType> = noSchemas): boolean {
  const { _zod } = schema as $ZodTypes;
  const { def } = _zod;
  const inner = (of: $ZodType): boolean => isOmittable(of, side, path);
  switch (def.type) {
    case "optional":
      return true;
    case "default":
    case "prefault":
      return side === "in";
    case "nullable":
    case "readonly":
    case "catch":
      return inner(def.innerType);
    case "success":
      return side === "in" && inner(def.innerType);
    case "lazy":
      // The only kind that can lead back to itself.
      return !path.has(schema) && isOmittable((schema as $ZodLazy)._zod.innerType, side, new Set(path).add(schema));
    case "pipe":
      return inner(side === "out" || _zod.traits.has("$ZodPreprocess") ? def.out : def.in);
    case "union":
      return def.options.some(inner);
    case "intersection":
      return inner(def.left) && inner(def.right);
    default:
      return false;
  }
}
