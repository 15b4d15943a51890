import { isWellFormed } from "../well-formed.ts";
import { extension } from "./extension.ts";

/** A string of up to this many characters is written here, as a call into native code takes 100 ns. */
const shortString = 24;
/** From this many characters on, a string's bytes are counted before it is written. */
const longString = 262_144;
/** From this many bytes on, it is faster to look for U+FFFD in what was written than to look at the string itself. */
const searchedString = 512;
/** U+FFFD, which is written in place of a lone surrogate. */
const replacement = Buffer.from("\ufffd");
/** The space that is kept from one value to the next, bytes. */
const keptSpace = 1_048_576;
const firstSpace = 4_096;
/** The sizes of extensions that have a head of their own. */
const fixedSizes = [1, 2, 4, 8, 16];

/** Bytes of MessagePack in the making: space that grows, and how each kind of value is put into it. */
export class Output {
  #target = Buffer.allocUnsafeSlow(firstSpace);
  #targetView = new DataView(this.#target.buffer);
  #at = 0;

  /** Forgets what has been written, and leaves so many bytes free before what comes, not more than {@link firstSpace}. */
  begin(free: number): void {
    this.#at = free;
  }

  /** A copy of what has been written: the space is used again. */
  end(): Buffer {
    const written = Buffer.allocUnsafe(this.#at);
    this.#target.copy(written, 0, 0, this.#at);
    if (this.#target.length > keptSpace) this.#use(Buffer.allocUnsafeSlow(firstSpace));
    return written;
  }

  undefined(): void {
    this.#room(3);
    this.#target[this.#at++] = 0xd4;
    this.#target[this.#at++] = extension.undefined;
    this.#target[this.#at++] = 0;
  }

  number(value: number): void {
    this.#room(9);
    const target = this.#target;
    if ((value | 0) !== value && value >>> 0 !== value) {
      this.#double(value);
    } else if (value >= 0) {
      if (value === 0 && 1 / value < 0) {
        this.#double(value);
      } else if (value < 0x80) {
        target[this.#at++] = value;
      } else if (value < 0x100) {
        target[this.#at++] = 0xcc;
        target[this.#at++] = value;
      } else if (value < 0x1_0000) {
        target[this.#at] = 0xcd;
        this.#at = target.writeUInt16BE(value, this.#at + 1);
      } else {
        target[this.#at] = 0xce;
        this.#at = target.writeUInt32BE(value, this.#at + 1);
      }
    } else if (value >= -0x20) {
      target[this.#at++] = value & 0xff;
    } else if (value >= -0x80) {
      target[this.#at++] = 0xd0;
      target[this.#at++] = value & 0xff;
    } else if (value >= -0x8000) {
      target[this.#at] = 0xd1;
      this.#at = target.writeInt16BE(value, this.#at + 1);
    } else {
      target[this.#at] = 0xd2;
      this.#at = target.writeInt32BE(value, this.#at + 1);
    }
  }

  #double(value: number): void {
    this.#target[this.#at] = 0xcb;
    this.#targetView.setFloat64(this.#at + 1, value);
    this.#at += 9;
  }

  /** @returns whether it was written as it is: UTF-8 has no bytes for a lone surrogate. */
  string(value: string): boolean {
    const length = value.length;
    if (length <= shortString) {
      this.#room(length + 1);
      const target = this.#target;
      let at = this.#at;
      target[at++] = 0xa0 | length;
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code >= 0x80) break;
        target[at++] = code;
      }
      if (index === length) {
        this.#at = at;
        return true;
      }
    }
    // Counting the bytes takes longer than writing them: room for the most is cheap, and the head mostly fits.
    const most = length < longString ? length * 3 : Buffer.byteLength(value);
    this.#room(most + 5);
    const guess = headSize(length);
    const size = this.#target.write(value, this.#at + guess, most);
    const head = headSize(size);
    if (head !== guess) this.#target.copyWithin(this.#at + head, this.#at + guess, this.#at + guess + size);
    if (size < 0x20) this.#target[this.#at++] = 0xa0 | size;
    else this.#sizeHead(size, 0xd9);
    this.#at += size;
    // Of ASCII, which most strings are, nothing was replaced.
    return size === length || !this.#mayBeReplaced(size) || isWellFormed(value);
  }

  /** Whether the last bytes, so many, may hold a U+FFFD. */
  #mayBeReplaced(size: number): boolean {
    return size < searchedString || this.#target.subarray(this.#at - size, this.#at).includes(replacement);
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length + 5);
    this.#sizeHead(bytes.length, 0xc4);
    this.#target.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  bigint(value: bigint): void {
    const negative = value < 0n;
    let hex = (negative ? ~value : value).toString(16);
    if (hex.length % 2 === 1) hex = `0${hex}`;
    // The first bit is the sign.
    else if (hex.charCodeAt(0) > 0x37) hex = `00${hex}`;
    const size = hex.length / 2;
    this.#extensionHead(extension.bigint, size);
    this.#target.write(hex, this.#at, "hex");
    if (negative) for (let at = this.#at; at < this.#at + size; at++) this.#target[at] = ~this.#target[at]!;
    this.#at += size;
  }

  view(type: number, view: ArrayBufferView): void {
    this.#extensionHead(extension.array, view.byteLength + 1);
    this.#target[this.#at++] = type;
    this.#target.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), this.#at);
    this.#at += view.byteLength;
  }

  /** The head of a map or array: `small` holds up to 15 in its own byte; 16 and 32 bits follow each other. */
  head(count: number, small: number, large: number): void {
    this.#room(5);
    if (count < 0x10) {
      this.#target[this.#at++] = small | count;
    } else if (count < 0x1_0000) {
      this.#target[this.#at] = large;
      this.#at = this.#target.writeUInt16BE(count, this.#at + 1);
    } else {
      this.#target[this.#at] = large + 1;
      this.#at = this.#target.writeUInt32BE(count, this.#at + 1);
    }
  }

  /** A size of 8, 16 or 32 bits, whose first bytes follow each other. */
  #sizeHead(size: number, first: number): void {
    if (size < 0x100) {
      this.#target[this.#at++] = first;
      this.#target[this.#at++] = size;
    } else if (size < 0x1_0000) {
      this.#target[this.#at] = first + 1;
      this.#at = this.#target.writeUInt16BE(size, this.#at + 1);
    } else {
      this.#target[this.#at] = first + 2;
      this.#at = this.#target.writeUInt32BE(size, this.#at + 1);
    }
  }

  #extensionHead(type: number, size: number): void {
    this.#room(size + 6);
    const fixed = fixedSizes.indexOf(size);
    if (fixed >= 0) this.#target[this.#at++] = 0xd4 + fixed;
    else this.#sizeHead(size, 0xc7);
    this.#target[this.#at++] = type;
  }

  /** Begins an extension whose size is known only at its end: the size takes 32 bits. */
  openExtension(type: number): number {
    this.#room(6);
    this.#target[this.#at] = 0xc9;
    this.#target[this.#at + 5] = type;
    this.#at += 6;
    return this.#at;
  }

  closeExtension(start: number): void {
    this.#target.writeUInt32BE(this.#at - start, start - 5);
  }

  byte(byte: number): void {
    this.#room(1);
    this.#target[this.#at++] = byte;
  }

  #room(size: number): void {
    if (this.#at + size > this.#target.length) this.#grow(size);
  }

  #grow(size: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#target.length * 2, this.#at + size));
    this.#target.copy(larger, 0, 0, this.#at);
    this.#use(larger);
  }

  #use(target: Buffer<ArrayBuffer>): void {
    this.#target = target;
    this.#targetView = new DataView(target.buffer);
  }

  /** @param time epoch ms, valid. */
  date(time: number): void {
    const seconds = Math.floor(time / 1_000);
    const nanoseconds = (time - seconds * 1_000) * 1_000_000;
    this.#room(15);
    const target = this.#target;
    if (seconds >= 0 && seconds < 0x4_0000_0000) {
      if (nanoseconds === 0 && seconds <= 0xffff_ffff) {
        target[this.#at] = 0xd6;
        target[this.#at + 1] = 0xff;
        target.writeUInt32BE(seconds, this.#at + 2);
        this.#at += 6;
      } else {
        target[this.#at] = 0xd7;
        target[this.#at + 1] = 0xff;
        target.writeUInt32BE(nanoseconds * 4 + Math.floor(seconds / 0x1_0000_0000), this.#at + 2);
        target.writeUInt32BE(seconds % 0x1_0000_0000, this.#at + 6);
        this.#at += 10;
      }
    } else {
      target[this.#at] = 0xc7;
      target[this.#at + 1] = 12;
      target[this.#at + 2] = 0xff;
      target.writeUInt32BE(nanoseconds, this.#at + 3);
      target.writeBigInt64BE(BigInt(seconds), this.#at + 7);
      this.#at += 15;
    }
  }
}

/** The size of a string's head, bytes, if the string has so many. */
function headSize(size: number): number {
  if (size < 0x20) return 1;
  if (size < 0x100) return 2;
  return size < 0x1_0000 ? 3 : 5;
}
