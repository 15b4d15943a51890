import fc from "fast-check";
import { expect, test } from "vitest";
import { Deque } from "./deque.ts";

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("back"), value: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("front"), value: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pop"), value: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retain"), value: fc.integer({ min: 2, max: 5 }) }) },
);

test("does what an array does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const deque = new Deque<number>();
      let array: number[] = [];
      for (const { kind, value } of steps) {
        if (kind === "back") {
          deque.pushBack(value);
          array.push(value);
        } else if (kind === "front") {
          deque.pushFront(value);
          array.unshift(value);
        } else if (kind === "pop") {
          expect(deque.popFront()).toBe(array.shift());
        } else {
          deque.retain((item) => item % value !== 0);
          array = array.filter((item) => item % value !== 0);
        }
        expect(deque.size).toBe(array.length);
      }
      while (array.length > 0) expect(deque.popFront()).toBe(array.shift());
      expect(deque.popFront()).toBeUndefined();
    }),
  );
});
