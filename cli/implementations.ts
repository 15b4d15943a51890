import type { Implementation } from "../runtime/implementation.ts";
import { UsageError } from "./exit-code.ts";

/**
 * What a module's exports implement: everything that `implement…()` made, by whatever name, and lists of that.
 *
 * @throws UsageError where there is none.
 */
export function implementationsIn(exported: unknown, file: string): readonly Implementation[] {
  const values: readonly unknown[] = Object.values(exported as object);
  // Lists; and what CommonJS exports, which is the default of what an import of it gives.
  const within = values.flatMap((value): readonly unknown[] => (isObject(value) ? Object.values(value) : []));
  const found = new Set([...values, ...within].filter(isImplementation));
  if (found.size === 0)
    throw new UsageError(
      `${file} exports no implementations`,
      "export what implement…() made: export const math = implementMath({ … })",
    );
  return [...found];
}

function isImplementation(value: unknown): value is Implementation {
  return isObject(value) && "contract" in value && "tasks" in value && Array.isArray(value.tasks);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
