import { writeRequest } from "../../runtime/envelope.ts";
import { newHeader } from "../../runtime/header.ts";
import type { Random } from "./random.ts";

/** What it must never be able to do, and may be made of: bytes that somebody else has put into Redis. */
export type Hostile = (random: Random) => Buffer;

/** A record as it should be, of a task that there is. */
export function realRecord(random: Random): Buffer {
  const header = newHeader({ awaited: random.next() < 0.5, deadline: random.next() < 0.5 ? 0 : Date.now() + 60_000 });
  return writeRequest(header, {
    ...(random.next() < 0.5 && { to: "nobody" }),
    task: random.pick(["faults.work", "faults.echo", "faults.nothing"]),
    params: { number: 1, lastsMs: 1, value: 1 },
  });
}

/** Bytes by chance. */
export function noise(random: Random, most = 200): Buffer {
  return Buffer.from(Array.from({ length: random.between(0, most) }, () => random.between(0, 255)));
}

function truncated(random: Random): Buffer {
  const record = realRecord(random);
  return record.subarray(0, random.between(0, record.length - 1));
}

function flipped(random: Random): Buffer {
  const record = realRecord(random);
  for (let flips = random.between(1, 4); flips > 0; flips--) {
    const at = random.between(0, record.length - 1);
    record[at] = record[at]! ^ (1 << random.between(0, 7));
  }
  return record;
}

/** Arrays in arrays, or maps in maps, and nothing in the last. */
function nested(random: Random): Buffer {
  const depth = random.pick([100, 5_000, 200_000]);
  const body = random.next() < 0.5 ? Buffer.alloc(depth, 0x91) : Buffer.alloc(2 * depth, Buffer.from([0x81, 0xa0]));
  return Buffer.concat([body, Buffer.from([0xc0])]);
}

/** Heads that promise gigabytes, and a real record with a megabyte of nothing behind it. */
function huge(random: Random): Buffer {
  return random.pick([
    Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 0x01]),
    Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x81, 0xa1, 0x68, 0xdb, 0xff, 0xff, 0xff, 0xff]),
    Buffer.concat([realRecord(random), Buffer.alloc(1_000_000)]),
  ]);
}

/** A header whose numbers are none: deadline, fence, attempts, deaths, flags, version and state. */
function odd(random: Random): Buffer {
  const record = realRecord(random);
  const number = () => random.pick([Number.NaN, Infinity, -Infinity, 1e308, -1e308, -1, 5e-324, 2 ** 63]);
  record.writeDoubleBE(number(), 5 + 16);
  if (random.next() < 0.5) record.writeDoubleBE(number(), 5 + 8);
  if (random.next() < 0.5) record[5 + random.pick([0, 1, 2, 3, 4, 6])] = random.between(0, 255);
  return record;
}

/** A request whose body is none: another type in the place of each of its entries. */
function misshapen(random: Random): Buffer {
  const odd = () => random.pick<unknown>([null, 1, "x", [], {}, new Date(0), 1n << 200n, Number.NaN, true]);
  const request = { task: odd(), params: odd(), options: random.next() < 0.5 ? odd() : { retry: odd() } };
  return writeRequest(newHeader({}), request as never);
}

/** Records of every kind of harm. */
export const hostileRecords: readonly Hostile[] = [noise, truncated, flipped, nested, huge, odd, misshapen];

/** What is no id, or an odd one. */
export function hostileId(random: Random): Buffer {
  return random.pick([
    () => noise(random, 40),
    () => Buffer.from("\0"),
    () => Buffer.from("\0worker token"),
    () => Buffer.from(""),
    () => Buffer.from("{other}:result:x"),
    () => Buffer.from("a\nb\r\nc"),
    () => Buffer.from("a b"),
    () => Buffer.from([0xff, 0xfe, 0xc3, 0x28]),
    () => Buffer.alloc(random.pick([65, 200, 70_000]), "i"),
    () => Buffer.alloc(65),
    () => Buffer.from("NaN"),
    () => Buffer.from("'\"\\%s$1"),
  ])();
}
