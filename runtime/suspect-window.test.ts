import { expect, test } from "vitest";
import { SuspectWindow } from "./suspect-window.ts";

const none = { count: 0, alone: false };

test("as suspects end, twice as many run in each round", () => {
  const window = new SuspectWindow(1_000);
  const rounds: number[] = [];
  for (let left = 100; left > 0;) {
    const { most } = window.room(none);
    const some = Math.min(most, left);
    rounds.push(some);
    for (let ended = 0; ended < some; ended++) window.ended();
    left -= some;
  }
  expect(rounds).toEqual([1, 2, 4, 8, 16, 32, 37]);
});

test("those that run take up room, and one that is to run alone takes all of it", () => {
  const window = new SuspectWindow(1_000);
  for (let ended = 0; ended < 7; ended++) window.ended();
  expect(window.room({ count: 3, alone: false })).toEqual({ most: 5, beside: true });
  expect(window.room({ count: 9, alone: false })).toEqual({ most: 0, beside: true });
  expect(window.room({ count: 1, alone: true })).toEqual({ most: 0, beside: true });
});

test("after a while without any, the next one is tried by itself again", () => {
  let now = 0;
  const window = new SuspectWindow(1_000, () => now);
  for (let ended = 0; ended < 7; ended++) window.ended();
  now = 1_000;
  expect(window.room(none)).toEqual({ most: 8, beside: false });
  now = 1_001;
  expect(window.room({ count: 1, alone: false }).most).toBe(7);
  expect(window.room(none).most).toBe(1);
});
