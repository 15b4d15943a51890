import { createHash } from "node:crypto";
import { encode } from "./codec.ts";

/** Tells calls that claim the same id apart: 16 hex digits of the task and its parameters, whatever the order of keys. */
export function fingerprintOf(task: string, params: unknown): string {
  return createHash("sha256")
    .update(task)
    .update("\0")
    .update(encode(sorted(params)))
    .digest("hex")
    .slice(0, 16);
}

/** Deeper than the codec goes, it is left to the codec to refuse. */
const deepest = 500;

function sorted(value: unknown, depth = 0): unknown {
  if (depth > deepest) return value;
  if (Array.isArray(value)) return value.map((item) => sorted(item, depth + 1));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item, depth + 1)]));
}
