import { expect, test } from "vitest";
import { openMemory } from "../../runtime/brokers/memory.ts";
import type { Broker } from "../../runtime/broker.ts";
import type { JudgedStore } from "../../runtime/testing/conformance/lab.ts";
import {
  brokerConformance,
  type ConformanceOptions,
  type OfferedPart,
} from "../../runtime/testing/conformance/suite.ts";
import { ManualClock } from "../../runtime/testing/manual-clock.ts";

/** The lists of rules themselves: what they say of what they need. */

const all: readonly OfferedPart[] = ["clock", "operator", "timetable", "locks"];
let count = 0;

/** A store in memory. */
function openStore(changed: (broker: Broker) => Broker = (broker) => broker): JudgedStore & { moves: number } {
  const clock = new ManualClock();
  const url = `memory:rules-${count++}`;
  const connections: Broker[] = [];
  return {
    moves: 0,
    connect() {
      const broker = changed(openMemory(url, { namespace: "rules", clock }));
      connections.push(broker);
      return broker;
    },
    async advance(ms) {
      this.moves++;
      await clock.advance(ms);
    },
    async dispose() {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

test("rules that move the clock say so, and no others", { timeout: 60_000 }, async () => {
  const stores: (JudgedStore & { moves: number })[] = [];
  const open = (): JudgedStore => {
    const store = openStore();
    stores.push(store);
    return store;
  };
  const rules = brokerConformance({ open, offers: all });
  const still = brokerConformance({ open, offers: all.filter((part) => part !== "clock") });
  expect(still.map(({ name }) => name)).toEqual(rules.map(({ name }) => name));
  for (const [at, { name, run }] of rules.entries()) {
    await run();
    expect([name, stores.at(-1)!.moves > 0]).toEqual([name, still[at]!.skip !== false]);
  }
  expect(stores).toHaveLength(rules.length);
});

test("a sentence stands once in its group", () => {
  const names = brokerConformance({ open: openStore, offers: all }).map(({ group, name }) => `${group}: ${name}`);
  expect(new Set(names).size).toBe(names.length);
});

test(
  "what a broker lacks is listed as skipped, with the reason, and the rest is judged",
  { timeout: 60_000 },
  async () => {
    const bare = (broker: Broker): Broker =>
      Object.assign(broker, { operator: undefined, timetable: undefined, locks: undefined });
    const rules = brokerConformance({ open: () => openStore(bare), offers: ["clock"] });
    const skipped = rules.filter(({ skip }) => skip !== false);
    expect([...new Set(skipped.map(({ skip }) => String(skip)))].toSorted()).toEqual([
      "this broker has no locks",
      "this broker has no operator",
      "this broker has no timetable",
    ]);
    expect([...new Set(skipped.map(({ group }) => group.split(":")[0]))]).toEqual([
      "pauses",
      "the operator",
      "replays",
      "the overview",
      "events",
      "the timetable",
      "locks",
    ]);
    for (const { run } of rules) await run();
  },
);

test("a part that a broker has and its test does not say fails a rule; so does one that it says and lacks", async () => {
  const rules = brokerConformance({ open: () => openStore(), offers: ["operator"] });
  const judged = rules.filter(({ group }) => group === "what it offers");
  const verdicts = await Promise.allSettled(judged.map(({ run }) => run()));
  expect(judged.map(({ name }, at) => `${name}: ${verdicts[at]!.status}`)).toEqual([
    "it has the operator, as its test says: fulfilled",
    "it has no timetable, as its test says: rejected",
    "it has no locks, as its test says: rejected",
  ]);
});

test("a skipped rule opens nothing, and tells the test runner's context why", async () => {
  const open = () => {
    throw new Error("opened");
  };
  const rule = brokerConformance({ open, offers: [] }).find(({ group }) => group === "locks")!;
  const told: string[] = [];
  await rule.run({ skip: (reason: string) => told.push(reason) });
  await rule.run();
  expect(told).toEqual(["this broker has no locks"]);
  expect(rule.run).toHaveLength(0);
});

test("a store is disposed of whatever comes of its rule", async () => {
  let disposed = 0;
  const open = (): JudgedStore => ({
    connect: () => {
      throw new Error("no connection");
    },
    dispose: () => void disposed++,
  });
  const [rule] = brokerConformance({ open, offers: [] });
  await expect(rule!.run()).rejects.toThrow("no connection");
  expect(disposed).toBe(1);
});

test("a store that is said to have a clock and has none is told so", async () => {
  const open = (): JudgedStore => ({ ...openStore(), advance: undefined as never });
  const rule = brokerConformance({ open, offers: all }).find(({ name }) => name.startsWith("a delayed call is not"))!;
  await expect(rule.run()).rejects.toThrow("has no advance()");
});

test.each([
  [{ offers: [] }, /open must be a function/],
  [{ open: openStore }, /offers must be a list of clock, operator/],
  [{ open: openStore, offers: ["keepers"] }, /offers has "keepers"; there are clock/],
])("options that can't be followed are refused (%#)", (options, reason) => {
  expect(() => brokerConformance(options as unknown as ConformanceOptions)).toThrow(reason);
});
