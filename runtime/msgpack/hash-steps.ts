/*
 * V8 hashes the keys of a Set or Map without a secret where they are numbers, bigints or, in older versions, strings that
 * are array indexes: whoever chooses them can have all of them in one bucket, and each is then compared with all before
 * it. V8's table is followed here, item by item, and the steps that it takes are counted: sound values take one or two an
 * item. A version of V8 with another hash makes the count wrong, but refuses nothing sound.
 */

/** A Set or Map of so few takes few steps, whatever is in it. */
const fewItems = 16;
/** A value of any size may take so many steps, and so many more for each of its bytes. */
const freeSteps = 262_144;
const stepsPerByte = 4;

/** Counts the steps of all Sets and Maps in a value of so many bytes. */
export class HashSteps {
  #left: number;

  /** @param bytes - of the whole value. */
  constructor(bytes: number) {
    this.#left = freeSteps + stepsPerByte * bytes;
  }

  /** A Set of some items; undefined if it takes too many steps. */
  setOf(items: readonly unknown[]): Set<unknown> | undefined {
    if (items.length <= fewItems) return new Set(items);
    const set = new Set<unknown>();
    const table = new Table(items.length);
    for (const item of items) {
      set.add(item);
      this.#left -= table.add(item, set.size);
      if (this.#left < 0) return undefined;
    }
    return set;
  }

  /** A Map of key, value, key, value, …; undefined if it takes too many steps. */
  mapOf(entries: readonly unknown[]): Map<unknown, unknown> | undefined {
    const map = new Map<unknown, unknown>();
    const table = entries.length <= 2 * fewItems ? undefined : new Table(entries.length / 2);
    for (let index = 0; index < entries.length; index += 2) {
      map.set(entries[index], entries[index + 1]);
      if (table === undefined) continue;
      this.#left -= table.add(entries[index], map.size);
      if (this.#left < 0) return undefined;
    }
    return map;
  }
}

/** How many items of known hash stand in each bucket of V8's table: half as many buckets as it has room for items. */
class Table {
  /** The hashes that are known, for when the table grows. */
  readonly #hashes: Uint32Array;
  #count = 0;
  #size = 0;
  #buckets = 2;
  #inBucket = new Uint32Array(2);

  constructor(mostItems: number) {
    this.#hashes = new Uint32Array(mostItems);
  }

  /**
   * @param size - of the Set or Map with this item: a second one that is equal adds none.
   * @returns how many items V8 has compared it with at the most.
   */
  add(item: unknown, size: number): number {
    if (size > 2 * this.#buckets) this.#grow();
    const isNew = size > this.#size;
    this.#size = size;
    const hash = hashOf(item);
    if (hash === undefined) return 0;
    const bucket = hash & (this.#buckets - 1);
    const steps = this.#inBucket[bucket]!;
    if (isNew) {
      this.#inBucket[bucket] = steps + 1;
      this.#hashes[this.#count++] = hash;
    }
    return steps;
  }

  #grow(): void {
    this.#buckets *= 2;
    const mask = this.#buckets - 1;
    const inBucket = (this.#inBucket = new Uint32Array(this.#buckets));
    for (let at = 0; at < this.#count; at++) {
      const bucket = this.#hashes[at]! & mask;
      inBucket[bucket] = inBucket[bucket]! + 1;
    }
  }
}

/** V8's hash of what it hashes without a secret; undefined of all else. */
function hashOf(item: unknown): number | undefined {
  if (typeof item === "number") return (item | 0) === item ? hashOfInteger(item) : hashOfDouble(item);
  if (typeof item === "bigint") return hashOfBigint(item);
  return typeof item === "string" ? hashOfIndex(item) : undefined;
}

/** `ComputeUnseededHash` in V8's src/utils/utils.h. */
function hashOfInteger(value: number): number {
  let hash = (~value + (value << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2_057);
  hash ^= hash >>> 16;
  return hash & 0x3fff_ffff;
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

function hashOfDouble(value: number): number {
  double[0] = value;
  return hashOf64(halves[0]!, halves[1]!);
}

/** Its last 64 bits alone count, and not its sign. */
function hashOfBigint(value: bigint): number {
  const last = BigInt.asUintN(64, value < 0n ? -value : value);
  return hashOf64(Number(last & 0xffff_ffffn), Number(last >> 32n));
}

/** `ComputeLongHash` in V8's src/utils/utils.h, of a low and a high half. */
function hashOf64(low: number, high: number): number {
  // hash = ~hash + (hash << 18)
  let low2 = low << 18;
  let high2 = (high << 18) | (low >>> 14);
  let sum = (~low >>> 0) + (low2 >>> 0);
  let h = (~high + high2 + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  let l = sum | 0;
  // hash ^= hash >>> 31
  l ^= (l >>> 31) | (h << 1);
  h ^= h >>> 31;
  // hash *= 21
  const by4 = l << 2;
  const by16 = l << 4;
  sum = (l >>> 0) + (by4 >>> 0) + (by16 >>> 0);
  h = (h + ((h << 2) | (l >>> 30)) + ((h << 4) | (l >>> 28)) + Math.floor(sum / 0x1_0000_0000)) | 0;
  l = sum | 0;
  // hash ^= hash >>> 11
  l ^= (l >>> 11) | (h << 21);
  h ^= h >>> 11;
  // hash += hash << 6
  low2 = l << 6;
  high2 = (h << 6) | (l >>> 26);
  sum = (l >>> 0) + (low2 >>> 0);
  h = (h + high2 + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  l = sum | 0;
  // hash ^= hash >>> 22
  l ^= (l >>> 22) | (h << 10);
  return l & 0x3fff_ffff;
}

const largestIndex = 4_294_967_294;

/** Until 2026, a string that is an array index had that for its hash. */
function hashOfIndex(text: string): number | undefined {
  return indexIn(text);
}

/** The array index that a string is, as V8 takes it: `"7"`, and not `"07"`; undefined for any other. */
export function indexIn(text: string): number | undefined {
  const { length } = text;
  if (length === 0 || length > 10) return undefined;
  const first = text.charCodeAt(0) - 0x30;
  if (first < 0 || first > 9 || (first === 0 && length > 1)) return undefined;
  let value = first;
  for (let at = 1; at < length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value <= largestIndex ? value : undefined;
}
