import { encode } from "../../runtime/codec.ts";
import { writeReply, writeRequest } from "../../runtime/envelope.ts";
import { headerOffset, newHeader } from "../../runtime/header.ts";
import { hostileId, noise } from "../faults/hostile.ts";
import type { Random } from "../faults/random.ts";
import { costlyValues } from "./costly-values.ts";

/*
 * Bytes of others, as a client and a worker of `math` may meet them: all drawn by a seed.
 */

const numbers = [0, -0, 1, -1, 255, 65_535, 2 ** 31, 2 ** 53, 1e308, -1e308, 5e-324, Number.NaN, Infinity, -Infinity];
const blanks = ["math.addition math.division", "math.addition math.subtraction", "math.subtraction math.division"];
const names = ["math.addition", ...blanks, "@protocol-1", "", "a\nb", "x".repeat(300), "math.none"];

/** A value of any kind, sound or not. */
function oddValue(random: Random): unknown {
  return random.pick<() => unknown>([
    () => random.pick(numbers),
    () => random.pick(names),
    () => null,
    () => [],
    () => ({}),
    () => ({ code: 5, message: {}, issues: [1, { path: "x" }], attempt: Number.NaN }),
    () => ({ tasks: [1], info: { perSecond: { failed: Number.NaN } } }),
    () => new Map([[Number.NaN, new Set([1n << 200n])]]),
    () => new Date(0),
    () => "x".repeat(random.between(0, 2_000)),
    () => Buffer.alloc(random.between(0, 2_000)),
  ])();
}

/** Plain bytes of a value: most often one that costs its reader more than others. */
function oddBytes(random: Random): Buffer {
  return random.pick<() => Buffer>([
    () => noise(random),
    () => Buffer.from([0xd4, random.between(0, 255), 0]),
    () => encode(oddValue(random)),
    () => costlyValues[random.pick(Object.keys(costlyValues))]!(random.between(20, 20_000)),
  ])();
}

/** A request of `math.addition`, with one or two things wrong in it. */
export function oddRecord(random: Random): Buffer {
  const header = newHeader({ awaited: random.next() < 0.3, deadline: random.next() < 0.3 ? 60_000 : 0 });
  const odd = (): boolean => random.next() < 0.2;
  const body: Record<string, unknown> = {
    ...(odd() && { to: random.pick(["nobody", "x".repeat(40), 5]) }),
    task: odd() ? random.pick([random.pick(names), oddValue(random)]) : "math.addition",
    params: odd() ? oddValue(random) : { a: 1, b: 2 },
    ...(odd() && { options: random.pick([oddValue(random), oddOptions(random)]) }),
    ...(odd() && { [random.pick(["parent", "root", "metadata", "trace"])]: oddValue(random) }),
  };
  const record = writeRequest(header, body as never);
  return random.pick<() => Buffer>([
    () => record,
    () => patched(random, record),
    () => patched(random, record),
    () => patched(random, record),
    () => patched(random, record),
    () => flipped(random, record),
    () => record.subarray(0, random.between(0, record.length)),
    () => Buffer.concat([record, noise(random)]),
    () => Buffer.concat([writeRequest(header, { task: "math.addition", params: 0 }).subarray(0, -1), oddBytes(random)]),
    () =>
      writeReply(newHeader({ state: random.pick(["failed", "parked", "queued"]) }), {
        error: oddValue(random) as never,
      }),
    () => oddBytes(random),
  ])();
}

function oddOptions(random: Random): unknown {
  const number = (): number => random.pick(numbers);
  const backoff = { type: random.pick(["fixed", "exponential", 5]), delayMs: number(), jitter: number() };
  return { attemptTimeoutMs: number(), resultTtlMs: number(), retry: { attempts: number(), backoff } };
}

/** Each field of the header at its bounds. */
function patched(random: Random, record: Buffer): Buffer {
  const at = headerOffset;
  random.pick<() => unknown>([
    () => record.writeDoubleBE(random.pick(numbers), at + 8),
    () => record.writeDoubleBE(random.pick(numbers), at + 16),
    () => record.writeUInt16BE(random.pick([0, 1, 65_534, 65_535, 65_535]), at + 4),
    () => record.writeUInt16BE(random.pick([1, 65_535]), at + 6),
    () => (record[at + random.pick([0, 1, 2])] = random.pick([0, 1, 2, 9, 127, 255])),
    () => (record[at + 3] = random.between(0, 255)),
    () => record.fill(random.between(0, 255), at + 24, at + 40),
  ])();
  return record;
}

function flipped(random: Random, record: Buffer): Buffer {
  for (let flips = random.between(1, 4); flips > 0; flips--) {
    const at = random.between(0, record.length - 1);
    record[at] = record[at]! ^ (1 << random.between(0, 7));
  }
  return record;
}

/** An id that others have made: not always one that could be ours. */
export function oddId(random: Random, count: number): Buffer {
  return random.next() < 0.3 ? hostileId(random) : Buffer.from(`odd${count}`);
}

/** What others publish. */
export function oddMessage(random: Random): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([0xd9, value.length]), Buffer.from(value)]);
  const double = (): Buffer => {
    const bytes = Buffer.alloc(9, 0xcb);
    bytes.writeDoubleBE(random.pick(numbers), 1);
    return bytes;
  };
  const binary = (): Buffer => {
    const bytes = oddBytes(random).subarray(0, 60_000);
    return Buffer.concat([Buffer.from([0xc5, bytes.length >> 8, bytes.length & 255]), bytes]);
  };
  const kinds = ["progress", "progress", "retrying", "failed", "parked", "queued", "workerUp", "unknown"];
  const event = (): Buffer =>
    Buffer.concat([
      Buffer.from([0x98, 4]),
      text(random.pick(kinds)),
      text("odd1"),
      text("math.addition"),
      double(),
      double(),
      text("w"),
      binary(),
    ]);
  return random.pick<() => Buffer>([
    () => noise(random),
    () => Buffer.concat([Buffer.from([0x93, random.between(0, 5)]), text("odd1"), random.pick([binary, double])()]),
    event,
    event,
    () => Buffer.concat([event(), event(), event()]),
  ])();
}

/** What others put into keys that hold a value. */
export { oddBytes };
