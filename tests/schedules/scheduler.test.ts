import { describe, expect, onTestFinished, test } from "vitest";
import { task } from "taskpact";
import * as z from "zod";
import type { Broker } from "../../runtime/broker.ts";
import { openMemory } from "../../runtime/brokers/memory.ts";
import { declarationsOf } from "../../runtime/declaration.ts";
import { readRequest } from "../../runtime/envelope.ts";
import { readHeader } from "../../runtime/header.ts";
import { limitKeysOf } from "../../runtime/limits.ts";
import type { Schedule } from "../../runtime/schedule.ts";
import { Scheduler } from "../../runtime/scheduler.ts";
import { quiet } from "../calls/lab.ts";
import { callsOf, reply } from "../../runtime/testing/conformance/lab.ts";
import { ManualClock } from "../../runtime/testing/manual-clock.ts";

const queue = "nightly";
const name = "nightly.clean";
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
let count = 0;

/** Schedulers of one task on one memory broker, whose time stands still. */
class Place {
  readonly clock: ManualClock;
  /** How far the broker's clock is set off. */
  offset = 0;
  readonly schedulers: Scheduler[] = [];
  readonly #url = `memory:schedules-${count++}`;
  readonly #schedule: Schedule;

  constructor(now: string, schedule: Schedule) {
    this.clock = new ManualClock(Date.parse(now));
    this.#schedule = schedule;
    onTestFinished(() => this.stop());
  }

