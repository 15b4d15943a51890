import { type Broker, createWorker, task, type TaskDefinition } from "taskpact";
import { contractOf, createClient, implement, type Registry } from "taskpact/codegen";
import { expect, onTestFinished } from "vitest";
import * as z from "zod";
import { openBroker } from "../../runtime/brokers/open.ts";
import { defaultNamespace } from "../../runtime/defaults.ts";
import { quiet } from "../calls/lab.ts";
import { type Open, reported, reportedOnBrokers } from "./reported.ts";

const shape = { params: {}, result: z.number() };
const declared = {
  once: task({ ...shape, delivery: "at-most-once" }),
  twice: task({ ...shape, maxDeliveries: 1 }),
};
const names = ["once", "twice"] as const;
const contract = contractOf("pay", declared, names);
const registry: Registry = { shape: "flat", contracts: [contract] };

interface Tasks extends Record<(typeof names)[number], () => Promise<number>> {
  with(options: object): Tasks;
  readonly client: {
    readonly parked: { replay(task: string, id: string): Promise<{ result(): Promise<number> }> };
    close(): Promise<void>;
  };
}

/** A client of both tasks, and workers whose handlers wait for the test. */
class Shop {
  readonly #open: Open;
  /** How often a handler has begun. */
  begun = 0;
  #onBegun: () => void = () => {};
  readonly tasks: Tasks;

  constructor(open: Open) {
    this.#open = open;
    const broker = this.broker();
    this.tasks = createClient<Tasks>(registry, { broker, log: quiet });
    onTestFinished(() => this.tasks.client.close());
  }

  broker(): Broker {
    const opened = this.#open();
    const broker = typeof opened === "string" ? openBroker(opened, { namespace: defaultNamespace }) : opened;
    onTestFinished(() => broker.close());
    return broker;
  }

  /** Resolves when a handler begins. */
  beginning(): Promise<void> {
    return new Promise((resolve) => (this.#onBegun = resolve));
  }

  /** @param answer - what its handlers answer; undefined for none, ever */
  worker(answer: number | undefined): { stop(): Promise<void> } {
    const handler = () => {
      this.begun += 1;
      this.#onBegun();
      return answer ?? new Promise<number>(() => {});
    };
    const implementation = implement(contract, { once: handler, twice: handler });
    const worker = createWorker({ broker: this.broker(), implementations: [implementation], log: quiet });
    const running = worker.run();
    const stop = async (): Promise<void> => {
      await worker.stop({ graceMs: 0 });
      await running;
    };
    onTestFinished(stop);
    return { stop };
  }

  /** A worker that claims what there is, and dies. */
  async dies(): Promise<void> {
    const broker = this.broker();
    const { signal } = new AbortController();
    const queues = [{ name: "pay", tasks: names.map((name) => `pay.${name}`) }];
    const wish = { worker: "dying", queues, limit: 10, waitMs: 10_000, leaseMs: 1, suspect: false, signal };
    expect((await broker.claim(wish)).length).toBe(1);
    const served = queues.map(({ name, tasks }) => ({ name, tasks, fences: [] }));
    const beat = { worker: "reaper", queues: served, leaseMs: 60_000, presenceMs: 0, maxDeliveries: 3, reap: true };
    await expect.poll(async () => (await broker.renew(beat)).reaped).toBe(1);
  }
}

const told = (error: unknown): string => (error as Error).message;

reportedOnBrokers(
  "G4",
  "a call at most once whose worker died or stopped ends as worker_lost, and runs again only as an operator's replay",
  async ({ open, got }) => {
    const shop = new Shop(open);
    const outcomes: string[] = [];
    const lost = shop.tasks.with({ id: "died" }).once().catch(told);
    await shop.dies();
    outcomes.push(String(await lost));
    const beginning = shop.beginning();
    const worker = shop.worker(undefined);
    const stopped = shop.tasks.with({ id: "stopped" }).once().catch(told);
    await beginning;
    await worker.stop();
    outcomes.push(String(await stopped));
    got(outcomes.join("; "));
    for (const outcome of outcomes) expect(outcome).toMatch(/^\[worker_lost\] .*at most once/);
    expect(shop.begun).toBe(1);
    shop.worker(7);
    for (const id of ["died", "stopped"]) {
      const handle = await shop.tasks.client.parked.replay("once", id);
      expect(await handle.result()).toBe(7);
    }
    expect(shop.begun).toBe(3);
  },
  60_000,
);

reportedOnBrokers(
  "G4",
  "how many deaths a call may bring is its contract's to say, before its worker's",
  async ({ open, got }) => {
    const shop = new Shop(open);
    const lost = shop.tasks.twice().catch(told);
    await shop.dies();
    const outcome = String(await lost);
    got(outcome);
    expect(outcome).toMatch(/^\[worker_lost\]/);
  },
  60_000,
);

reported("G4", "options that contradict a delivery at most once are refused, and the old name is gone", (got) => {
  const refusals = [
    { delivery: "at-most-once", retry: { attempts: 2 } },
    { delivery: "at-most-once", runElsewhereAfterStart: true },
    { delivery: "at-most-once", maxDeliveries: 2 },
    { delivery: "exactly-once" },
    { maxDeliveries: 0 },
    { maxDeliveries: 256 },
    { idempotent: true },
  ].map((options) => {
    try {
      task({ ...shape, ...options } as unknown as TaskDefinition<{}, z.ZodNumber, {}, undefined>);
      return "accepted";
    } catch (error) {
      return told(error);
    }
  });
  got(`${refusals.filter((refusal) => refusal !== "accepted").length} of ${refusals.length} refused`);
  expect(refusals).toEqual([
    expect.stringMatching(/retry would begin its handler again/),
    expect.stringMatching(/runElsewhereAfterStart would begin its handler again/),
    expect.stringMatching(/maxDeliveries has no meaning with delivery: "at-most-once"/),
    expect.stringMatching(/delivery must be one of at-least-once, at-most-once; got "exactly-once"/),
    expect.stringMatching(/maxDeliveries must be a whole number, at least 1; got 0/),
    expect.stringMatching(/maxDeliveries is at most 255; got 256/),
    expect.stringMatching(/there is no option "idempotent"/),
  ]);
});

reportedOnBrokers("G4", "a call at most once takes no retry of its caller", async ({ open, got }) => {
  const shop = new Shop(open);
  const outcome = await shop.tasks
    .with({ retry: { attempts: 2 } })
    .once()
    .catch(told);
  got(String(outcome));
  expect(outcome).toMatch(/^\[invalid_argument\] pay\.once: it is delivered at most once/);
});
