import { describe, test } from "vitest";
import { brokerConformance } from "taskpact/testing";
import { judgedShelf } from "./stage.ts";

describe("a broker of a third party", () => {
  for (const { group, name, skip, run } of brokerConformance({ open: () => judgedShelf(), offers: ["clock"] }))
    test(`${group}: ${name}`, { skip: skip !== false, timeout: 30_000 }, run);
});
