/** A value in words. */
export function named(value: unknown): string {
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${value.name}`;
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an object of a class";
}

/** What to do in its place. */
export function remedy(value: unknown): string {
  if (typeof value !== "object") return "leave it out";
  if (value instanceof Error) return "declare it among the task's errors, or send its message";
  if (value instanceof RegExp) return "send its source and flags";
  if (value instanceof Promise) return "await it";
  if (value instanceof URL) return "send its href";
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) return "leave it out";
  return "send a plain object, or give its schema a codec";
}

/** A path in words: `params.a[2]["first name"]` */
export function shownPath(path: readonly (string | number)[]): string {
  const parts = path.map((key, index) => {
    if (typeof key === "number") return `[${key}]`;
    if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)) return `[${JSON.stringify(key)}]`;
    return index === 0 ? key : `.${key}`;
  });
  return parts.join("");
}
