/** Records and messages, by docs/protocol.md ("Records", "Values", "Messages"). Nothing of Taskpact is imported here. */
import { createHash } from "node:crypto";
import { addExtension, Packr } from "msgpackr";

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: true });

/** A whole number of any size: msgpackr would send a small one as an integer of 64 bits. */
class Integer {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** A Map's keys and values in turn: msgpackr would send it as an object. */
class Entries {
  readonly flat: readonly unknown[];
  constructor(flat: readonly unknown[]) {
    this.flat = flat;
  }
}

// The table "Values" of the page, as far as msgpackr's own forms differ from it.
addExtension({
  Class: Integer,
  type: 0x42,
  pack: ({ value }: Integer) => {
    let size = 1;
    while (BigInt.asIntN(size * 8, value) !== value) size += 1;
    const hex = BigInt.asUintN(size * 8, value).toString(16);
    return Buffer.from(hex.padStart(size * 2, "0"), "hex");
  },
  unpack: (bytes: Buffer) => BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString("hex")}`)),
});
addExtension({
  Class: Entries,
  type: 0x4d,
  pack: ({ flat }: Entries) => packr.pack(flat),
  unpack: (bytes: Buffer) => {
    const flat = packr.unpack(Buffer.from(bytes)) as readonly unknown[];
    return new Map(flat.flatMap((key, at) => (at % 2 === 0 ? [[key, flat[at + 1]] as const] : [])));
  },
});
addExtension({
  Class: Set,
  type: 0x53,
  pack: (set: ReadonlySet<unknown>) => packr.pack([...set]),
  unpack: (bytes: Buffer) => new Set(packr.unpack(Buffer.from(bytes)) as readonly unknown[]),
});

/** A value's bytes. */
export function pack(value: unknown): Buffer {
  return packr.pack(sendable(value));
}

export function unpack(bytes: Buffer): unknown {
  return packr.unpack(Buffer.from(bytes));
}

function sendable(value: unknown): unknown {
  if (typeof value === "bigint") return new Integer(value);
  if (Array.isArray(value)) return value.map(sendable);
  if (value instanceof Map) return new Entries([...value].flat().map(sendable));
  if (value instanceof Set) return new Set([...value].map(sendable));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sendable(item)]));
}

/** States by their numbers. */
export const states = [
  "queued",
  "delayed",
  "running",
  "retrying",
  "succeeded",
  "failed",
  "canceled",
  "expired",
  "parked",
] as const;

/** The 40 bytes that a safe record begins with. */
export interface Header {
  readonly version: number;
  readonly state: number;
  readonly deaths: number;
  readonly flags: number;
  readonly attempt: number;
  readonly generation: number;
  readonly fence: number;
  readonly deadline: number;
  readonly fingerprint: string;
}

export const flag = { awaited: 1, keepRequest: 2, high: 16, low: 32 } as const;

export function writeHeader(given: Partial<Header>): Buffer {
  const bytes = Buffer.alloc(40);
  bytes[0] = given.version ?? 1;
  bytes[1] = given.state ?? 0;
  bytes[2] = given.deaths ?? 0;
  bytes[3] = given.flags ?? 0;
  bytes.writeUInt16BE(given.attempt ?? 0, 4);
  bytes.writeUInt16BE(given.generation ?? 0, 6);
  bytes.writeDoubleBE(given.fence ?? 0, 8);
  bytes.writeDoubleBE(given.deadline ?? 0, 16);
  bytes.write(given.fingerprint ?? "", 24, 8, "hex");
  return bytes;
}

function readHeader(bytes: Buffer): Header {
  return {
    version: bytes[0]!,
    state: bytes[1]!,
    deaths: bytes[2]!,
    flags: bytes[3]!,
    attempt: bytes.readUInt16BE(4),
    generation: bytes.readUInt16BE(6),
    fence: bytes.readDoubleBE(8),
    deadline: bytes.readDoubleBE(16),
    fingerprint: bytes.toString("hex", 24, 32),
  };
}

/** What a caller asks. */
export interface Request {
  readonly to?: string;
  readonly task: string;
  readonly params: object;
  readonly options?: RequestOptions;
}

export interface RequestOptions {
  readonly attemptTimeoutMs?: number;
  readonly retry?: {
    readonly attempts: number;
    readonly backoff?: { readonly type: string; readonly delayMs: number };
  };
  readonly resultTtlMs?: number;
}

/** An error as it travels. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly name?: string;
  readonly data?: unknown;
  readonly attempt?: number;
  readonly issues?: readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
}

/** What a worker answers. */
export type Reply = { readonly value: unknown } | { readonly error: WireError };

/** A record of the safe level: the header's entry, then `to` if there is one, then the others. */
export function writeRecord(header: Partial<Header>, entries: Request | Reply): Buffer {
  const { to, ...rest } = entries as Request;
  return pack({ h: writeHeader(header), ...(to !== undefined && { to }), ...rest });
}

/** Tells calls of one id apart, by the page's "Ids"; for parameters that are plain values. */
export function fingerprintOf({ task, params }: Request): string {
  const sorted = Object.fromEntries(Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return createHash("sha256").update(`${task}\0`).update(pack(sorted)).digest("hex").slice(0, 16);
}

/** A record of the plain level. */
export function writePlain(entries: Request | Reply): Buffer {
  const { to, ...rest } = entries as Request;
  return pack({ ...(to !== undefined && { to }), ...rest });
}

/** What a record holds, of either level. */
export interface Parsed {
  readonly header: Header | undefined;
  readonly entries: Readonly<Record<string, unknown>>;
}

/** @throws Error for what is no record */
export function parse(record: Buffer): Parsed {
  const entries = unpack(record);
  if (typeof entries !== "object" || entries === null || Array.isArray(entries)) throw new Error("a record is a map");
  const { h, ...rest } = entries as Record<string, unknown>;
  return { header: Buffer.isBuffer(h) && h.length === 40 ? readHeader(h) : undefined, entries: rest };
}

/** What a record that has ended says: its answer, or the state in which it ended without one. */
export function answerIn({ header, entries }: Parsed): Reply | undefined {
  if ("value" in entries) return { value: entries["value"] };
  if ("error" in entries) return { error: entries["error"] as WireError };
  if (header === undefined || header.state < 4) return undefined;
  return { error: { code: states[header.state] ?? "unknown", message: "it ended without an answer" } };
}

/** `[0, id, record or null]`, `[1, id, progress]`, `[2, id, fence]` */
export type Message = readonly [kind: number, id: string, content: Buffer | number | null];

/** The messages in what was published. */
export function messagesIn(bytes: Buffer): readonly Message[] {
  return (packr.unpackMultiple(Buffer.from(bytes)) ?? []) as readonly Message[];
}
