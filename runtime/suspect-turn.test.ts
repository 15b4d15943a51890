import { expect, test } from "vitest";
import { SuspectTurn } from "./suspect-turn.ts";

const [first, second] = [{}, {}];

test("one loop at a time may be given a suspect", () => {
  const turn = new SuspectTurn();
  expect(turn.take(first)).toBe(true);
  expect(turn.take(second)).toBe(false);
  turn.over(second);
  expect(turn.take(second)).toBe(false);
  turn.over(first);
  expect(turn.take(second)).toBe(true);
});

test("who was refused has the next turn, and one that does not come back for it stands in nobody's way", () => {
  const turn = new SuspectTurn();
  expect(turn.take(first)).toBe(true);
  expect(turn.take(second)).toBe(false);
  turn.over(first);
  expect(turn.take(first)).toBe(false);
  turn.over(first);
  expect(turn.take(first)).toBe(true);
});
