import type { ClaimedCall } from "../../broker.ts";
import { bytesOf, textOf } from "./foreign-text.ts";

/*
 * Many strings as one argument of a script, or one reply of it: each is preceded by its length in four bytes, big-endian.
 * What a command costs on its way, at both ends, goes by the number of its arguments.
 */

/** Packs strings, as UTF-8, and bytes. */
export function packed(items: readonly (string | Uint8Array)[]): Buffer {
  let most = 0;
  for (const item of items) most += 4 + (typeof item === "string" ? 3 * item.length : item.length);
  const bytes = Buffer.allocUnsafe(most);
  let at = 0;
  for (const item of items) {
    const from = at + 4;
    const length = typeof item === "string" ? writeText(bytes, item, from) : item.length;
    if (typeof item !== "string") bytes.set(item, from);
    bytes[at] = length >>> 24;
    bytes[at + 1] = length >>> 16;
    bytes[at + 2] = length >>> 8;
    bytes[at + 3] = length;
    at = from + length;
  }
  return bytes.subarray(0, at);
}

/** Ids mostly are short and of ASCII: a loop is faster than a call into the encoder. */
function writeText(bytes: Buffer, text: string, from: number): number {
  const { length } = text; // Once: for strings of many kinds, each asking takes V8 8 ns.
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return bytesOf(text).copy(bytes, from);
    bytes[from + at] = code;
  }
  return length;
}

/**
 * The calls of a claim, packed as id and record: the records share their memory with `bytes`.
 *
 * @param suspects - how many of them, the first ones, have had a worker that died.
 */
export function unpackedCalls(bytes: Buffer, suspects: number): readonly ClaimedCall[] {
  const calls: ClaimedCall[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const idEnd = at + 4 + bytes.readUInt32BE(at);
    const from = idEnd + 4;
    const id = textOf(bytes.subarray(at + 4, idEnd));
    at = from + bytes.readUInt32BE(idEnd);
    calls.push({ id, record: bytes.subarray(from, at), suspect: calls.length < suspects });
  }
  return calls;
}
