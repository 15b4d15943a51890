/*
 * Values of MessagePack that cost their reader more than others of so many bytes: each shape in any size.
 */

/** Makes a value of about so many bytes. */
type Shape = (bytes: number) => Buffer;

/** The head of an array or a map of so many items, in its form of 32 bits. */
function head(kind: 0xdd | 0xdf, count: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = kind;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

/** An array of as many copies of an item as there is room for. */
function repeated(...item: readonly number[]): Shape {
  return (bytes) => {
    const count = Math.floor(bytes / item.length);
    return Buffer.concat([head(0xdd, count), Buffer.alloc(count * item.length, Buffer.from(item))]);
  };
}

/** An array of as many items, of so many bytes each, as there is room for. */
function varied(size: number, item: (index: number) => Buffer): Shape {
  return (bytes) => arrayOf(Math.floor(bytes / size), item);
}

function arrayOf(count: number, item: (index: number) => Buffer): Buffer {
  return Buffer.concat([head(0xdd, count), ...Array.from({ length: count }, (_, index) => item(index))]);
}

function mapOf(count: number, entry: (index: number) => Buffer): Buffer {
  return Buffer.concat([head(0xdf, count), ...Array.from({ length: count }, (_, index) => entry(index))]);
}

/** Extension 0x53 (a Set) or 0x4d (a Map) around an array. */
function extension(type: 0x4d | 0x53, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(6);
  bytes[0] = 0xc9;
  bytes.writeUInt32BE(payload.length, 1);
  bytes[5] = type;
  return Buffer.concat([bytes, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = 0xce;
  bytes.writeUInt32BE(value >>> 0, 1);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = 0xd2;
  bytes.writeInt32BE(value | 0, 1);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from(bytes.length < 32 ? [0xa0 | bytes.length] : [0xd9, bytes.length]), bytes]);
}

/** The integer that V8's hash of integers, undone step by step, leads to. */
function integerOfHash(hash: number): number {
  let value = hash >>> 0;
  value = unshifted(value, 16);
  value = Math.imul(value, inverse(2057)) >>> 0;
  value = unshifted(value, 4);
  value = Math.imul(value, inverse(5)) >>> 0;
  value = unshifted(value, 12);
  // hash = ~key + (key << 15) = key * (2 ** 15 - 1) - 1
  return Math.imul(value + 1, inverse(2 ** 15 - 1)) | 0;
}

/** Undoes `value ^ (value >>> shift)`. */
function unshifted(value: number, shift: number): number {
  let result = value;
  for (let at = shift; at < 32; at += shift) result = value ^ (result >>> shift);
  return result >>> 0;
}

/** The number by which `odd` times it is 1, of 32 bits. */
function inverse(odd: number): number {
  let result = odd;
  for (let round = 0; round < 5; round++) result = Math.imul(result, 2 - Math.imul(odd, result));
  return result;
}

/** Integers whose hashes have the same low bits: all in one bucket of a Set of that many. */
function collidingInteger(index: number): number {
  return integerOfHash((index << 17) | 5) ^ 0;
}

const mask64 = (1n << 64n) - 1n;

/** The double that V8's hash of 64 bits leads to. */
function doubleOfHash(hash: bigint): Buffer {
  let value = unshifted64(hash, 22n);
  value = (value * inverse64(65n)) & mask64;
  value = unshifted64(value, 11n);
  value = (value * inverse64(21n)) & mask64;
  value = unshifted64(value, 31n);
  value = ((value + 1n) * inverse64((1n << 18n) - 1n)) & mask64;
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xcb;
  bytes.writeBigUInt64BE(value, 1);
  return bytes;
}

function unshifted64(value: bigint, shift: bigint): bigint {
  let result = value;
  for (let at = shift; at < 64n; at += shift) result = value ^ (result >> shift);
  return result;
}

function inverse64(odd: bigint): bigint {
  let result = odd;
  for (let round = 0; round < 6; round++) result = (result * (2n - odd * result)) & mask64;
  return result & mask64;
}

/** As a whole number of up to 32 bits it would have the hash of one. */
function collidingDouble(index: number): Buffer {
  return doubleOfHash((BigInt(index) << 32n) | (BigInt(index & 0x1fff) << 17n) | 5n);
}

/** Bigints that differ above their first 64 bits: V8's hash sees none of that. */
function collidingBigint(index: number): Buffer {
  const bytes = Buffer.alloc(15);
  bytes.set([0xc7, 12, 0x42]);
  bytes.writeUInt32BE(index + 1, 3);
  bytes.writeUInt32BE(7, 11);
  return bytes;
}

function setOf(size: number, item: (index: number) => Buffer): Shape {
  return (bytes) => extension(0x53, varied(size, item)(bytes - 6));
}

function mapWithKeys(size: number, key: (index: number) => Buffer): Shape {
  return (bytes) => {
    const count = Math.floor((bytes - 6) / (size + 1));
    const payload = [head(0xdd, 2 * count)];
    for (let index = 0; index < count; index++) payload.push(key(index), Buffer.from([0xc0]));
    return extension(0x4d, Buffer.concat(payload));
  };
}

/** Letters, so that no two indexes have the same. */
function letters(index: number, length: number): string {
  let name = "";
  for (let rest = index, at = 0; at < length; at++, rest = Math.floor(rest / 52)) {
    const letter = rest % 52;
    name += String.fromCharCode(letter < 26 ? 97 + letter : 39 + letter);
  }
  return name;
}

/** Keys that are indexes: dense ones, and amid them one far away again and again. */
function togglingIndexes(bytes: number): Buffer {
  const count = Math.floor(bytes / 8);
  let dense = 0;
  let far = Math.floor(count / 2);
  return mapOf(count, (index) => {
    const key = index < count / 2 ? dense++ : index % 2 === 0 ? (far += 1_500) : dense++;
    return Buffer.concat([text(String(key)), Buffer.from([0xc0])]);
  });
}

/** Shapes by what they are. */
export const costlyValues: Readonly<Record<string, Shape>> = {
  "small integers": repeated(0x01),
  nils: repeated(0xc0),
  "empty maps": repeated(0x80),
  "empty arrays": repeated(0x90),
  "arrays of one": repeated(0x91, 0x01),
  "arrays of two": repeated(0x92, 0x01, 0x02),
  "arrays of three": repeated(0x93, 0x01, 0x02, 0x03),
  "maps of one": repeated(0x81, 0xa1, 0x61, 0x01),
  "maps of one, of many keys": varied(7, (index) =>
    Buffer.concat([Buffer.from([0x81]), text(letters(index, 4)), Buffer.from([0xc0])]),
  ),
  "empty Sets": repeated(0xd4, 0x53, 0x90),
  "empty Maps": repeated(0xd4, 0x4d, 0x90),
  "Sets of one": repeated(0xd5, 0x53, 0x91, 0x01),
  "empty binaries": repeated(0xc4, 0x00),
  "empty typed arrays": repeated(0xd4, 0x74, 0x08),
  "empty ArrayBuffers": repeated(0xd4, 0x74, 0x10),
  dates: repeated(0xd6, 0xff, 0, 0, 0, 1),
  "undefined values": repeated(0xd4, 0x00, 0x00),
  doubles: repeated(0xcb, 0x3f, 0xf1, 0, 0, 0, 0, 0, 1),
  "floats of 32 bits": repeated(0xca, 0x3f, 0x8c, 0xcc, 0xcd),
  "integers of 64 bits": repeated(0xcf, 0, 0, 0, 1, 0, 0, 0, 1),
  "bigints of 64 bits": repeated(0xcf, 0xff, 0, 0, 1, 0, 0, 0, 1),
  "short bigints": repeated(0xd4, 0x42, 0x05),
  "bigints of nine bytes": repeated(0xc7, 9, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9),
  "one bigint": (bytes) => {
    const value = Buffer.alloc(bytes, 0x5a);
    value[0] = 0xc9;
    value.writeUInt32BE(bytes - 6, 1);
    value[5] = 0x42;
    return value;
  },
  "empty strings": repeated(0xa0),
  "strings of one": repeated(0xa1, 0x61),
  "strings of three": repeated(0xa3, 0x61, 0x62, 0x63),
  "strings of eleven": repeated(0xab, ...Buffer.from("hello world")),
  "strings of accents": repeated(0xa2, 0xc3, 0xa9),
  "strings that are no UTF-8": repeated(0xa1, 0xc3),
  "strings of emojis": repeated(0xa4, ...Buffer.from("🚀")),
  "one string": (bytes) => {
    const value = Buffer.alloc(bytes, 0x61);
    value[0] = 0xdb;
    value.writeUInt32BE(bytes - 5, 1);
    return value;
  },
  "one string of emojis": (bytes) => {
    const value = Buffer.alloc(5 + 4 * Math.floor((bytes - 5) / 4), "🚀");
    value.fill("🚀", 5);
    value[0] = 0xdb;
    value.writeUInt32BE(value.length - 5, 1);
    return value;
  },
  "one map of short keys": (bytes) =>
    mapOf(Math.floor(bytes / 5), (index) => Buffer.concat([text(letters(index, 3)), Buffer.from([0xc0])])),
  "one map of long keys": (bytes) =>
    mapOf(Math.floor(bytes / 42), (index) =>
      Buffer.concat([text(letters(index, 4).padEnd(40, "x")), Buffer.from([0xc0])]),
    ),
  "one map of numbers": (bytes) =>
    mapOf(Math.floor(bytes / 6), (index) => Buffer.concat([uint32(index * 7), Buffer.from([0xc0])])),
  "one map of far indexes": (bytes) =>
    mapOf(Math.floor(bytes / 11), (index) =>
      Buffer.concat([text(String(4_294_967_294 - 2_000 * index).padStart(9, "1")), Buffer.from([0xc0])]),
    ),
  "one map of toggling indexes": togglingIndexes,
  "a Set of integers in turn": setOf(5, (index) => uint32(70_000 + index)),
  "a Set of doubles in turn": setOf(9, (index) => {
    const bytes = Buffer.alloc(9);
    bytes[0] = 0xcb;
    bytes.writeDoubleBE(index + 0.1, 1);
    return bytes;
  }),
  "a Set of short strings": setOf(5, (index) => text(letters(index, 4))),
  "a Set of colliding integers": setOf(5, (index) => int32(collidingInteger(index))),
  "a Set of colliding doubles": setOf(9, collidingDouble),
  "a Set of colliding bigints": setOf(15, collidingBigint),
  "a Set of colliding indexes": setOf(11, (index) =>
    text(String(1_000_000_000 + 262_144 * (index % 12_500) + Math.floor(index / 12_500))),
  ),
  "a Map of colliding integers": mapWithKeys(5, (index) => int32(collidingInteger(index))),
  "a Map of colliding doubles": mapWithKeys(9, collidingDouble),
  "many small Sets of colliding integers": (bytes) =>
    varied(6 + 5 + 5 * 64, () => setOf(5, (index) => int32(collidingInteger(index)))(6 + 5 * 64))(bytes),
  "nested arrays": (bytes) => {
    const one = Buffer.concat([Buffer.alloc(480, 0x91), Buffer.from([0xc0])]);
    return arrayOf(Math.floor(bytes / one.length), () => one);
  },
  "nested maps": (bytes) => {
    const one = Buffer.concat([Buffer.alloc(2 * 480, Buffer.from([0x81, 0xa0])), Buffer.from([0xc0])]);
    return arrayOf(Math.floor(bytes / one.length), () => one);
  },
};
