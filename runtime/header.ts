import type { Priority } from "./contract.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { type CallState, states } from "./state.ts";

/*
 * The part of a record that scripts read and patch: a binary of fixed size at a fixed place, the first entry of the map,
 * under the key `h`.
 */

/** The protocol's major version, as most records say it. */
export const protocolVersion = 1;

/** The version of calls that are delivered at most once: a worker that doesn't know of that leaves them to others. */
export const atMostOnceVersion = 2;

/** The newest version that can be read: a reader leaves records of a newer one to others. */
export const newestVersion = 2;

/** Where the header's bytes begin in a record: behind the map's byte, the key `h`, and the bin's two. */
export const headerOffset = 5;

/** The header's size, bytes. */
export const headerBytes = 40;

/** How many attempts a header can count. */
export const mostAttempts = 65_535;

/**
 * What says in which list a call waits. `nested` are calls that a running handler waits for: a worker whose slots are all held by
 * handlers that wait claims these, and no others.
 */
export type Rank = Priority | "nested";

const ranks: readonly Rank[] = ["normal", "high", "low", "nested"];

const flagAwaited = 1;
const flagKeepRequest = 2;
const priorityShift = 4;
const flagLimited = 128;

/*
 * What an open call's header says in place of a fence, in the first of its bytes. No fence begins with so small a byte: a
 * number that does is less than 1.
 */
const markBegun = 1;
const markAtMostOnce = 2;
const markBesideOthers = 4;
const markLostAmongOthers = 8;
const firstFenceByte = 0x3f;

/** What scripts know of a call. */
export interface Header {
  readonly version: number;
  readonly state: CallState;
  /** How often a worker died with it. */
  readonly deaths: number;
  /** Whether the deadline bounds the whole call; otherwise only the wait for its start. */
  readonly awaited: boolean;
  /** Whether its request is kept with its reply. */
  readonly keepRequest: boolean;
  readonly priority: Rank;
  /** Attempts that have ended. */
  readonly attempt: number;
  /** Replays of this id; after 65,535 it begins at 0 again. */
  readonly generation: number;
  /** The fence of the attempt that ended it; 0 before, and where none did. */
  readonly fence: number;
  /** Whether a handler may have begun with it, although no attempt and no death was counted. False once there is a fence, as are those below. */
  readonly begun: boolean;
  /** Whether no handler may begin with it again once one may have. */
  readonly atMostOnce: boolean;
  /** At which death of a worker it is parked; 0 where the workers are to say. */
  readonly maxDeliveries: number;
  /** Whether a worker may run it beside other suspects, if it is one. */
  readonly besideOthers: boolean;
  /** Whether a worker died that ran it beside other suspects: the first death with it alone counts that one, too. */
  readonly lostAmongOthers: boolean;
  /** Epoch ms by the broker's clock; in a submission: ms from then. 0: none. */
  readonly deadline: number;
  /** Tells calls of one id apart, as 16 hex digits; zeros where the id was made by us. */
  readonly fingerprint: string;
  /** The keys of its limits, as 16 hex digits (see limits.ts); undefined for a call without limits. */
  readonly limitKeys: string | undefined;
}

/** Of calls whose id was made by us. */
export const noFingerprint = "0000000000000000";

/** Of a new call of which nothing is asked. */
export const emptyHeader: Header = {
  version: protocolVersion,
  state: "queued",
  deaths: 0,
  awaited: false,
  keepRequest: false,
  priority: "normal",
  attempt: 0,
  generation: 0,
  fence: 0,
  begun: false,
  atMostOnce: false,
  maxDeliveries: 0,
  besideOthers: false,
  lostAmongOthers: false,
  deadline: 0,
  fingerprint: noFingerprint,
  limitKeys: undefined,
};

/** A header of a new call; what is not given is zero. */
export function newHeader(given: Partial<Header>): Header {
  return { ...emptyHeader, ...given };
}

/*
 * Offset  Size  Field (big-endian)
 *  0      1     version
 *  1      1     state
 *  2      1     deaths
 *  3      1     flags: 1 awaited, 2 keepRequest, 16 and 32 priority, both: nested, 128 limited
 *  4      2     attempt
 *  6      2     generation
 *  8      8     fence, float64; without one
 *                 8  1  marks: 1 begun, 2 at most once, 4 beside others, 8 lost among others
 *                 9  1  maxDeliveries
 *                10  6  zeros
 * 16      8     deadline, float64
 * 24      8     fingerprint
 * 32      8     hashes of the limits' keys
 */
function putHeader(target: Buffer, at: number, header: Header): void {
  target[at] = header.version;
  target[at + 1] = states.indexOf(header.state);
  target[at + 2] = header.deaths;
  target[at + 3] =
    (header.awaited ? flagAwaited : 0) |
    (header.keepRequest ? flagKeepRequest : 0) |
    (ranks.indexOf(header.priority) << priorityShift) |
    (header.limitKeys === undefined ? 0 : flagLimited);
  target.writeUInt16BE(header.attempt, at + 4);
  target.writeUInt16BE(header.generation, at + 6);
  target.writeDoubleBE(header.fence, at + 8);
  if (header.fence === 0) putMarks(target, at + 8, header);
  target.writeDoubleBE(header.deadline, at + 16);
  target.fill(0, at + 24, at + 40);
  if (header.fingerprint !== noFingerprint) target.write(header.fingerprint, at + 24, 8, "hex");
  if (header.limitKeys !== undefined) target.write(header.limitKeys, at + 32, 8, "hex");
}

