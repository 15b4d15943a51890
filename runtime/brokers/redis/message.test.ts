import { expect, test } from "vitest";
import { readMessage } from "./message.ts";

const ended = Buffer.from([0x93, 0, 0xa1, 0x61, 0xc4, 2, 1, 2]);

test("a message holds one notice after the other", () => {
  const large = Buffer.from([0x93, 0, 0xa1, 0x62, 0xc0]);
  const progress = Buffer.from([0x93, 1, 0xa1, 0x63, 0xc4, 1, 7]);
  const canceled = Buffer.concat([Buffer.from([0x93, 2, 0xa1, 0x64, 0xcb]), Buffer.alloc(8)]);
  canceled.writeDoubleBE(1_763_691_497_123_456, 5);
  expect(readMessage(Buffer.concat([ended, large, progress, canceled]))).toEqual([
    { kind: "ended", id: "a", record: Buffer.from([1, 2]) },
    { kind: "ended", id: "b", record: undefined },
    { kind: "progress", id: "c", value: Buffer.from([7]) },
    { kind: "canceled", id: "d", fence: 1_763_691_497_123_456 },
  ]);
});

test("what is cut off, or not of this protocol, ends a message", () => {
  for (let length = 0; length < ended.length; length++) expect(readMessage(ended.subarray(0, length))).toEqual([]);
  const foreign = Buffer.from("hello");
  expect(readMessage(Buffer.concat([ended, foreign])).length).toBe(1);
  expect(readMessage(Buffer.from([0x93, 9, 0xa1, 0x61, 0xc0]))).toEqual([]);
});
