import { TaskError } from "../errors.ts";
import { arrayBufferType, arrayTypes, dataViewType, extension, maxDepth } from "./extension.ts";
import { Measure, type Sink } from "./measure.ts";
import { Output } from "./output.ts";
import { named, remedy, shownPath } from "./refusal.ts";

/** What a value that is no plain object, array or primitive is, told by its prototype: one look-up for all kinds. */
const kinds = new Map<object | null, "map" | "set" | "date" | "bytes" | "buffer" | "view" | number>([
  [Map.prototype, "map"],
  [Set.prototype, "set"],
  [Date.prototype, "date"],
  [Uint8Array.prototype, "bytes"],
  [Buffer.prototype, "bytes"],
  [ArrayBuffer.prototype, "buffer"],
  [DataView.prototype, "view"],
  ...arrayTypes.flatMap((type, number) => (type === Uint8Array ? [] : [[type.prototype, number] as const])),
]);

/**
 * Walks values and writes them. The checks for what can't be carried are part of the one pass over the value, so
 * that they cost next to nothing; the path is only noted on the way down, and put into words when something is refused.
 */
export class Packer {
  readonly #bytes = new Output();
  readonly #measure = new Measure();
  /** What the walk goes into: the bytes, or what counts them. */
  #output: Sink = this.#bytes;
  readonly #path: (string | number)[] = [];

  /** The value's bytes behind so many free ones, in memory of their own. @throws TaskError `invalid_argument` naming the path of what can't be carried. */
  pack(value: unknown, free: number): Buffer {
    this.#bytes.begin(free);
    this.#walk(value, this.#bytes);
    return this.#bytes.end();
  }

  /** How many bytes the value would take: the same walk, which copies nothing. @throws TaskError as {@link pack}. */
  measure(value: unknown): number {
    this.#measure.size = 0;
    this.#walk(value, this.#measure);
    return this.#measure.size;
  }

  #walk(value: unknown, output: Sink): void {
    this.#output = output;
    try {
      this.#write(value, 0);
    } catch (error) {
      // A getter or proxy that throws, or an object that only claims to be a Map.
      throw TaskError.from(error, "invalid_argument");
    }
  }

  #write(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        if (!this.#output.string(value)) this.#fail(depth, loneSurrogate);
        return;
      case "number":
        return this.#output.number(value);
      case "object":
        if (value === null) this.#output.byte(0xc0);
        else this.#object(value, depth);
        return;
      case "boolean":
        return this.#output.byte(value ? 0xc3 : 0xc2);
      case "undefined":
        return this.#output.undefined();
      case "bigint":
        return this.#output.bigint(value);
      default:
        return this.#refuse(value, depth);
    }
  }

  #object(value: object, depth: number): void {
    if (depth >= maxDepth) return this.#refuse(value, depth);
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null)
      return this.#record(value as Record<string, unknown>, depth);
    if (Array.isArray(value)) {
      if (prototype !== Array.prototype && !isRootOfAnotherRealm(Object.getPrototypeOf(prototype)))
        return this.#refuse(value, depth);
      return this.#array(value, depth);
    }
    const kind = kinds.get(prototype);
    switch (kind) {
      case "map":
        return this.#map(value as Map<unknown, unknown>, depth);
      case "set":
        return this.#set(value as Set<unknown>, depth);
      case "date":
        return this.#date(value as Date, depth);
      case "bytes":
        return this.#output.bytes(value as Uint8Array);
      case "buffer":
        return this.#output.view(arrayBufferType, new Uint8Array(value as ArrayBuffer));
      case "view":
        return this.#output.view(dataViewType, value as DataView);
      case undefined:
        if (isRootOfAnotherRealm(prototype)) return this.#record(value as Record<string, unknown>, depth);
        return this.#refuse(value, depth);
      default:
        return this.#output.view(kind, value as ArrayBufferView);
    }
  }

  #record(record: Record<string, unknown>, depth: number): void {
    const keys = Object.keys(record);
    this.#output.head(keys.length, 0x80, 0xde);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      this.#path[depth] = key;
      if (!this.#output.string(key)) this.#fail(depth + 1, loneSurrogate);
      this.#write(record[key], depth + 1);
    }
  }

  #array(array: readonly unknown[], depth: number): void {
    const length = array.length;
    this.#output.head(length, 0x90, 0xdc);
    for (let index = 0; index < length; index++) {
      const item = array[index];
      this.#path[depth] = index;
      if (item === undefined && !(index in array)) {
        this.#fail(depth + 1, "an array with holes can't be carried; fill them with undefined or null");
      }
      this.#write(item, depth + 1);
    }
  }

  #map(map: ReadonlyMap<unknown, unknown>, depth: number): void {
    const start = this.#output.openExtension(extension.map);
    this.#output.head(map.size * 2, 0x90, 0xdc);
    let index = 0;
    for (const [key, value] of map) {
      this.#path[depth] = index++;
      this.#write(key, depth + 1);
      this.#write(value, depth + 1);
    }
    this.#output.closeExtension(start);
  }

  #set(set: ReadonlySet<unknown>, depth: number): void {
    const start = this.#output.openExtension(extension.set);
    this.#output.head(set.size, 0x90, 0xdc);
    let index = 0;
    for (const item of set) {
      this.#path[depth] = index++;
      this.#write(item, depth + 1);
    }
    this.#output.closeExtension(start);
  }

  #date(date: Date, depth: number): void {
    const time = date.getTime();
    // It would need an invalid timestamp, which a reader in another language can only fail on.
    if (Number.isNaN(time)) this.#fail(depth, "an invalid Date can't be carried; send null or leave it out");
    this.#output.date(time);
  }

  #refuse(value: unknown, depth: number): never {
    if (depth >= maxDepth) {
      // The first keys tell as much as all the hundreds of them.
      this.#fail(
        8,
        `a value that contains itself, or is nested more than ${maxDepth} deep, can't be carried; send ids in place of references`,
      );
    }
    return this.#fail(depth, `${named(value)} can't be carried; ${remedy(value)}`);
  }

  #fail(depth: number, reason: string): never {
    const path = this.#path.slice(0, depth);
    throw new TaskError("invalid_argument", path.length === 0 ? reason : `${shownPath(path)}: ${reason}`, {
      issues: [{ path, message: reason }],
    });
  }
}

/** Two of them would arrive as one and the same text. */
const loneSurrogate =
  "a string with a lone surrogate can't be carried; cut text between code points, or send text.toWellFormed()";

/** Whether this is the `Object.prototype` of another realm, such as a test runner's: its objects are plain all the same. */
function isRootOfAnotherRealm(prototype: object | null): boolean {
  return prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}
