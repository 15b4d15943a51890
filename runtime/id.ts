import { randomBytes } from "node:crypto";

/** 64 characters in the order of their codes, so that ids sort as their numbers do. */
const alphabet = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/** A number as `length` characters. */
function digits(value: number, length: number): string {
  let text = "";
  for (let rest = value, at = 0; at < length; at++) {
    text = alphabet[rest % 64]! + text;
    rest = Math.floor(rest / 64);
  }
  return text;
}

function randomDigits(length: number): string {
  let text = "";
  for (const byte of randomBytes(length)) text += alphabet[byte & 63]!;
  return text;
}

/** The last two of a number's characters. */
const pairs = Array.from({ length: 64 ** 2 }, (_, value) => digits(value, 2));
const process = randomDigits(7);
const perTick = 64 ** 3;
let tick = 0;
let tickText = "";
let count = 0;

/**
 * A new call id: 17 characters, of which 7 tell the millisecond, 3 count within it and 7 (42 random bits) tell
 * the process. Sorts by the time at which it was made.
 */
export function newId(): string {
  const now = Date.now();
  if (now > tick || count === perTick) {
    // More than 262,144 in one millisecond, or a clock set back, borrow from the future.
    tick = Math.max(now, tick + (count === perTick ? 1 : 0));
    tickText = digits(tick, 7);
    count = 0;
  }
  const text = tickText + alphabet[count >> 12]! + pairs[count & 4_095]! + process;
  count++;
  return text;
}

/** When {@link newId} made an id, epoch ms; undefined for one that is none of its. */
export function madeAt(id: string): number | undefined {
  if (!/^[-\w]{17}$/.test(id)) return undefined;
  let value = 0;
  for (const digit of id.slice(0, 7)) value = value * 64 + alphabet.indexOf(digit);
  return value;
}

/** A random name for a client or a worker: 10 characters, 60 bits. */
export function newAddress(): string {
  return randomDigits(10);
}
