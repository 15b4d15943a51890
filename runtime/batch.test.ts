import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { TurnBatch } from "./batch.ts";

function batch(limit = 1_000) {
  const sizes: number[] = [];
  const items: number[] = [];
  const collected = new TurnBatch<number>((some) => {
    sizes.push(some.length);
    items.push(...some);
  }, limit);
  const add = (count: number) => {
    for (let item = 0; item < count; item++) collected.add(item);
  };
  return { add, sizes, items };
}

test("what one turn adds goes together at its end", async () => {
  const { add, sizes } = batch();
  add(3);
  expect(sizes).toEqual([]);
  await turn();
  expect(sizes).toEqual([3]);
  add(1);
  await turn();
  expect(sizes).toEqual([3, 1]);
});

test("of many the first go before its end, then twice as many, and never more than the limit", async () => {
  const { add, sizes, items } = batch(150);
  add(50);
  expect(sizes).toEqual([50]);
  add(360);
  expect(sizes).toEqual([50, 100, 150]);
  await turn();
  expect(sizes).toEqual([50, 100, 150, 110]);
  expect(items).toHaveLength(410);
  add(120);
  await turn();
  expect(sizes.slice(4)).toEqual([50, 70]);
});

test("a turn's end with nothing left hands nothing over", async () => {
  const { add, sizes } = batch();
  add(50);
  await turn();
  expect(sizes).toEqual([50]);
});
