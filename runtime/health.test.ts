import { beforeEach, expect, test } from "vitest";
import { Health } from "./health.ts";

let now: number;
let health: Health;
beforeEach(() => {
  now = 1_000_000;
  health = new Health({ concurrency: 20, unhealthyAfterMs: 30_000, maxStuck: 2 }, () => now);
});

const idle = { running: 0, waiting: 0, stuck: [] };

/** Beats for so many seconds. */
function beat(forSeconds: number, waiting: number, freeSlots = 20): void {
  for (let second = 0; second < forSeconds; second++) {
    now += 1_000;
    health.beaten(waiting, freeSlots);
  }
}

test("calls that wait while none is claimed are no progress, until one is", () => {
  beat(30, 5);
  expect(health.report(idle).healthy).toBe(true);
  beat(1, 5);
  expect(health.report(idle)).toEqual({
    healthy: false,
    problems: ["calls wait, and none was claimed for 30 s"],
    running: 0,
    waiting: 0,
    concurrency: 20,
    stuck: {},
  });
  health.claimed();
  expect(health.report(idle).healthy).toBe(true);
});

test("an empty queue, and full slots, are no lack of progress", () => {
  beat(29, 5);
  beat(1, 0);
  beat(29, 5);
  beat(1, 5, 0);
  beat(29, 5);
  expect(health.report(idle).healthy).toBe(true);
});

test("connections are opened anew once in each span without progress", () => {
  beat(31, 1);
  expect([health.reopens(), health.reopens()]).toEqual([true, false]);
  beat(29, 1);
  expect(health.reopens()).toBe(false);
  beat(1, 1);
  expect(health.reopens()).toBe(true);
  health.claimed();
  beat(29, 1);
  expect(health.reopens()).toBe(false);
});

test("a broker that answers no beat is told, with what is wrong", () => {
  health.failed("can't reach Redis");
  now += 29_000;
  expect(health.report(idle).healthy).toBe(true);
  now += 1_000;
  expect(health.report(idle).problems).toEqual(["the broker has answered no beat for 30 s: can't reach Redis"]);
  health.beaten(0, 20);
  expect(health.report(idle).healthy).toBe(true);
});

test("more stuck handlers than may be are told by task", () => {
  const two = { running: 5, waiting: 0, stuck: ["a.x", "a.x"] };
  expect(health.report(two)).toMatchObject({ healthy: true, stuck: { "a.x": 2 }, running: 5 });
  const three = { running: 5, waiting: 0, stuck: ["a.x", "a.y", "a.x"] };
  expect(health.isStuck(three)).toBe(true);
  expect(health.report(three).problems).toEqual([
    "3 of 20 slots are held by handlers past their end: a.x (2), a.y (1)",
  ]);
});
