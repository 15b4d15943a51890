import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Caller } from "./contestants/contestant.ts";
import { latencies, submissions, throughput } from "./contestants/loads.ts";
import { mix } from "./mixed/mixed.ts";

/** A caller that answers in the next turn, and notes the most calls that were open. */
function caller(sum = (a: number, b: number) => a + b): Caller & { most: number; made: number } {
  let open = 0;
  const answer = async (): Promise<void> => {
    made.made++;
    made.most = Math.max(made.most, ++open);
    await turn();
    open--;
  };
  const made = {
    most: 0,
    made: 0,
    call: async ({ a, b }: { a: number; b: number }) => {
      await answer();
      return sum(a, b);
    },
    submit: answer,
    close: async () => undefined,
  };
  return made;
}

test("a throughput keeps as many calls open as it is told, and counts each", async () => {
  const one = caller();
  const { calls, ms, cpuUs } = await throughput(one, { inFlight: 7, count: 70 });
  expect(one).toMatchObject({ most: 7, made: 70 });
  expect(calls).toBe(70);
  expect(ms).toBeGreaterThan(0);
  expect(cpuUs).toBeGreaterThan(0);
});

test("latencies are of one call after the other", async () => {
  const one = caller();
  const { calls, p50, p99 } = await latencies(one, { inFlight: 1, count: 200 });
  expect(one).toMatchObject({ most: 1, made: 200 });
  expect(calls).toBe(200);
  expect(p50).toBeGreaterThan(0);
  expect(p99).toBeGreaterThanOrEqual(p50!);
});

test("submissions go so many at a time, and their sum is told", async () => {
  const one = caller();
  const { sum } = await submissions(one, { count: 25, together: 10 });
  expect(one).toMatchObject({ most: 10, made: 25 });
  expect(sum).toBe(Array.from({ length: 25 }, (_, n) => n + (n % 7)).reduce((all, n) => all + n));
});

test("a wrong answer fails a measurement", async () => {
  const wrong = (a: number, b: number) => (a === 5 ? 0 : a + b);
  await expect(throughput(caller(wrong), { inFlight: 2, count: 9 })).rejects.toThrow("was answered with 0");
  await expect(latencies(caller(wrong), { inFlight: 1, count: 9 })).rejects.toThrow("was answered with 0");
  const call = async () => "nothing";
  await expect(mix(call, ["q"], { ms: 5, streams: [{ name: "s", inFlight: 1 }] })).rejects.toThrow("answered wrongly");
});

test("a mix runs its streams beside one another, each over its own queues", async () => {
  const called = new Map<string, number>();
  const call = async (queue: string, { text }: { text: string }): Promise<string> => {
    called.set(queue, (called.get(queue) ?? 0) + 1);
    await turn();
    return text;
  };
  const streams = [
    { name: "one", inFlight: 1, length: 100 },
    { name: "spread", inFlight: 4, queues: [1, 3] },
  ] as const;
  const seen = await mix(call, ["a", "b", "c"], { ms: 30, streams });
  expect([...called.keys()].sort()).toEqual(["a", "b", "c"]);
  expect(seen["spread.perSecond"]).toBeGreaterThan(seen["one.perSecond"]!);
  expect(seen["one.p99"]).toBeGreaterThanOrEqual(seen["one.p50"]!);
});
