import { TaskError } from "../errors.ts";
import { HashSteps, indexIn } from "./hash-steps.ts";
import { keyText, newKeys } from "./key.ts";
import { arrayBufferType, arrayTypes, dataViewType, extension, maxDepth } from "./extension.ts";

/** A string of up to this many bytes is read here, as a call into native code takes 100 ns. */
const shortString = 12;

/** How much memory a value may take for each of its bytes; one of less than a mebibyte as much as one of that. */
const memoryPerByte = 20;
const freeMemory = memoryPerByte * 1_048_576;
/** An object of more properties than these keeps them in a hash table. */
const mostFastProperties = 16;
/** Array indexes are set apart where they are more than a few: see {@link setIndexes}. */
const mostIndexes = 2 ** 21;
/** An array that is larger is not made in its full size at once: V8 would take it for a sparse one. */
const mostAtOnce = 2 ** 24;

/** What objects take on V8's heap and beside it, bytes. */
const cost = {
  object: 56,
  property: 8,
  tableProperty: 56,
  string: 24,
  /** A hidden class, or what is in place of one, for an object whose keys were not seen before. */
  shape: 96,
  array: 32,
  elements: 16,
  element: 8,
  set: 152,
  setItem: 40,
  map: 184,
  mapEntry: 56,
  date: 112,
  bigint: 24,
  bytes: 216,
  typedArray: 400,
} as const;

/**
 * Reads one value from bytes that may come from anyone: time and memory are bounded by their number, the stack by
 * {@link maxDepth}. Nothing that is read shares memory with them.
 */
export class Unpacker {
  readonly #source: Buffer;
  #view: DataView | undefined;
  #hashSteps: HashSteps | undefined;
  #at = 0;
  #end: number;
  /** How much memory the rest of the value may take. */
  #memory: number;

  constructor(bytes: Uint8Array) {
    this.#source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
    this.#memory = Math.max(memoryPerByte * bytes.length, freeMemory);
  }

  /** The value. @throws TaskError `invalid_argument` for bytes that are not exactly one value. */
  unpack(): unknown {
    const value = this.#read(0);
    this.#finish();
    return value;
  }

  /** A map's last `count` entries, which stand from a place on. @throws TaskError as {@link unpack}. */
  entries(at: number, count: number): Record<string, unknown> {
    this.#skip(at);
    const record = this.#record(count, 0);
    this.#finish();
    return record;
  }

  #finish(): void {
    if (this.#at !== this.#end) this.#fail(`${this.#end - this.#at} bytes follow the value`);
  }

