/**
 * The extension types on the wire, all plain `ext` of the MessagePack specification, whose payload a reader that
 * does not know them can skip. Other languages implement this table; the numbers never change.
 *
 * | type       | payload                                              | stands for   |
 * |------------|------------------------------------------------------|--------------|
 * | 0          | one byte, ignored                                    | `undefined`  |
 * | 0x42 `B`   | two's complement, big-endian, at least one byte      | bigint       |
 * | 0x4d `M`   | a MessagePack array: key, value, key, value, …       | Map          |
 * | 0x53 `S`   | a MessagePack array                                  | Set          |
 * | 0x74 `t`   | a byte, see {@link arrayTypes}, then the elements,   | typed arrays |
 * |            | little-endian                                        |              |
 * | -1         | the specification's timestamp of 4, 8 or 12 bytes    | Date         |
 */
export const extension = { undefined: 0, bigint: 0x42, map: 0x4d, set: 0x53, array: 0x74, date: -1 } as const;

/** The typed arrays by their numbers in extension `t`. A Uint8Array is written as `bin`, but read in either form. */
export const arrayTypes = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** The numbers of the two that are no typed arrays, in extension `t`. */
export const arrayBufferType = 16;
export const dataViewType = 17;

/** How deep values may be nested, on the way out and in: far less than any stack holds. */
export const maxDepth = 500;
