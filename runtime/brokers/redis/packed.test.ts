import { expect, test } from "vitest";
import { packed, unpacked } from "./packed.ts";

test("each string comes after its length", () => {
  expect(packed(["ab", Buffer.from([1, 2, 3]), ""])).toEqual(
    Buffer.from([0, 0, 0, 2, 0x61, 0x62, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0]),
  );
  expect(packed([])).toHaveLength(0);
});

test("what was packed is unpacked as it was, be it long, or of any script", () => {
  const long = Buffer.alloc(70_000, 7);
  const ids = ["id", "é", "naïve", "日本", "👍", "x".repeat(300)];
  const items = unpacked(packed(ids.flatMap((id) => [id, long])));
  expect(items.filter((_, index) => index % 2 === 0).map(String)).toEqual(ids);
  expect(items.filter((_, index) => index % 2 === 1)).toEqual(ids.map(() => long));
});

test("bytes that are no Buffer are packed as they are", () => {
  expect(unpacked(packed([new Uint8Array([5, 6])]))).toEqual([Buffer.from([5, 6])]);
});
