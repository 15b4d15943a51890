import { afterEach, beforeEach, describe } from "vitest";
import { claimRules } from "./claim-rules.ts";
import { connectionRules } from "./connection-rules.ts";
import { endingRules } from "./ending-rules.ts";
import { eventRules } from "./event-rules.ts";
import { foreignRules } from "./foreign-rules.ts";
import { type Harness, Lab } from "./lab.ts";
import { leaseRules } from "./lease-rules.ts";
import { limitRules } from "./limit-rules.ts";
import { limitedRules } from "./limited-rules.ts";
import { lockRules } from "./lock-rules.ts";
import { modelRules } from "./model-rules.ts";
import { noticeRules } from "./notice-rules.ts";
import { operatorRules } from "./operator-rules.ts";
import { overviewRules } from "./overview-rules.ts";
import { pauseRules } from "./pause-rules.ts";
import { reportRules } from "./report-rules.ts";
import { submitRules } from "./submit-rules.ts";
import { timetableRules } from "./timetable-rules.ts";

/**
 * What every broker must do: each sentence of runtime/broker.ts as a test. A broker's own test calls it with a way to
 * open an empty store; it says nothing of how the broker does it.
 */
export function brokerConformance(name: string, open: () => Promise<Harness>): void {
  describe(`${name} conforms to the port`, () => {
    let harness: Harness;
    let current: Lab;
    beforeEach(async () => {
      harness = await open();
      current = new Lab(await harness.connect(), harness);
    });
    afterEach(() => harness.dispose());
    const lab = (): Lab => current;

    describe("submit", () => {
      submitRules(lab);
    });
    describe("claim", () => {
      claimRules(lab);
    });
    describe("finish", () => {
      reportRules(lab);
    });
    describe("limits", () => {
      limitRules(lab);
    });
    describe("pauses", () => {
      pauseRules(lab);
    });
    describe("leases", () => {
      leaseRules(lab);
    });
    describe("cancel, revoke, expiry, retention", () => {
      endingRules(lab);
    });
    describe("notices", () => {
      noticeRules(lab);
    });
    describe("the operator", () => {
      operatorRules(lab);
    });
    describe("the overview", () => {
      overviewRules(lab);
    });
    describe("events", () => {
      eventRules(lab);
    });
    describe("the timetable", () => {
      timetableRules(lab);
    });
    describe("locks", () => {
      lockRules(lab);
    });
    describe("foreign records", () => {
      foreignRules(lab);
    });
    describe("connections and presence", () => {
      connectionRules(lab);
    });
    describe("histories", () => {
      modelRules(open);
    });
    describe("histories of limits", () => {
      limitedRules(open);
    });
  });
}
