import type { Notice } from "../../broker.ts";
import { textOf } from "./foreign-text.ts";

/*
 * What is published: one or more MessagePack arrays, one after the other.
 *   [0, id, record]    a call has ended; nil for a record that is to be read
 *   [1, id, progress]  MessagePack of it, as a binary
 *   [2, id, fence]     a running call was canceled
 *   [3, id, fence]     a lock that a running call waits for is free
 * or, to those who listen to a queue
 *   [4, kind, id, task, at, attempt, worker, bytes]   something has happened to a call, or to a worker
 */

/** The notices in a published message; what is not of the form above ends it, as the calls are looked up anyway. */
export function readMessage(message: Buffer): Notice[] {
  const notices: Notice[] = [];
  const reader = new Reader(message);
  while (reader.more) {
    const notice = readNotice(reader);
    if (notice === undefined) break;
    notices.push(notice);
  }
  return notices;
}

function readNotice(reader: Reader): Notice | undefined {
  const head = reader.byte();
  const kind = reader.byte();
  if (head === 0x98 && kind === 4) return readEvent(reader);
  if (head !== 0x93) return undefined;
  const id = reader.text();
  if (id === undefined) return undefined;
  switch (kind) {
    case 0: {
      const record = reader.binary();
      return record === "malformed" ? undefined : { kind: "ended", id, record };
    }
    case 1: {
      const value = reader.binary();
      return value instanceof Buffer ? { kind: "progress", id, value } : undefined;
    }
    case 2:
    case 3: {
      const fence = reader.double();
      return fence === undefined ? undefined : { kind: kind === 2 ? "canceled" : "turn", id, fence };
    }
    default:
      return undefined;
  }
}

function readEvent(reader: Reader): Notice | undefined {
  const name = reader.text();
  const id = reader.text();
  const task = reader.text();
  const at = reader.double();
  const attempt = reader.double();
  const worker = reader.text();
  const bytes = reader.binary();
  if (name === undefined || id === undefined || task === undefined || worker === undefined) return undefined;
  if (at === undefined || attempt === undefined || bytes === "malformed") return undefined;
  return { kind: "event", name, id, task, at, attempt, worker, bytes };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return this.#at < this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? -1;
  }

  text(): string | undefined {
    const head = this.byte();
    const length =
      (head & 0xe0) === 0xa0 ? head & 0x1f : head === 0xd9 ? this.#size(1) : head === 0xda ? this.#size(2) : -1;
    const at = this.#skip(length);
    return at < 0 ? undefined : textOf(this.#bytes.subarray(at, at + length));
  }

  /** The bytes, undefined for nil. */
  binary(): Buffer | undefined | "malformed" {
    const head = this.byte();
    if (head === 0xc0) return undefined;
    const length = head === 0xc4 ? this.#size(1) : head === 0xc5 ? this.#size(2) : head === 0xc6 ? this.#size(4) : -1;
    const at = this.#skip(length);
    return at < 0 ? "malformed" : this.#bytes.subarray(at, at + length);
  }

  /** A finite number: what is none is read nowhere. */
  double(): number | undefined {
    const at = this.byte() === 0xcb ? this.#skip(8) : -1;
    const number = at < 0 ? Number.NaN : this.#bytes.readDoubleBE(at);
    return Number.isFinite(number) ? number : undefined;
  }

  #size(bytes: number): number {
    const at = this.#skip(bytes);
    return at < 0 ? -1 : this.#bytes.readUIntBE(at, bytes);
  }

  /** Where the next bytes begin; they are taken. -1 if there are not so many. */
  #skip(length: number): number {
    if (length < 0 || this.#at + length > this.#bytes.length) return -1;
    const at = this.#at;
    this.#at += length;
    return at;
  }
}