  connect(): Broker {
    const clock = { now: () => this.clock.now() + this.offset, setTimer: this.clock.setTimer.bind(this.clock) };
    this.#shared ??= clock;
    return openMemory(this.#url, { namespace: "test", clock: this.#shared });
  }
  #shared: { now(): number; setTimer(delayMs: number, callback: () => void): () => void } | undefined;

  async start(workers = 1, broker: Broker = this.connect(), schedule = this.#schedule): Promise<void> {
    for (let started = 0; started < workers; started++) {
      const clean = task({ params: { table: z.string().default("all") }, result: z.void(), schedule });
      const declarations = declarationsOf({ name: queue, tasks: { clean } }).values();
      const scheduler = new Scheduler(broker, declarations, quiet, this.clock);
      this.schedulers.push(scheduler);
      await scheduler.start();
    }
  }

  async stop(): Promise<void> {
    for (const scheduler of this.schedulers.splice(0)) await scheduler.stop(1_000);
  }

  /** The slots whose calls wait, of those that were fired since: each is answered. */
  async fired(): Promise<readonly string[]> {
    const broker = this.connect();
    const { signal } = new AbortController();
    const queues = [{ name: queue, tasks: [name] }];
    const request = { worker: "w", queues, limit: 1_000, waitMs: 0, leaseMs: 10_000, suspect: false, signal };
    const claimed = callsOf(await broker.claim(request));
    // Their records go at once: what keeps a slot from coming again is not them.
    const reports = claimed.map(
      ({ id, fence }) => ({ id, fence, kind: "finish", record: reply(null), ttlMs: 1 }) as const,
    );
    await broker.finish(queue, reports);
    return claimed.map(({ id }) => id.slice(name.length + 1).replace(":00.000Z", "Z"));
  }

  /** Goes on by so many steps, each of which answers what was fired. */
  async go(steps: number, stepMs: number): Promise<readonly string[]> {
    const slots: string[] = [];
    for (let step = 0; step < steps; step++) {
      await this.clock.advance(stepMs);
      slots.push(...(await this.fired()));
    }
    return slots;
  }
}

describe("schedulers", () => {
  test.each([1, 2, 8])("%i of them fire each slot once where the clock is set forward", async (workers) => {
    const daily = { cron: "30 2 * * *", timezone: "Europe/Berlin" };
    const place = new Place("2026-03-29T00:20Z", daily);
    await place.start(workers);
    expect(await place.go(6, 10 * minute)).toEqual(["2026-03-29T01:00Z"]);
    const newYork = new Place("2026-03-08T06:20Z", { cron: "*/30 * * * *", timezone: "America/New_York" });
    await newYork.start(workers);
    expect(await newYork.go(9, 10 * minute)).toEqual(["2026-03-08T06:30Z", "2026-03-08T07:00Z", "2026-03-08T07:30Z"]);
  });

  test.each([1, 2, 8])("%i of them fire each slot once where the clock is set back", async (workers) => {
    const newYork = new Place("2026-11-01T05:20Z", { cron: "30 1 * * *", timezone: "America/New_York" });
    await newYork.start(workers);
    expect(await newYork.go(10, 10 * minute)).toEqual(["2026-11-01T05:30Z"]);
    const place = new Place("2026-10-24T23:50Z", { cron: "0 * * * *", timezone: "Europe/Berlin" });
    await place.start(workers);
    expect(await place.go(8, 20 * minute)).toEqual(["2026-10-25T00:00Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z"]);
  });

  test("a slot is fired at its time, with the schedule's params", async () => {
    const place = new Place("2026-01-01T00:00:30Z", { everyMs: minute, params: { table: "logs" } });
    await place.start();
    await place.clock.advance(30_000 - 1);
    expect(await place.fired()).toEqual([]);
    await place.clock.advance(1);
    const [call] = await place.connect().read(queue, [`${name}@2026-01-01T00:01:00.000Z`]);
    expect(call?.state).toBe("queued");
    expect(readRequest(call!.record)).toEqual({ task: name, params: { table: "logs" } });
  });

  test("the calls of a limited task bear the keys of its limits, which are made once", async () => {
    const place = new Place("2026-01-01T00:00Z", { everyMs: minute });
    const keyed: object[] = [];
    const concurrencyKey = (params: { table: string }) => {
      keyed.push(params);
      return params.table;
    };
    const rateLimit = { limit: 1, perMs: minute };
    const clean = (key: typeof concurrencyKey) =>
      task({
        params: { table: z.string().default("all") },
        result: z.void(),
        schedule: { everyMs: minute },
        maxConcurrency: 1,
        concurrencyKey: key,
        rateLimit,
      });
    const schedulerOf = (cleaning: ReturnType<typeof clean>) => {
      const declarations = declarationsOf({ name: queue, tasks: { clean: cleaning } }).values();
      return new Scheduler(place.connect(), declarations, quiet, place.clock);
    };
    const scheduler = schedulerOf(clean(concurrencyKey));
    place.schedulers.push(scheduler);
    await scheduler.start();
    await place.clock.advance(minute);
    const [call] = await place.connect().read(queue, [`${name}@2026-01-01T00:01:00.000Z`]);
    const limitKeys = limitKeysOf({ maxConcurrency: 1, concurrencyKey: () => "all", rateLimit }, {});
    expect(readHeader(call!.record)).toMatchObject({ limitKeys });
    await place.go(3, minute);
    expect(keyed).toEqual([{ table: "all" }]);
    const throwing = clean(() => {
      throw new Error("no table");
    });
    await expect(schedulerOf(throwing).start()).rejects.toThrow("its schedule: its concurrencyKey threw: no table");
  });

  test("one that starts anew goes on where others had stopped", async () => {
    const rules = {
      last: ["T00:02Z", "T06:02Z"],
      none: ["T00:02Z"],
      all: ["T00:02Z", "T01:02Z", "T02:02Z", "T03:02Z", "T04:02Z", "T05:02Z", "T06:02Z"],
    };
    for (const [catchUp, expected] of Object.entries(rules)) {
      const schedule = { cron: "2 * * * *", catchUp: catchUp as "last", overlap: "allow" } as const;
      const place = new Place("2026-01-01T00:00Z", schedule);
      await place.start(2);
      const slots = [...(await place.go(1, 5 * minute))];
      await place.stop();
      await place.clock.advance(6 * hour);
      await place.start(2);
      slots.push(...(await place.go(1, minute)));
      expect(slots).toEqual(expected.map((time) => `2026-01-01${time}`));
      expect(await place.go(1, hour)).toEqual(["2026-01-01T07:02Z"]);
    }
  });

  test("restarted within its slot, or together with others, it fires none twice", async () => {
    const place = new Place("2026-01-01T00:00Z", { everyMs: minute });
    const slots: string[] = [];
    for (let round = 0; round < 10; round++) {
      await place.start(3);
      slots.push(...(await place.go(2, 30_000)));
      await place.stop();
      await place.start(1);
      slots.push(...(await place.go(1, 0)));
      await place.stop();
    }
    expect(slots).toEqual(
      Array.from({ length: 10 }, (_, index) => `2026-01-01T00:${String(index + 1).padStart(2, "0")}Z`),
    );
  });

  test("a broker's clock that is set forward or back makes no slot come twice, and stops none for long", async () => {
    const place = new Place("2026-01-01T00:00Z", { everyMs: minute });
    await place.start(2);
    const slots = [...(await place.go(2, minute))];
    place.offset = 2 * hour;
    // The step is noticed within ten seconds.
    slots.push(...(await place.go(1, 10_000)), ...(await place.go(1, 50_000)));
    expect(slots.slice(2)).toEqual(["2026-01-01T02:02Z", "2026-01-01T02:03Z"]);
    place.offset = 2 * hour - 5 * minute;
    slots.push(...(await place.go(5, minute)));
    expect(slots).toHaveLength(4);
    expect(await place.go(1, minute)).toEqual(["2026-01-01T02:04Z"]);
    place.offset = 10 * day;
    expect(await place.go(1, 10_000)).toHaveLength(1);
    place.offset = 2 * hour;
    expect((await place.go(5, minute)).length).toBeGreaterThan(3);
  });

  test("a call of before that is open keeps the next slot from firing, if nothing else is said", async () => {
    const place = new Place("2026-01-01T00:00Z", { everyMs: minute });
    await place.start(2);
    await place.clock.advance(3 * minute);
    expect(await place.fired()).toEqual(["2026-01-01T00:01Z"]);
    expect(await place.go(1, minute)).toEqual(["2026-01-01T00:04Z"]);
    const allowed = new Place("2026-01-01T00:00Z", { everyMs: minute, overlap: "allow" });
    await allowed.start(2);
    await allowed.clock.advance(3 * minute);
    expect(await allowed.fired()).toHaveLength(3);
  });

  test("jitter holds a slot's call back, by what is the same for all workers", async () => {
    const delays: number[] = [];
    for (let round = 0; round < 2; round++) {
      const place = new Place("2026-01-01T00:00Z", { everyMs: hour, jitterMs: 20 * minute });
      await place.start(2);
      for (let waited = 0; waited < 12 * 60; waited++)
        if ((await place.go(1, minute)).length > 0) delays.push(waited % 60);
    }
    const half = delays.length / 2;
    expect(half).toBe(11);
    expect(delays.slice(0, half)).toEqual(delays.slice(half));
    expect(new Set(delays).size).toBeGreaterThan(5);
  });

  test("a broker that is away is asked until it answers", async () => {
    const place = new Place("2026-01-01T00:00Z", { everyMs: minute });
    const broker = place.connect();
    let away = false;
    const timetable: Broker["timetable"] = {
      read: (queue) => (away ? Promise.reject(new Error("away")) : broker.timetable!.read(queue)),
      fire: (queue, firing) => broker.timetable!.fire(queue, firing),
      pause: (queue, task, paused) => broker.timetable!.pause(queue, task, paused),
    };
    await place.start(1, { ...broker, timetable });
    away = true;
    expect(await place.go(3, minute)).toEqual([]);
    away = false;
    expect(await place.go(1, 2_000)).toEqual(["2026-01-01T00:03Z"]);
  });

  test("what can't be followed is said at the start, with the task's name", async () => {
    const place = new Place("2026-01-01T00:00Z", { cron: "99 * * * *" });
    await expect(place.start()).rejects.toThrow("[invalid_argument] nightly.clean: its schedule: cron");
    const params = { everyMs: minute, params: { table: 5 } };
    await expect(place.start(1, place.connect(), params)).rejects.toThrow("its schedule: params.table: ");
  });
});