  #read(depth: number): unknown {
    const source = this.#source;
    const at = this.#skip(1);
    const head = source[at]!;
    if (head < 0x80) return head;
    if (head < 0x90) return this.#record(head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head < 0xc0) return this.#string(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#bytes(this.#size(head - 0xc4));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#size(head - 0xc7), depth);
      case 0xca:
        return source.readFloatBE(this.#skip(4));
      case 0xcb:
        return this.#double(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#size(head - 0xcc);
      case 0xcf:
        return exact(source.readBigUInt64BE(this.#skip(8)));
      case 0xd0:
        return source.readInt8(this.#skip(1));
      case 0xd1:
        return source.readInt16BE(this.#skip(2));
      case 0xd2:
        return source.readInt32BE(this.#skip(4));
      case 0xd3:
        return exact(source.readBigInt64BE(this.#skip(8)));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (head - 0xd4), depth);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#size(head - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#size(head - 0xdc + 1), depth);
      case 0xde:
      case 0xdf:
        return this.#record(this.#size(head - 0xde + 1), depth);
      default:
        return this.#fail("0xc1 begins no value");
    }
  }

  #record(count: number, depth: number): Record<string, unknown> {
    this.#enter(count * 2, depth);
    this.#take(cost.object + count * (count > mostFastProperties ? cost.tableProperty : cost.property));
    const newShape = count > mostFastProperties ? 0 : cost.shape;
    const record: Record<string, unknown> = {};
    let indexes: Indexed | undefined;
    for (let index = 0; index < count; index++) {
      const seen = newKeys;
      const key = this.#key(depth);
      if (newKeys !== seen) this.#take(cost.string + key.length + newShape);
      const value = this.#read(depth + 1);
      const arrayIndex = indexIn(key);
      if (arrayIndex !== undefined) {
        if (count <= mostFastProperties) record[key] = value;
        else (indexes ??= { keys: [], values: [] }).values[indexes.keys.push(arrayIndex) - 1] = value;
      } else if (key === "__proto__") {
        // As JSON.parse does: a property of its own, and no way to the prototype.
        Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        record[key] = value;
      }
    }
    if (indexes !== undefined) {
      if (indexes.keys.length > mostIndexes)
        this.#fail(`a map has more than ${mostIndexes} keys that are array indexes`);
      setIndexes(record, indexes);
    }
    return record;
  }

  #array(count: number, depth: number): unknown[] {
    this.#enter(count, depth);
    this.#take(cost.array + (count === 0 ? 0 : cost.elements + count * cost.element));
    // Of its size from the beginning, for one that grows takes up to ten times as much.
    const array: unknown[] = count === 0 || count > mostAtOnce ? [] : Array(count);
    for (let index = 0; index < count; index++) array[index] = this.#read(depth + 1);
    return array;
  }

  #key(depth: number): string {
    const head = this.#source[this.#at]!;
    if (head > 0xa0 && head < 0xc0) return this.#knownKey(head & 0x1f);
    const key = this.#read(depth + 1);
    if (typeof key === "string") return key;
    // Not a bigint, which may be so large that its text takes minutes.
    if (typeof key === "number" || typeof key === "boolean") return String(key);
    return this.#fail("a map has a key that is no text; a Map travels as extension 0x4d");
  }

  #knownKey(length: number): string {
    this.#at++;
    const at = this.#skip(length);
    return keyText(this.#source, at, length);
  }

  #string(length: number): string {
    const source = this.#source;
    const start = this.#skip(length);
    const end = this.#at;
    // V8 has one empty string, and one of each character of a byte.
    if (length > 1) this.#take(cost.string + length);
    if (length > shortString) return source.toString("utf8", start, end);
    let text = "";
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const [a, b, c, d] = [source[at]!, source[at + 1]!, source[at + 2]!, source[at + 3]!];
      if ((a | b | c | d) >= 0x80) return source.toString("utf8", start, end);
      text += String.fromCharCode(a, b, c, d);
    }
    for (; at < end; at++) {
      if (source[at]! >= 0x80) return source.toString("utf8", start, end);
      text += String.fromCharCode(source[at]!);
    }
    return text;
  }

  /** A view costs as much as a few numbers, but reads each three times as fast. */
  #double(at: number): number {
    const source = this.#source;
    this.#view ??= new DataView(source.buffer, source.byteOffset, source.byteLength);
    return this.#view.getFloat64(at);
  }

