import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type Broker, createWorker, type ScheduledTask, task, type WorkerOptions } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import * as z from "zod";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { openMemory } from "../../runtime/brokers/memory.ts";
import { type LooseHandle, quiet } from "../calls/lab.ts";
import { Child } from "../processes/child.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import * as declared from "./contract.ts";

const contract = contractOf("ticks", declared, ["tick", "yearly", "plain"]);

interface Tasks {
  readonly client: {
    readonly schedules: {
      list(): Promise<readonly ScheduledTask[]>;
      pause(task: string): Promise<void>;
      resume(task: string): Promise<void>;
      trigger(task: string): Promise<LooseHandle>;
    };
    handle(task: string, id: string): LooseHandle;
    close(): Promise<void>;
  };
}

/** Workers and clients of one store. All ends with the test. */
class Place {
  /** The ids of calls that ran, in order. */
  readonly ran: string[] = [];
  readonly #open: () => Broker;

  constructor(open: () => Broker) {
    this.#open = () => {
      const broker = open();
      onTestFinished(() => broker.close());
      return broker;
    };
  }

  client(): Tasks["client"] {
    const tasks = createClient<Tasks>({ shape: "flat", contracts: [contract] }, { broker: this.#open(), log: quiet });
    onTestFinished(() => tasks.client.close());
    return tasks.client;
  }

  /** A worker that listens by now. */
  async worker(options: Partial<WorkerOptions> = {}): Promise<{ stop(): Promise<void> }> {
    const ran = (result: unknown) => (_: unknown, context: { callId: string }) => {
      this.ran.push(context.callId);
      return result;
    };
    const implementations = [implement(contract, { tick: ran("tock"), yearly: ran(undefined), plain: ran(undefined) })];
    let running: Promise<void> | undefined;
    await new Promise<void>((resolve, reject) => {
      const log = { ...quiet, info: (_: object, message: string) => message === "listening" && resolve() };
      const worker = createWorker({ broker: this.#open(), implementations, log, ...options });
      onTestFinished(() => worker.stop());
      running = worker.run();
      running.catch(reject);
      this.#stops.push(() => worker.stop());
    });
    return { stop: this.#stops.at(-1)! };
  }
  readonly #stops: (() => Promise<void>)[] = [];

  /** Resolves when so many calls ran. */
  until(count: number): Promise<void> {
    return expect.poll(() => this.ran.length, { timeout: 10_000, interval: 20 }).toBeGreaterThanOrEqual(count);
  }
}

/** The slots of calls, in the order of time; each must be there once. */
function slotsOf(ids: readonly string[]): readonly number[] {
  const slots = ids.map((id) => Date.parse(id.replace(/^ticks\.tick@/, ""))).sort((a, b) => a - b);
  expect(new Set(slots).size).toBe(slots.length);
  return slots;
}

/** Slots a tenth of a second apart, without a gap, once what one of many workers still has is done. */
async function expectWithoutGap(ids: () => readonly string[]): Promise<void> {
  await vi.waitFor(() => {
    const slots = slotsOf(ids());
    expect(slots).toEqual(slots.map((_, index) => slots[0]! + index * 100));
    expect(slots[0]! % 100).toBe(0);
  });
}

function scheduleRules(place: () => Place): void {
  test.for([2, 8])("%i workers run each slot once, and none is left out", async (workers) => {
    const { worker, ran, until } = bound(place());
    await Promise.all(Array.from({ length: workers }, () => worker()));
    await until(15);
    await expectWithoutGap(() => ran);
  });

  test("a worker that takes another's place goes on where that had stopped", async () => {
    const { worker, ran, until } = bound(place());
    for (let round = 1; round <= 3; round++) {
      const { stop } = await worker();
      await until(4 * round);
      await stop();
    }
    await expectWithoutGap(() => ran);
  });

  test("a client lists schedules, and how they stand", async () => {
    const { worker, client, until } = bound(place());
    const { schedules, handle } = client();
    const unknown = { paused: false, nextSlot: undefined, lastSlot: undefined, lastCall: undefined };
    expect(await schedules.list()).toEqual([
      { task: "tick", schedule: declared.tick.schedule, ...unknown },
      { task: "yearly", schedule: declared.yearly.schedule, ...unknown },
    ]);
    await worker();
    await until(2);
    const [tick, yearly] = await schedules.list();
    expect(tick!.nextSlot! % 100).toBe(0);
    expect(tick!.nextSlot).toBeGreaterThan(tick!.lastSlot!);
    expect(tick!.lastCall).toBe(`ticks.tick@${new Date(tick!.lastSlot!).toISOString()}`);
    expect(await handle("tick", tick!.lastCall!).result()).toBe("tock");
    expect(new Date(yearly!.nextSlot!).toISOString()).toMatch(/-12-31T23:00:00.000Z$/);
    expect(yearly!.lastCall).toBeUndefined();
  });

  test("paused, a schedule calls nothing, but can be triggered; resumed, it goes on from then", async () => {
    const { worker, client, ran, until } = bound(place());
    const { schedules } = client();
    await schedules.pause("tick");
    await worker();
    // The worker has judged slots: the next one has moved on.
    const next = async () => (await schedules.list())[0]!.nextSlot!;
    const first = await next();
    await expect.poll(next, { timeout: 10_000 }).toBeGreaterThan(first + 200);
    expect(ran).toEqual([]);
    const handle = await schedules.trigger("tick");
    expect(await handle.result()).toBe("tock");
    expect(ran).toEqual([handle.id]);
    expect((await schedules.list())[0]!.paused).toBe(true);
    const resumedFrom = await next();
    await schedules.resume("tick");
    expect((await schedules.list())[0]!.paused).toBe(false);
    await until(4);
    await expectWithoutGap(() => ran.slice(1));
    expect(slotsOf(ran.slice(1))[0]).toBeGreaterThanOrEqual(resumedFrom - 100);
  });

  test("a worker that is told not to fires none, and runs what others fire", async () => {
    const { worker, client, ran } = bound(place());
    const { schedules } = client();
    await worker({ schedule: false });
    const triggered = await schedules.trigger("tick");
    await triggered.result();
    expect((await schedules.list())[0]!.nextSlot).toBeUndefined();
    expect(ran).toEqual([triggered.id]);
  });

  test("a schedule that can't be followed keeps its worker from running", async () => {
    const { worker } = bound(place());
    const schedule = { cron: "0 25 * * *" };
    const wrong = contractOf("wrong", { never: task({ params: {}, result: z.void(), schedule }) }, ["never"]);
    const implementations = [implement(wrong, { never: () => undefined })];
    await expect(worker({ implementations })).rejects.toThrow(/^\[invalid_argument\] wrong\.never: its schedule: cron/);
    await worker({ implementations, schedule: false });
  });

  test("a task without a schedule has none to pause", async () => {
    const { schedules } = place().client();
    for (const act of ["pause", "resume", "trigger"] as const) {
      await expect(schedules[act]("plain")).rejects.toThrow("[invalid_argument] ticks.plain: it has no schedule");
      await expect(schedules[act]("unknown")).rejects.toMatchObject({ code: "invalid_argument" });
    }
  });
}

function bound(place: Place) {
  return {
    ran: place.ran,
    worker: place.worker.bind(place),
    client: place.client.bind(place),
    until: place.until.bind(place),
  };
}

let count = 0;

describe("schedules on memory:", () => {
  scheduleRules(() => {
    const url = `memory:ticks-${count++}`;
    return new Place(() => openMemory(url, { namespace: "test" }));
  });
});

describeRedis("schedules over a real Redis", () => {
  scheduleRules(() => {
    const namespace = namespaceUntil(onTestFinished);
    return new Place(() => new RedisBroker(sharedRedisUrl(), { namespace }));
  });

  test(
    "workers' processes that are killed leave no slot out, and no slot to two calls",
    { timeout: 30_000 },
    async () => {
      const namespace = namespaceUntil(onTestFinished);
      const start = (): Child => {
        const child = new Child(new URL("ticking.ts", import.meta.url), [sharedRedisUrl(), namespace]);
        onTestFinished(() => child.kill());
        return child;
      };
      const ran = new Set<string>();
      let killed = start();
      for (let round = 0; round < 3; round++) {
        const next = start();
        for (let heard = 0; heard < 4; heard++) ran.add((await killed.said()) as string);
        await killed.kill();
        ran.add((await next.said()) as string);
        killed = next;
      }
      // A call whose worker was killed runs again, as every call does: what counts is that each slot has one, and it ends.
      const broker = new RedisBroker(sharedRedisUrl(), { namespace });
      onTestFinished(() => broker.close());
      const slots = slotsOf([...ran]);
      const all = Array.from(
        { length: (slots.at(-1)! - slots[0]!) / 100 + 1 },
        (_, index) => `ticks.tick@${new Date(slots[0]! + index * 100).toISOString()}`,
      );
      expect(all.length).toBeGreaterThan(12);
      await expect
        .poll(async () => (await broker.read("ticks", all)).map((call) => call?.state), { timeout: 20_000 })
        .toEqual(all.map(() => "succeeded"));
    },
  );
});
