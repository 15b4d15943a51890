import { encode } from "./codec.ts";
import { isWellFormed } from "./well-formed.ts";

/** What goes with a call and all that follow from it, and is no parameter of any: a tenant, a request's id, a language. */
export type Metadata = Readonly<Record<string, string>>;

/** How large it may be, bytes as encoded. */
export const maxMetadataBytes = 4_096;

/** Of a call that has none. */
export const noMetadata: Metadata = Object.freeze({});

/** Refuses what is no map of text. Absent is fine. */
export function checkTexts(name: string, value: unknown, fail: (reason: string) => never): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(`${name} must be an object of strings`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") fail(`${name} must be an object of strings; ${JSON.stringify(key)} is none`);
    if (!isWellFormed(key) || !isWellFormed(text))
      fail(`${name} must be text; ${JSON.stringify(key)} holds a lone surrogate, which can't be carried`);
  }
}

/** Metadata with more of it, whose keys go before; refused if it is too large by then. */
export function mergedMetadata(
  before: Metadata | undefined,
  more: Metadata | undefined,
  fail: (reason: string) => never,
): Metadata | undefined {
  if (more === undefined) return before;
  const merged = Object.freeze({ ...before, ...more });
  const { length } = encode(merged);
  if (length > maxMetadataBytes) fail(`metadata takes ${length} bytes, more than the ${maxMetadataBytes} allowed`);
  return merged;
}
