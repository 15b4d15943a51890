import { randomUUID } from "node:crypto";

/** A number of a JSON text that JavaScript's numbers can't hold exactly. */
export class LargeNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * Reads JSON as `JSON.parse` does, but whole numbers that it would round, and numbers too large for it, are
 * {@link LargeNumber}s. @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  const value = JSON.parse(text) as unknown;
  const numbers = (text.match(stringOrNumber) ?? []).filter((token) => !token.startsWith('"'));
  if (numbers.every(isExact)) return value;
  const mark: string = randomUUID();
  const marked = text.replace(stringOrNumber, (token) =>
    token.startsWith('"') || isExact(token) ? token : `{"${mark}":"${token}"}`,
  );
  return JSON.parse(marked, (_, part: unknown) =>
    typeof part === "object" && part !== null && mark in part
      ? new LargeNumber(String((part as Record<string, unknown>)[mark]))
      : part,
  );
}

/** Whether a JavaScript number holds the number of a text. Fractions are rounded, as everywhere. */
export function isExact(token: string): boolean {
  const number = Number(token);
  if (!/^-?\d+$/.test(token)) return Number.isFinite(number);
  return Number.isSafeInteger(number) || (Number.isFinite(number) && BigInt(number) === BigInt(token));
}

/** The first such number in a value, with the path to it: `.order.total`. */
export function largeNumberIn(value: unknown, path = ""): { readonly path: string; readonly text: string } | undefined {
  if (value instanceof LargeNumber) return { path, text: value.text };
  if (typeof value !== "object" || value === null) return undefined;
  const parts: Iterable<readonly [unknown, unknown]> =
    value instanceof Map ? value : value instanceof Set ? value.entries() : Object.entries(value);
  for (const [key, part] of parts) {
    const found = largeNumberIn(key, path) ?? largeNumberIn(part, `${path}.${String(key)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
