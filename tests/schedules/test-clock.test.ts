import { expect, onTestFinished, test, vi } from "vitest";
import { createWorker, type Schedules, type WorkerOptions } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import { testBroker } from "taskpact/testing";
import { quiet } from "../calls/lab.ts";
import * as declared from "./contract.ts";

const hour = 3_600_000;

/** A test broker at the beginning of 2023's last day in Berlin, a client of one task, and the ids of calls that ran. */
async function place(task: "tick" | "yearly") {
  const contract = contractOf("ticks", declared, [task]);
  const broker = testBroker();
  await broker.clock.advance(Date.parse("2023-12-30T23:00:00Z") - broker.clock.now());
  const { client } = createClient<{
    client: { schedules: Schedules<{ tick: never; yearly: never }>; close(): Promise<void> };
  }>({ shape: "flat", contracts: [contract] }, { broker, log: quiet });
  const ran: string[] = [];
  const note =
    (result: unknown) =>
    (_: unknown, { callId }: { callId: string }) => {
      ran.push(callId);
      return result;
    };
  const handlers = { [task]: note(task === "tick" ? "tock" : undefined) };
  const work = async (options: Partial<WorkerOptions> = {}): Promise<() => Promise<void>> => {
    const implementations = [implement(contract, handlers)];
    const worker = createWorker({ broker, implementations, log: quiet, handleSignals: false, ...options });
    const running = worker.run();
    await broker.clock.advance(0);
    onTestFinished(() => worker.stop({ graceMs: 0 }).then(() => running));
    return () => worker.stop();
  };
  onTestFinished(() => client.close().then(() => broker.close()));
  return { broker, clock: broker.clock, schedules: client.schedules, ran, work };
}

test("a slot is called when a test's clock has come to it, and not before", async () => {
  const { clock, schedules, ran, work } = await place("yearly");
  await work();
  await clock.advance(24 * hour - 1);
  expect(ran).toEqual([]);
  await clock.advance(1);
  expect(ran).toEqual(["ticks.yearly@2023-12-31T23:00:00.000Z"]);
  const [yearly] = await schedules.list();
  expect(yearly).toMatchObject({ lastCall: ran[0], nextSlot: Date.parse("2024-12-31T23:00:00Z") });
});

test("a second of a test's clock has all its slots, each at its time", async () => {
  const { clock, ran, work } = await place("tick");
  await work();
  await clock.advance(1_000);
  const first = Date.parse("2023-12-30T23:00:00.100Z");
  const slots = Array.from({ length: 10 }, (_, index) => new Date(first + index * 100).toISOString());
  expect(ran).toEqual(slots.map((slot) => `ticks.tick@${slot}`));
});

test("what a test's clock passed without a worker is caught up with", async () => {
  const { clock, ran, work } = await place("yearly");
  const stop = await work();
  await stop();
  await clock.advance(2 * 365 * 24 * hour);
  await work();
  expect(ran).toEqual(["ticks.yearly@2024-12-31T23:00:00.000Z"]);
});

test("a worker without work sleeps through a test's day", async () => {
  const { broker, clock, schedules, ran, work } = await place("yearly");
  await work();
  await schedules.trigger("yearly");
  await clock.advance(0);
  expect(ran.length).toBe(1);
  const claims = vi.spyOn(broker, "claim");
  await clock.advance(24 * hour - 1);
  expect(claims.mock.calls.length).toBeLessThan(30);
});
