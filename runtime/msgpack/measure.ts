import { isWellFormed } from "../well-formed.ts";
import type { Output } from "./output.ts";

/** What {@link Packer} puts values into: bytes, or what only counts them. */
export type Sink = Omit<Pick<Output, keyof Output>, "begin" | "end">;

/** A string of up to this many characters is looked at here, as a call into native code takes longer. */
const shortString = 24;

/** Counts the bytes that {@link Output} would write, and copies nothing. */
export class Measure implements Sink {
  /** Bytes so far. */
  size = 0;

  undefined(): void {
    this.size += 3;
  }

  number(value: number): void {
    if ((value | 0) !== value && value >>> 0 !== value) this.size += 9;
    else if (value > 0 || Object.is(value, 0))
      this.size += value < 0x80 ? 1 : value < 0x100 ? 2 : value < 0x1_0000 ? 3 : 5;
    else if (value === 0) this.size += 9;
    else this.size += value >= -0x20 ? 1 : value >= -0x80 ? 2 : value >= -0x8000 ? 3 : 5;
  }

  /** @returns whether it can be written as it is. */
  string(value: string): boolean {
    const { length } = value;
    let ascii = 0;
    if (length <= shortString) while (ascii < length && value.charCodeAt(ascii) < 0x80) ascii++;
    const size = ascii === length ? length : Buffer.byteLength(value);
    this.size += size + (size < 0x20 ? 1 : sizeHead(size));
    return size === length || isWellFormed(value);
  }

  bytes(bytes: Uint8Array): void {
    this.size += sizeHead(bytes.length) + bytes.length;
  }

  bigint(value: bigint): void {
    const hex = (value < 0n ? ~value : value).toString(16);
    // The first bit is the sign.
    const size = hex.length % 2 === 1 ? (hex.length + 1) / 2 : hex.length / 2 + (hex.charCodeAt(0) > 0x37 ? 1 : 0);
    this.size += extensionHead(size) + size;
  }

  view(_type: number, view: ArrayBufferView): void {
    const size = view.byteLength + 1;
    this.size += extensionHead(size) + size;
  }

  head(count: number): void {
    this.size += count < 0x10 ? 1 : count < 0x1_0000 ? 3 : 5;
  }

  openExtension(): number {
    this.size += 6;
    return this.size;
  }

  closeExtension(): void {}

  byte(): void {
    this.size += 1;
  }

  date(time: number): void {
    const seconds = Math.floor(time / 1_000);
    const isWhole = time === seconds * 1_000;
    this.size += seconds < 0 || seconds >= 0x4_0000_0000 ? 15 : isWhole && seconds <= 0xffff_ffff ? 6 : 10;
  }
}

function sizeHead(size: number): number {
  return size < 0x100 ? 2 : size < 0x1_0000 ? 3 : 5;
}

/** With its type. */
function extensionHead(size: number): number {
  return size === 1 || size === 2 || size === 4 || size === 8 || size === 16 ? 2 : sizeHead(size) + 1;
}
