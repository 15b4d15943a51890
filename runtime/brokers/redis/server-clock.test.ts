import fc from "fast-check";
import { expect, test } from "vitest";
import { ServerClock } from "./server-clock.ts";

/** A reply on its way: how long its command took to the server, how long the server kept it, and how long until the reply was read. */
const trip = fc.record({
  pauseMs: fc.nat(5_000),
  thereMs: fc.double({ min: 0.01, max: 200, noNaN: true }),
  keptMs: fc.double({ min: 0, max: 1_000, noNaN: true }),
  backMs: fc.double({ min: 0.01, max: 200, noNaN: true }),
  stoppedMs: fc.oneof(fc.constant(0), fc.nat(10_000)),
});

const start = 1_700_000_000_000;

test("no reply is taken for younger than it is, and none for older than its command", () => {
  const property = fc.property(
    fc.array(trip, { minLength: 1, maxLength: 40 }),
    fc.double({ min: -5e-4, max: 5e-4, noNaN: true }),
    (trips, drift) => {
      const clock = new ServerClock({ connection: () => undefined, clockOffset: () => 0 });
      const serverAt = (at: number): number => start + at * (1 + drift);
      let now = 0;
      for (const { pauseMs, thereMs, keptMs, backMs, stoppedMs } of trips) {
        const sentAt = now + pauseMs;
        const said = sentAt + thereMs + keptMs;
        now = said + backMs + stoppedMs;
        const instant = clock.instantOf(Math.floor(serverAt(said)), sentAt, now);
        // The server's time comes without its fraction.
        expect(instant).toBeLessThanOrEqual(said + 1.01);
        expect(instant).toBeGreaterThanOrEqual(sentAt - 0.01);
      }
    },
  );
  fc.assert(property);
});

test("after a prompt reply, the age of a late one is known to the trip of the prompt one", () => {
  const property = fc.property(trip, trip, (prompt, late) => {
    const clock = new ServerClock({ connection: () => undefined, clockOffset: () => 0 });
    const { thereMs, backMs } = prompt;
    clock.instantOf(Math.floor(start + thereMs), 0, thereMs + backMs);
    const sentAt = thereMs + backMs + late.pauseMs;
    const said = sentAt + late.thereMs + late.keptMs;
    const readAt = said + late.backMs + late.stoppedMs;
    const instant = clock.instantOf(Math.floor(start + said), sentAt, readAt);
    // 1 ms for each fraction that is left out, and what clocks may drift apart meanwhile.
    const unsureMs = thereMs + 2 + readAt / 1_000 + 0.01;
    expect(said - instant).toBeLessThanOrEqual(unsureMs);
  });
  fc.assert(property);
});

test("a server's clock that is set forward, or back, is noticed with the next prompt reply", () => {
  const property = fc.property(fc.integer({ min: -1e9, max: 1e9 }), (stepMs) => {
    const clock = new ServerClock({ connection: () => undefined, clockOffset: () => 0 });
    clock.instantOf(start, 0, 1);
    clock.instantOf(start + stepMs + 1_000, 1_000, 1_001);
    const latest = clock.latest(2_000)!;
    expect(Math.abs(latest - (start + stepMs + 2_000))).toBeLessThanOrEqual(5);
  });
  fc.assert(property);
});
