import { bytesOf } from "./foreign-text.ts";

/*
 * RESP2, the protocol of Redis: commands as bytes, and bytes as replies.
 */

/** What a command is made of. */
export type Argument = string | Buffer | number;

const [plus, minus, colon, dollar, star, zero, cr, lf] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a, 0x30, 0x0d, 0x0a];

/** What most commands fit into, bytes. */
const roomBytes = 16_384;
/** What stands around an argument at the most: its length, and three line ends. */
const aroundBytes = 24;

/** Writes commands into memory that is used again and again: most are small, and many. */
export class CommandWriter {
  #bytes = Buffer.allocUnsafeSlow(roomBytes);
  #at = 0;

  /** Some commands, good until the next ones are written; undefined if they are too large for that. */
  write(commands: readonly (readonly Argument[])[]): Buffer | undefined {
    this.#at = 0;
    for (const command of commands) {
      this.#head(star, command.length);
      for (const argument of command) {
        const most =
          typeof argument === "string" ? 3 * argument.length : typeof argument === "number" ? 24 : argument.length;
        if (this.#at + most + aroundBytes > roomBytes) return undefined;
        if (typeof argument === "object") this.#put(argument);
        else this.#say(typeof argument === "string" ? argument : String(argument));
      }
    }
    return this.#bytes.subarray(0, this.#at);
  }

  /** Leaves what was written last to whoever has it. */
  renew(): void {
    this.#bytes = Buffer.allocUnsafeSlow(roomBytes);
  }

  #put(argument: Buffer): void {
    this.#head(dollar, argument.length);
    this.#bytes.set(argument, this.#at);
    this.#at += argument.length;
    this.#end();
  }

  /** Mostly it is short and of ASCII: a loop is faster than a call into the encoder. */
  #say(word: string): void {
    const bytes = this.#bytes;
    const before = this.#at;
    const { length } = word;
    this.#head(dollar, length);
    let at = this.#at;
    for (let index = 0; index < length; index++) {
      const code = word.charCodeAt(index);
      if (code > 0x7f) {
        this.#at = before;
        this.#put(bytesOf(word));
        return;
      }
      bytes[at++] = code;
    }
    this.#at = at;
    this.#end();
  }

  #head(kind: number, count: number): void {
    const bytes = this.#bytes;
    bytes[this.#at++] = kind;
    let unit = 1;
    while (unit * 10 <= count) unit *= 10;
    for (let rest = count; unit >= 1; unit /= 10) {
      const digit = Math.floor(rest / unit);
      bytes[this.#at++] = zero + digit;
      rest -= digit * unit;
    }
    this.#end();
  }

  #end(): void {
    this.#bytes[this.#at++] = cr;
    this.#bytes[this.#at++] = lf;
  }
}

/** Commands of any size, in the pieces in which they are written: what is large is not copied. */
export function commandPieces(commands: readonly (readonly Argument[])[]): readonly (string | Buffer)[] {
  const pieces: (string | Buffer)[] = [];
  let text = "";
  for (const command of commands) {
    text += `*${command.length}\r\n`;
    for (const argument of command) {
      if (typeof argument === "object") {
        pieces.push(`${text}$${argument.length}\r\n`, argument);
        text = "\r\n";
      } else {
        const word = String(argument);
        const bytes = bytesOf(word);
        if (bytes.toString("latin1") === word) {
          text += `$${bytes.length}\r\n${word}\r\n`;
        } else {
          pieces.push(`${text}$${bytes.length}\r\n`, bytes);
          text = "\r\n";
        }
      }
    }
  }
  pieces.push(text);
  return pieces;
}

/** What has not arrived whole. */
const unfinished = Symbol("unfinished");

/**
 * Reads replies out of what arrives, in whatever pieces. A bulk string is a Buffer that shares its memory with what has
 * arrived, a status a string, an integer a number, null is null, an array an array, and an error an Error of the server's words.
 */
export class ReplyReader {
  /** What has arrived and is not read, and how long it must be before it is worth another look. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #neededBytes = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  readonly #read: (reply: unknown) => void;

  /** @param read - takes each reply. */
  constructor(read: (reply: unknown) => void) {
    this.#read = read;
  }

  /** Takes what has arrived. @throws Error for what is no reply of Redis. */
  push(chunk: Buffer): void {
    if (this.#restBytes > 0) {
      this.#rest.push(chunk);
      this.#restBytes += chunk.length;
      if (this.#restBytes < this.#neededBytes) return;
      chunk = Buffer.concat(this.#rest, this.#restBytes);
      this.#rest = [];
      this.#restBytes = 0;
    }
    this.#bytes = chunk;
    this.#at = 0;
    while (this.#at < chunk.length) {
      const from = this.#at;
      this.#neededBytes = 0;
      const reply = this.#value();
      if (reply === unfinished) {
        this.#rest = [chunk.subarray(from)];
        this.#restBytes = chunk.length - from;
        this.#neededBytes = Math.max(this.#neededBytes - from, this.#restBytes + 1);
        return;
      }
      this.#read(reply);
    }
  }

  #value(): unknown {
    const kind = this.#bytes[this.#at++];
    switch (kind) {
      case dollar:
        return this.#bulk();
      case colon:
        return this.#integer();
      case star:
        return this.#array();
      case plus:
        return this.#line();
      case minus: {
        const words = this.#line();
        return words === unfinished ? unfinished : new Error(words);
      }
      case undefined:
        return unfinished;
      default:
        throw new Error(`no reply of Redis: it begins with the byte ${kind}`);
    }
  }

  #bulk(): Buffer | null | typeof unfinished {
    const length = this.#integer();
    if (length === unfinished) return unfinished;
    if (length < 0) return null;
    const from = this.#at;
    const to = from + length;
    if (to + 2 > this.#bytes.length) {
      this.#neededBytes = to + 2;
      return unfinished;
    }
    this.#at = to + 2;
    return this.#bytes.subarray(from, to);
  }

  #array(): readonly unknown[] | null | typeof unfinished {
    const length = this.#integer();
    if (length === unfinished) return unfinished;
    if (length < 0) return null;
    const items: unknown[] = [];
    while (items.length < length) {
      const item = this.#value();
      if (item === unfinished) return unfinished;
      items.push(item);
    }
    return items;
  }

  #integer(): number | typeof unfinished {
    const bytes = this.#bytes;
    let at = this.#at;
    const negative = bytes[at] === minus;
    if (negative) at++;
    let value = 0;
    for (; at < bytes.length; at++) {
      const digit = bytes[at]!;
      if (digit === cr) {
        if (at + 1 >= bytes.length) return unfinished;
        this.#at = at + 2;
        return negative ? -value : value;
      }
      value = value * 10 + (digit - zero);
    }
    return unfinished;
  }

  #line(): string | typeof unfinished {
    const end = this.#bytes.indexOf("\r\n", this.#at, "latin1");
    if (end < 0) return unfinished;
    const words = this.#bytes.toString("utf8", this.#at, end);
    this.#at = end + 2;
    return words;
  }
}