  #bytes(length: number): Uint8Array {
    const at = this.#skip(length);
    this.#take(cost.bytes + length);
    const copy = new Uint8Array(length);
    this.#source.copy(copy, 0, at, at + length);
    return copy;
  }

  #extension(length: number, depth: number): unknown {
    const type = this.#source.readInt8(this.#skip(1));
    const at = this.#skip(length);
    switch (type) {
      case extension.undefined:
        return undefined;
      case extension.bigint:
        return this.#bigint(at, length);
      case extension.map:
        return this.#map(this.#payload(at, depth));
      case extension.set:
        return this.#set(this.#payload(at, depth));
      case extension.array:
        return this.#typedArray(at, length);
      case extension.date:
        return this.#date(at, length);
      default:
        return this.#fail(`extension ${type} is unknown`);
    }
  }

  /** The array that is an extension's whole payload. */
  #payload(at: number, depth: number): unknown[] {
    const end = this.#at;
    const outerEnd = this.#end;
    this.#at = at;
    this.#end = end;
    const value = this.#read(depth);
    if (this.#at !== end || !Array.isArray(value)) this.#fail("a Map or Set is no array");
    this.#end = outerEnd;
    return value;
  }

  #set(items: readonly unknown[]): Set<unknown> {
    this.#hashSteps ??= new HashSteps(this.#source.length);
    const set = this.#hashSteps.setOf(items) ?? this.#fail("a Set's items have the same hashes");
    this.#take(cost.set + set.size * cost.setItem);
    return set;
  }

  #map(entries: readonly unknown[]): Map<unknown, unknown> {
    if (entries.length % 2 === 1) this.#fail("a Map's last key has no value");
    this.#hashSteps ??= new HashSteps(this.#source.length);
    const map = this.#hashSteps.mapOf(entries) ?? this.#fail("a Map's keys have the same hashes");
    this.#take(cost.map + map.size * cost.mapEntry);
    return map;
  }

  #bigint(at: number, length: number): bigint {
    if (length === 0) this.#fail("a bigint has no bytes");
    this.#take(cost.bigint + length);
    if (length <= 6) return BigInt(this.#source.readIntBE(at, length));
    return BigInt.asIntN(length * 8, BigInt(`0x${this.#source.toString("hex", at, at + length)}`));
  }

  #typedArray(at: number, length: number): ArrayBufferView | ArrayBuffer {
    if (length === 0) this.#fail("a typed array has no type");
    const type = this.#source[at]!;
    this.#take(cost.typedArray + length);
    const copy = new Uint8Array(length - 1);
    this.#source.copy(copy, 0, at + 1, at + length);
    if (type === arrayBufferType) return copy.buffer;
    if (type === dataViewType) return new DataView(copy.buffer);
    const TypedArray = arrayTypes[type];
    if (TypedArray === undefined || copy.length % TypedArray.BYTES_PER_ELEMENT !== 0)
      return this.#fail("a typed array is malformed");
    return new TypedArray(copy.buffer);
  }

  #date(at: number, length: number): Date {
    this.#take(cost.date);
    const source = this.#source;
    let seconds: number;
    let nanoseconds = 0;
    if (length === 4) {
      seconds = source.readUInt32BE(at);
    } else if (length === 8) {
      const first = source.readUInt32BE(at);
      nanoseconds = first >>> 2;
      seconds = (first & 3) * 0x1_0000_0000 + source.readUInt32BE(at + 4);
    } else if (length === 12) {
      nanoseconds = source.readUInt32BE(at);
      seconds = Number(source.readBigInt64BE(at + 4));
    } else {
      return this.#fail("a timestamp is malformed");
    }
    const date = new Date(seconds * 1_000 + Math.floor(nanoseconds / 1_000_000));
    if (Number.isNaN(date.getTime())) this.#fail("a timestamp is out of a Date's range");
    return date;
  }

  /** A number of 8, 16 or 32 bits. */
  #size(width: number): number {
    if (width === 0) return this.#source[this.#skip(1)]!;
    return width === 1 ? this.#source.readUInt16BE(this.#skip(2)) : this.#source.readUInt32BE(this.#skip(4));
  }

  /** Where the next `length` bytes begin; they are taken. */
  #skip(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) this.#fail(`they end ${length - (this.#end - at)} bytes early`);
    this.#at = at + length;
    return at;
  }

  /** Each item takes at least a byte, so that a short text can't ask for a long loop. */
  #enter(items: number, depth: number): void {
    if (items > this.#end - this.#at) this.#fail("they end early");
    if (depth >= maxDepth) this.#fail(`they are nested more than ${maxDepth} deep`);
  }

  /** Small bytes can stand for large objects: 4 MiB of empty maps would be 300. */
  #take(memory: number): void {
    this.#memory -= memory;
    if (this.#memory < 0) this.#fail(`it would take more than ${memoryPerByte} times its bytes of memory`);
  }

  #fail(reason: string): never {
    throw new TaskError(
      "invalid_argument",
      `bytes are no value of MessagePack: ${reason}, at byte ${this.#at} of ${this.#source.length}`,
    );
  }
}

/** Keys that are array indexes, and their values. */
interface Indexed {
  readonly keys: number[];
  readonly values: unknown[];
}

/**
 * Gives an object its properties that are array indexes, the largest first: by others of their orders V8 can be had to
 * copy all of them again and again, between an array and a hash table. Their order in the object is always the same.
 */
function setIndexes(record: Record<number, unknown>, { keys, values }: Indexed): void {
  // Of two that are the same the last one counts: it is the first one here, and comes to stand below.
  const order = Float64Array.from(keys, (key, at) => key * mostIndexes + (keys.length - 1 - at)).sort();
  for (let at = order.length - 1; at >= 0; at--) {
    const one = order[at]!;
    record[Math.floor(one / mostIndexes)] = values[keys.length - 1 - (one % mostIndexes)];
  }
}

/** A 64-bit integer as a number where it is exact. Our own bigints travel as an extension. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
