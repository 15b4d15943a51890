import { TaskError } from "../errors.ts";
import { keyText } from "./key.ts";
import { arrayBufferType, arrayTypes, dataViewType, extension, maxDepth } from "./extension.ts";

/** A string of up to this many bytes is read here, as a call into native code takes 100 ns. */
const shortString = 12;

/**
 * Reads one value from bytes that may come from anyone: time and memory are bounded by their number, the stack by
 * {@link maxDepth}. Nothing that is read shares memory with them.
 */
export class Unpacker {
  readonly #source: Buffer;
  #view: DataView | undefined;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
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
    const record: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      const key = this.#key(depth);
      const value = this.#read(depth + 1);
      if (key === "__proto__") {
        // As JSON.parse does: a property of its own, and no way to the prototype.
        Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        record[key] = value;
      }
    }
    return record;
  }

  #array(count: number, depth: number): unknown[] {
    this.#enter(count, depth);
    const array: unknown[] = [];
    for (let index = 0; index < count; index++) array.push(this.#read(depth + 1));
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
        return new Set(this.#payload(at, depth));
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

  #map(entries: readonly unknown[]): Map<unknown, unknown> {
    if (entries.length % 2 === 1) this.#fail("a Map's last key has no value");
    const map = new Map<unknown, unknown>();
    for (let index = 0; index < entries.length; index += 2) map.set(entries[index], entries[index + 1]);
    return map;
  }

  #bigint(at: number, length: number): bigint {
    if (length === 0) this.#fail("a bigint has no bytes");
    return BigInt.asIntN(length * 8, BigInt(`0x${this.#source.toString("hex", at, at + length)}`));
  }

  #typedArray(at: number, length: number): ArrayBufferView | ArrayBuffer {
    if (length === 0) this.#fail("a typed array has no type");
    const type = this.#source[at]!;
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

  #fail(reason: string): never {
    throw new TaskError(
      "invalid_argument",
      `bytes are no value of MessagePack: ${reason}, at byte ${this.#at} of ${this.#source.length}`,
    );
  }
}

/** A 64-bit integer as a number where it is exact. Our own bigints travel as an extension. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
