import { expect, onTestFinished, test } from "vitest";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { Child } from "./child.ts";
import { ways } from "./mix.ts";

const callsOfEach = 5_000;

describeRedis("four processes over one Redis", () => {
  test("two callers make 10,000 calls by every policy, two workers run theirs, each call once, every answer right", async () => {
    const namespace = namespaceUntil(onTestFinished);
    const start = (file: string, ...args: readonly string[]): Child => {
      const child = new Child(file, [sharedRedisUrl(), namespace, ...args]);
      onTestFinished(() => child.kill());
      return child;
    };
    const workers = [start("worker.ts"), start("worker.ts")];
    expect(await Promise.all(workers.map((worker) => worker.said()))).toEqual(["listening", "listening"]);

    const callers = [0, 1].map((index) => start("caller.ts", String(callsOfEach), String(index * callsOfEach)));
    const reports = await Promise.all(callers.map((caller) => caller.said()));
    const { wrong, here } = together(reports as readonly CallerReport[]);
    expect(wrong.slice(0, 10)).toEqual([]);

    for (const worker of workers) worker.tell("stop");
    const there = (await Promise.all(workers.map((worker) => worker.said()))) as readonly (readonly string[])[];
    await Promise.all([...callers, ...workers].map((child) => child.ended()));

    const local = 2 * (expected("local-only") + expected("local-first") + 2);
    const remote = 2 * (callsOfEach - expected("local-only") - expected("local-first"));
    expect([new Set(here).size, here.length]).toEqual([local, local]);
    expect([new Set(there.flat()).size, there.flat().length]).toEqual([remote, remote]);
    // Both had a part in it.
    for (const ran of there) expect(ran.length).toBeGreaterThan(remote / 100);
  }, 180_000);
});

interface CallerReport {
  readonly wrong: readonly string[];
  readonly ran: readonly string[];
}

function together(reports: readonly CallerReport[]): {
  readonly wrong: readonly string[];
  readonly here: readonly string[];
} {
  return { wrong: reports.flatMap(({ wrong }) => wrong), here: reports.flatMap(({ ran }) => ran) };
}

/** How many calls a caller makes in a way. */
function expected(way: (typeof ways)[number]): number {
  const indexes = Array.from({ length: callsOfEach }, (_, index) => index);
  return indexes.filter((index) => ways[index % ways.length] === way).length;
}
