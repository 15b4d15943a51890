import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { difference } from "./difference.ts";

describe("a difference", () => {
  it("shows changed lines between those around them", () => {
    expect(difference("1\n2\n3\n4\n5\n6\n7\n8\n9\n0\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n0\nten\n")).toBe(
      "@@ -3 +3 @@\n 3\n 4\n-5\n+five\n 6\n 7\n@@ -9 +9 @@\n 9\n 0\n+ten",
    );
  });

  it("of equal texts is empty, whatever their line ends", () => {
    expect(difference("a\nb\n", "a\r\nb\r\n")).toBe("");
  });

  it("holds all lines that just one of the texts has, in their order", () => {
    const text = fc
      .array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1 })
      .map((lines) => `${lines.join("\n")}\n`);
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = difference(before, after).split("\n");
        const count = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length;
        expect(count("+") - count("-")).toBe(after.split("\n").length - before.split("\n").length);
      }),
    );
  });
});
