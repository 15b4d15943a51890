/**
 * One line of JSON of any value that calls carry: dates as ISO texts, bigints, and numbers that are not finite, as texts, bytes in base64, maps as lists of
 * pairs, sets as lists. `fromJson` takes the same back.
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(plain(value), undefined, indent) ?? "null";
}

/** JSON would lose them, or refuse them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return String(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  if (value instanceof Map) return [...value].map((pair) => pair.map(plain));
  if (value instanceof Set) return Array.from(value, plain);
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>, plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
