import { expect, test } from "vitest";
import { HeldSlots, mostHolders } from "./held-slots.ts";

test("a slot is lent to what its holder waits for, and no longer", () => {
  const slots = new HeldSlots<object>(2);
  const [one, two] = [{}, {}];
  slots.take(one);
  slots.take(two);
  expect([slots.free, slots.freeForNested, slots.waiting]).toEqual([0, 0, 0]);
  slots.lend(one, "nested");
  expect([slots.free, slots.freeForNested, slots.waiting]).toEqual([0, 1, 1]);
  slots.lend(one, "any");
  expect([slots.free, slots.freeForNested, slots.waiting]).toEqual([1, 1, 1]);
  slots.lend(one, "nothing");
  expect([slots.free, slots.freeForNested, slots.waiting]).toEqual([0, 0, 0]);
});

test("one that goes on while its slot is taken leaves fewer than none", () => {
  const slots = new HeldSlots<object>(1);
  const parent = {};
  slots.take(parent);
  slots.lend(parent, "nested");
  slots.take({});
  slots.lend(parent, "nothing");
  expect([slots.free, slots.freeForNested]).toEqual([-1, -1]);
});

test("a holder that is gone waits no longer, whatever it waited for", () => {
  const slots = new HeldSlots<object>(1);
  for (const waits of ["nested", "any"] as const) {
    const holder = {};
    slots.take(holder);
    slots.lend(holder, waits);
    slots.give(holder);
    expect([slots.free, slots.freeForNested, slots.waiting]).toEqual([1, 1, 0]);
  }
});

test("so many are lent and no more: all that run, with those that wait, are bounded", () => {
  for (const [count, most] of [
    [1, 1_001],
    [200, 2_200],
  ] as const) {
    for (const waits of ["nested", "any"] as const) {
      const slots = new HeldSlots<object>(count);
      while ((waits === "nested" ? slots.freeForNested : slots.free) > 0) {
        const holder = {};
        slots.take(holder);
        slots.lend(holder, waits);
      }
      expect(slots.holders.size).toBe(most);
    }
    expect(mostHolders(count)).toBe(most);
  }
});
