import { describe, test } from "vitest";
import { brokerConformance } from "taskpact/testing";
import { judgedShelf } from "./stage.ts";

describe("a broker of a third party", () => {
  const rules = brokerConformance({ open: () => judgedShelf(), offers: ["clock"] });
  // Those that are skipped say so themselves.
  for (const { group, name, run } of rules) test(`${group}: ${name}`, { timeout: 30_000 }, run);
});
