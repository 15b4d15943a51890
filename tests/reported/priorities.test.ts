import { expect } from "vitest";
import type { CallOptions, SubmitOptions } from "taskpact";
import { submission } from "../../runtime/testing/conformance/lab.ts";
import { type HandlerContext, type LooseHandle } from "../calls/lab.ts";
import { reportedOnBrokers } from "./reported.ts";

for (const many of [2, 4])
  reportedOnBrokers(
    "A2",
    `the weights of the priorities hold in each of ${many} busy queues`,
    async ({ lab, got }) => {
      const broker = lab.broker();
      const queues = Array.from({ length: many }, (_, index) => ({ name: `q${index}`, tasks: ["q.task"] }));
      for (const { name } of queues)
        for (const priority of ["high", "normal", "low"] as const) {
          const calls = Array.from({ length: 500 }, (_, index) =>
            submission(`${name} ${priority} ${index}`, { header: { priority } }),
          );
          await broker.submit(name, { calls, acknowledged: [] });
        }
      const counts = new Map<string, number>();
      const { signal } = new AbortController();
      for (let count = 0; count < 160; count++) {
        const wish = { worker: "w", queues, limit: many, waitMs: 0, leaseMs: 60_000, suspect: false, signal };
        for (const { calls } of await broker.claim(wish))
          for (const { id } of calls) {
            const kind = id.replace(/ \d+$/, "");
            counts.set(kind, (counts.get(kind) ?? 0) + 1);
          }
        // Some brokers give a claim's limit to the first queue that has so many: all are to be first in turn.
        queues.push(queues.shift()!);
      }
      const of = (priority: string) => queues.map(({ name }) => counts.get(`${name} ${priority}`) ?? 0);
      got(`high ${of("high").join()}, normal ${of("normal").join()}, low ${of("low").join()}`);
      for (const { name } of queues) {
        const [high, normal, low] = ["high", "normal", "low"].map((kind) => counts.get(`${name} ${kind}`) ?? 0);
        const all = high! + normal! + low!;
        expect(high! / all).toBeGreaterThan(0.6);
        expect(normal! / all).toBeGreaterThan(0.1);
        expect(low! / all).toBeGreaterThan(0.03);
      }
    },
    60_000,
  );

reportedOnBrokers(
  "A3",
  "2,000 low calls that go on after a pause don't hold up a high call of another task",
  async ({ lab, got }) => {
    const tasks = lab.client();
    const operator = lab.broker().operator!;
    await lab.worker({ concurrency: 20 });
    await tasks.client.pause({ task: "movable" });
    const low: SubmitOptions = { priority: "low" };
    const handles = await Promise.all(Array.from({ length: 2_000 }, () => tasks.with(low).submit.movable([])));
    await expect.poll(async () => (await operator.census("lab")).aside, { timeout: 30_000 }).toBe(2_000);
    await tasks.client.resume({ task: "movable" });
    const before = lab.ran.length;
    const high: CallOptions = { priority: "high", timeoutMs: 60_000 };
    await tasks.with(high).addition(1, 2);
    const meanwhile = lab.ran.length - before;
    got(`${meanwhile} of 2,000 low calls ran before it`);
    expect(meanwhile).toBeLessThan(1_000);
    await Promise.all(handles.map(async (handle: LooseHandle) => handle.result()));
  },
  120_000,
);

reportedOnBrokers(
  "A3",
  "parents that come back from a pause take no slots that are lent for their children",
  async ({ lab, got }) => {
    const tasks = lab.client();
    const operator = lab.broker().operator!;
    let parents = 0;
    let most = 0;
    lab.acts["parent"] = async (context: HandlerContext) => {
      most = Math.max(most, ++parents);
      await context.tasks.held("children");
      parents -= 1;
    };
    await lab.worker({ concurrency: 2 });
    await tasks.client.pause({ task: "acting" });
    const handles = await Promise.all(Array.from({ length: 60 }, () => tasks.submit.acting("parent", null)));
    await expect.poll(async () => (await operator.census("lab")).aside, { timeout: 30_000 }).toBe(60);
    await tasks.client.resume({ task: "acting" });
    await lab.begun("children");
    // The slots of both parents are lent by now: what is claimed then is claimed for these.
    await expect.poll(() => lab.running, { timeout: 30_000 }).toBe(2);
    lab.release("children");
    await Promise.all(handles.map(async (handle: LooseHandle) => handle.result()));
    got(`${most} parents at once`);
    expect(most).toBeLessThanOrEqual(2);
  },
  120_000,
);
