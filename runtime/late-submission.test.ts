import fc from "fast-check";
import { expect, test } from "vitest";
import { writeRequest } from "./envelope.ts";
import { newHeader, readHeader } from "./header.ts";
import { withTimeLeft } from "./late-submission.ts";

test("whenever a submission is sent, it ends when it would have ended, and is held back for as long", () => {
  const ms = fc.nat(100_000);
  const property = fc.property(ms, ms, ms, fc.boolean(), (deadline, delayMs, lateMs, again) => {
    const record = writeRequest(newHeader({ deadline }), { task: "q.task", params: {} });
    const given = { id: "a", record, priority: "normal" as const, delayMs, madeAt: 1_000 };
    // What was sent before is counted from when it was made all the same.
    if (again) withTimeLeft(given, 1_000 + lateMs / 2);
    const sent = withTimeLeft(given, 1_000 + lateMs);
    if (sent === undefined) {
      expect(deadline).toBeGreaterThan(0);
      expect(deadline).toBeLessThanOrEqual(lateMs);
      return;
    }
    const counted = lateMs < 20 ? 0 : lateMs;
    expect(sent.delayMs).toBe(Math.max(0, delayMs - counted));
    const left = readHeader(sent.record)!.deadline;
    expect(left).toBe(deadline === 0 ? 0 : deadline - counted);
    expect(readHeader(record)!.deadline).toBe(deadline);
  });
  fc.assert(property);
});
