import { expect, test } from "vitest";
import { brokerConformance } from "taskpact/testing";
import type { ShelfBroker } from "./broker.ts";
import { FencelessShelf, HoardingShelf, LosingShelf, UnrevokingShelf } from "./flawed.ts";
import { judgedShelf } from "./stage.ts";

/** The sentences of some groups that do not hold of a kind of shelf, and how many there are in all. */
async function judge(Kind: typeof ShelfBroker, ...groups: readonly string[]) {
  const rules = brokerConformance({ open: () => judgedShelf(Kind), offers: ["clock"] }).filter(({ group }) =>
    groups.includes(group),
  );
  const broken: string[] = [];
  for (const { name, run } of rules) await run().catch(() => broken.push(name));
  return { broken, all: rules.length };
}

test("reports under an old fence are caught", { timeout: 60_000 }, async () => {
  const { broken, all } = await judge(FencelessShelf, "finish");
  expect(broken).toEqual([
    "only the fence that holds the call may end it, and only once",
    "a fence from before a redelivery is refused, whatever it reports",
    "each report of a batch gets its own verdict",
  ]);
  expect(all).toBeGreaterThan(6);
});

test("an accepted call that is lost is caught", { timeout: 60_000 }, async () => {
  const { broken, all } = await judge(LosingShelf, "submit");
  expect(broken).toEqual(
    expect.arrayContaining([
      "a batch is claimed in the order in which it was given",
      "a thousand calls in a batch, and ids of many kinds, are stored",
    ]),
  );
  expect(broken.length).toBeLessThan(all);
});

test("a revoked call that runs is caught", { timeout: 60_000 }, async () => {
  const { broken, all } = await judge(UnrevokingShelf, "cancel, revoke, expiry, retention: revoke");
  expect(broken).toEqual(
    expect.arrayContaining([
      "a waiting call is taken back, whoever sends it again, and the same nonce gets the same yes",
      "a delayed call, and one that was given back unrun, are taken back",
    ]),
  );
  expect(broken.length).toBeLessThan(all);
});

test("calls that stay with dead workers are caught", { timeout: 120_000 }, async () => {
  const { broken, all } = await judge(HoardingShelf, "leases");
  expect(broken).toEqual(
    expect.arrayContaining([
      "a call whose worker died is taken back once, counted, and given to the next as a suspect",
    ]),
  );
  expect(broken.length).toBeLessThan(all);
});
