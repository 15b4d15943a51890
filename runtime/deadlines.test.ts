import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Bounded, Deadlines } from "./deadlines.ts";

vi.mock("./real-time.ts", () => import("../tests/movable-time.ts"));

const late: string[] = [];

function item(name: string, act: () => void = () => undefined): Bounded {
  return {
    late: () => {
      late.push(name);
      act();
    },
    row: undefined,
    lateAt: 0,
    before: undefined,
    behind: undefined,
  };
}

beforeEach(() => {
  late.length = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("each is late after its own duration, unless it was deleted", () => {
  const deadlines = new Deadlines();
  const gone = item("gone");
  deadlines.add(item("a"), 100);
  deadlines.add(gone, 100);
  deadlines.add(item("b"), 50);
  vi.advanceTimersByTime(30);
  deadlines.add(item("c"), 100);
  deadlines.delete(gone);
  deadlines.delete(gone);
  vi.advanceTimersByTime(20);
  expect(late).toEqual(["b"]);
  vi.advanceTimersByTime(50);
  expect(late).toEqual(["b", "a"]);
  vi.advanceTimersByTime(29);
  expect(late).toEqual(["b", "a"]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(["b", "a", "c"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("all that are in it are told, whatever their durations", () => {
  const deadlines = new Deadlines();
  const [a, b, c, gone] = ["a", "b", "c", "gone"].map((name) => item(name)) as [Bounded, Bounded, Bounded, Bounded];
  deadlines.add(a, 100);
  deadlines.add(gone, 100);
  deadlines.add(b, 100);
  deadlines.add(c, 200);
  deadlines.delete(gone);
  expect(deadlines.all()).toEqual([a, b, c]);
  vi.advanceTimersByTime(100);
  expect(deadlines.all()).toEqual([c]);
});

test("those that end one by one, in any order, leave one timer for all", () => {
  const deadlines = new Deadlines();
  const items = Array.from({ length: 100 }, (_, index) => item(String(index)));
  for (const one of items) deadlines.add(one, 1_000);
  expect(vi.getTimerCount()).toBe(1);
  for (const one of [...items.slice(50), ...items.slice(0, 49)]) deadlines.delete(one);
  vi.advanceTimersByTime(1_000);
  expect(late).toEqual(["49"]);
});

test("one that is added or deleted by another's end is heeded", () => {
  const deadlines = new Deadlines();
  const second = item("second");
  deadlines.add(
    item("first", () => {
      deadlines.delete(second);
      deadlines.add(item("third"), 100);
    }),
    100,
  );
  deadlines.add(second, 100);
  vi.advanceTimersByTime(100);
  expect(late).toEqual(["first"]);
  vi.advanceTimersByTime(100);
  expect(late).toEqual(["first", "third"]);
});

test("many durations leave no timers behind", () => {
  const deadlines = new Deadlines();
  for (let ms = 1_000; ms < 2_000; ms++) {
    const one = item("never");
    deadlines.add(one, ms);
    deadlines.delete(one);
  }
  expect(vi.getTimerCount()).toBeLessThan(10);
});

test("a duration longer than a timer's longest is waited", () => {
  const deadlines = new Deadlines();
  deadlines.add(item("far"), 2 ** 32);
  vi.advanceTimersByTime(2 ** 32 - 1_000);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(late).toEqual(["far"]);
});

test("who waits keeps the process alive, and an idle timer does not", () => {
  const deadlines = new Deadlines();
  const refs: string[] = [];
  const real = globalThis.setTimeout;
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((callback: () => void, ms: number) => {
    const timer = real(callback, ms);
    vi.spyOn(timer, "ref").mockImplementation(() => (refs.push("ref"), timer));
    vi.spyOn(timer, "unref").mockImplementation(() => (refs.push("unref"), timer));
    return timer;
  }) as typeof setTimeout);
  const one = item("one");
  deadlines.add(one, 100);
  deadlines.delete(one);
  deadlines.add(one, 100);
  expect(refs).toEqual(["unref", "ref"]);
});

test("one that is added by the end of the last one of a duration, of many, is waited for in full", () => {
  const deadlines = new Deadlines();
  for (let row = 1; row < 10; row++) deadlines.add(item("other"), 2 ** 40 + row);
  deadlines.add(
    item("last", () => deadlines.add(item("next"), 2 ** 32)),
    2 ** 32,
  );
  vi.advanceTimersByTime(2 ** 32);
  expect(late).toEqual(["last"]);
  vi.advanceTimersByTime(2 ** 32);
  expect(late).toEqual(["last", "next"]);
});
