import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Argument, commandPieces, CommandWriter, ReplyReader } from "./resp.ts";

/** Replies as Redis writes them. */
function bytesOf(reply: unknown): Buffer {
  if (reply === null) return Buffer.from("$-1\r\n");
  if (typeof reply === "number") return Buffer.from(`:${reply}\r\n`);
  if (typeof reply === "string") return Buffer.from(`+${reply}\r\n`);
  if (reply instanceof Error) return Buffer.from(`-${reply.message}\r\n`);
  if (Buffer.isBuffer(reply)) return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from("\r\n")]);
  const items = reply as readonly unknown[];
  return Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items.map(bytesOf)]);
}

const line = fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n]/.test(text));
const { reply: anyReply } = fc.letrec((tie) => ({
  reply: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.maxSafeInteger(),
    line,
    line.map((words) => new Error(words)),
    fc.constant(null),
    fc.array(tie("reply")),
  ),
}));

function read(chunks: readonly Buffer[]): readonly unknown[] {
  const replies: unknown[] = [];
  const reader = new ReplyReader((reply) => replies.push(reply));
  for (const chunk of chunks) reader.push(chunk);
  return replies;
}

/** Cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

test("replies are read whole, in whatever pieces they come", () => {
  fc.assert(
    fc.property(fc.array(anyReply), fc.array(fc.nat()), (replies, places) => {
      const bytes = Buffer.concat(replies.map(bytesOf));
      expect(read(cut(bytes, places))).toEqual(replies);
      expect(read(cut(bytes, Array.from(bytes.keys())))).toEqual(replies);
    }),
  );
});

test("a large reply in many pieces is put together once, and not with each piece", () => {
  const large = Buffer.alloc(64 << 20, 7);
  const bytes = bytesOf([large, 1]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) chunks.push(bytes.subarray(at, at + 16_384));
  const concat = vi.spyOn(Buffer, "concat");
  onTestFinished(() => concat.mockRestore());
  expect((read(chunks)[0] as readonly Buffer[])[0]!.equals(large)).toBe(true);
  expect(concat.mock.calls.length).toBeLessThan(4);
});

test("what is no reply of Redis is refused", () => {
  expect(() => read([Buffer.from("HTTP/1.1 400 Bad Request\r\n")])).toThrow("it begins with the byte 72");
});

const anyCommand = fc.array(
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.uint8Array({ maxLength: 9_000 }).map((bytes) => Buffer.from(bytes)),
  ),
  { minLength: 1 },
);

/** A command is an array of bulk strings, as replies may be. */
function asRead(command: readonly Argument[]): readonly Buffer[] {
  return command.map((argument) => (typeof argument === "object" ? argument : Buffer.from(String(argument))));
}

test("commands are written as Redis reads them, however large they are", () => {
  const writer = new CommandWriter();
  fc.assert(
    fc.property(fc.array(anyCommand, { minLength: 1, maxLength: 4 }), (commands) => {
      const pieces = commandPieces(commands).map((piece) => Buffer.from(piece as string));
      expect(read(pieces)).toEqual(commands.map(asRead));
      const written = writer.write(commands);
      if (written === undefined) expect(Buffer.concat(pieces).length).toBeGreaterThan(4_096);
      else expect(written.equals(Buffer.concat(pieces))).toBe(true);
    }),
  );
});

test("what was written stays when the writer is told to leave it", () => {
  const writer = new CommandWriter();
  const first = writer.write([["PING", "é"]])!;
  writer.renew();
  writer.write([["OTHER"]]);
  expect(String(first)).toBe("*2\r\n$4\r\nPING\r\n$2\r\né\r\n");
});
