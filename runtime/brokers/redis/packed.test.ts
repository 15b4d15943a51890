import { expect, test } from "vitest";
import { packed, unpackedCalls } from "./packed.ts";

test("each string comes after its length", () => {
  expect(packed(["ab", Buffer.from([1, 2, 3]), ""])).toEqual(
    Buffer.from([0, 0, 0, 2, 0x61, 0x62, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0]),
  );
  expect(packed([])).toHaveLength(0);
});

test("the calls that were packed are unpacked as they were, be they long, or of any script", () => {
  const record = Buffer.alloc(70_000, 7);
  const ids = ["id", "é", "naïve", "日本", "👍", "x".repeat(300)];
  const calls = unpackedCalls(packed(ids.flatMap((id) => [id, record])), 2);
  expect(calls).toEqual(ids.map((id, place) => ({ id, record, suspect: place < 2 })));
});

test("bytes that are no Buffer are packed as they are", () => {
  expect(packed([new Uint8Array([5, 6])])).toEqual(Buffer.from([0, 0, 0, 2, 5, 6]));
});