function putMarks(target: Buffer, at: number, header: Header): void {
  target[at] =
    (header.begun ? markBegun : 0) |
    (header.atMostOnce ? markAtMostOnce : 0) |
    (header.besideOthers ? markBesideOthers : 0) |
    (header.lostAmongOthers ? markLostAmongOthers : 0);
  target[at + 1] = header.maxDeliveries;
}

/** Whether a handler may have started this call before. The scripts' `has_begun` is the same rule. */
export function mayHaveBegun({ attempt, deaths, begun }: Header, suspect: boolean): boolean {
  return suspect || attempt > 0 || deaths > 0 || begun;
}

/** The same bytes as a Buffer, which reads numbers. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether a record has a header. */
export function hasHeader(record: Uint8Array): boolean {
  return (
    record.length >= headerOffset + headerBytes &&
    (record[0]! & 0xf0) === 0x80 &&
    record[1] === 0xa1 &&
    record[2] === 0x68 &&
    record[3] === 0xc4 &&
    record[4] === headerBytes
  );
}

/** The state in a record's header; undefined for one of the plain level. @throws TaskError `internal` for one that does not exist. */
export function stateOf(record: Uint8Array): CallState | undefined {
  if (!hasHeader(record)) return undefined;
  const state = states[record[headerOffset + 1]!];
  if (state === undefined) throw malformed();
  return state;
}

/** How many attempts a record's header counts, whatever else is in it; without one, as many as there can be. */
export function attemptsIn(record: Uint8Array): number {
  return hasHeader(record) ? bufferOf(record).readUInt16BE(headerOffset + 4) : mostAttempts;
}

function malformed(): AnyTaskError {
  return new TaskError<string, unknown>("internal", "a record's header is malformed");
}

/**
 * A record's header; undefined for one of the plain level.
 *
 * @throws TaskError `internal` for a state that does not exist, or a fence or deadline that is no finite number from 0 on.
 */
export function readHeader(record: Uint8Array): Header | undefined {
  if (!hasHeader(record)) return undefined;
  const source = bufferOf(record);
  const at = headerOffset;
  const state = stateOf(record);
  const flags = source[at + 3]!;
  const priority = ranks[(flags >> priorityShift) & 3]!;
  if (state === undefined) throw malformed();
  const held = source.readDoubleBE(at + 8);
  const deadline = source.readDoubleBE(at + 16);
  // What is no number compares as false with everything: no time would ever be up, and no fence be held.
  if (!(held >= 0 && deadline >= 0 && held < Infinity && deadline < Infinity)) throw malformed();
  const isFenced = source[at + 8]! >= firstFenceByte;
  const marks = isFenced ? 0 : source[at + 8]!;
  return {
    version: source[at]!,
    state,
    deaths: source[at + 2]!,
    awaited: (flags & flagAwaited) !== 0,
    keepRequest: (flags & flagKeepRequest) !== 0,
    priority,
    attempt: source.readUInt16BE(at + 4),
    generation: source.readUInt16BE(at + 6),
    fence: isFenced ? held : 0,
    begun: (marks & markBegun) !== 0,
    atMostOnce: (marks & markAtMostOnce) !== 0,
    maxDeliveries: isFenced ? 0 : source[at + 9]!,
    besideOthers: (marks & markBesideOthers) !== 0,
    lostAmongOthers: (marks & markLostAmongOthers) !== 0,
    deadline,
    fingerprint: isZero(source, at + 24) ? noFingerprint : source.toString("hex", at + 24, at + 32),
    limitKeys: (flags & flagLimited) === 0 ? undefined : source.toString("hex", at + 32, at + 40),
  };
}

function isZero(source: Buffer, at: number): boolean {
  return (source.readUInt32BE(at) | source.readUInt32BE(at + 4)) === 0;
}

/**
 * A copy of a record with some of its header's fields changed. One of the plain level gets a header with them, if it is
 * a map that has room for one.
 */
export function withHeader(record: Uint8Array, changes: Partial<Header>): Buffer {
  const header = readHeader(record);
  if (header === undefined) return isSmallMap(record) ? prepend(newHeader(changes), record) : Buffer.from(record);
  const copy = Buffer.from(record);
  putHeader(copy, headerOffset, { ...header, ...changes });
  return copy;
}

/**
 * A copy of a record under another header, whatever is wrong with its own. Undefined where it can have none, as it is no
 * map that has room for one.
 */
export function underHeader(record: Uint8Array, header: Header): Buffer | undefined {
  if (!hasHeader(record)) return isSmallMap(record) ? prepend(header, record) : undefined;
  const copy = Buffer.from(record);
  putHeader(copy, headerOffset, header);
  return copy;
}

/** Whether this is a map whose size still fits into its first byte with one entry more. */
export function isSmallMap(bytes: Uint8Array, at = 0): boolean {
  return bytes.length > at && bytes[at]! >= 0x80 && bytes[at]! < 0x8f;
}

/** What a header takes in front of a map's entries, in place of the map's first byte. */
export const prefixBytes = headerOffset + headerBytes;

/** A map with a header put before its entries. */
function prepend(header: Header, map: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(prefixBytes + map.length - 1);
  record.set(map, prefixBytes - 1);
  fillPrefix(record, header);
  return record;
}

/** Puts a header before the entries of a small map that begins a byte before the end of the prefix. */
export function fillPrefix(record: Buffer, header: Header): void {
  record[0] = record[prefixBytes - 1]! + 1;
  record[1] = 0xa1;
  record[2] = 0x68;
  record[3] = 0xc4;
  record[4] = headerBytes;
  putHeader(record, headerOffset, header);
}
