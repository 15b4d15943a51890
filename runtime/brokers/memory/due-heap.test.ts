import fc from "fast-check";
import { expect, test } from "vitest";
import { type Due, DueHeap } from "./due-heap.ts";

const step = fc.record({
  kind: fc.constantFrom("add", "add", "add", "move", "remove", "pop"),
  item: fc.nat({ max: 30 }),
  due: fc.nat({ max: 50 }),
});

test("the first is always the one that is due first, whatever is added, moved and removed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const items: Due[] = Array.from({ length: 31 }, () => ({ due: 0, slot: -1 }));
      const heap = new DueHeap<Due>();
      const held = new Set<Due>();
      for (const { kind, item, due } of steps) {
        const one = kind === "pop" ? heap.first : items[item]!;
        if (one === undefined) continue;
        if (kind === "add" && !held.has(one)) {
          heap.add(one, due);
          held.add(one);
        } else if (kind === "move" && held.has(one)) {
          heap.move(one, due);
        } else if (kind === "remove" || kind === "pop") {
          heap.remove(one);
          held.delete(one);
          expect(one.slot).toBe(-1);
        }
        expect(heap.size).toBe(held.size);
        expect(heap.first?.due).toBe(held.size === 0 ? undefined : Math.min(...[...held].map(({ due }) => due)));
      }
    }),
  );
});
