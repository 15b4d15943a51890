import { diag, type DiagLogger } from "@opentelemetry/api";
import { expect, onTestFinished, test } from "vitest";
import type { QueueInfo } from "taskpact";
import { observeQueues } from "taskpact/otel";
import type { CallLab, LooseTasks } from "../calls/lab.ts";
import { Sight } from "./sight.ts";

type Client = LooseTasks["client"] & { queues(): Promise<readonly QueueInfo[]> };

/** What metrics tell of queues, on any broker. */
export function queueRules(lab: () => CallLab): void {
  test("each export tells how the queues stand then, until it is ended", async () => {
    const it = lab();
    const sight = new Sight();
    const tasks = it.client();
    let asked = 0;
    const client = { queues: () => ((asked += 1), (tasks.client as Client).queues()) };
    const { meterProvider } = sight;
    const end = observeQueues(client, { meterProvider, attributes: { team: "shop" } });
    const counts = async () =>
      Object.fromEntries(
        (await sight.points("taskpact.queue.calls")).map(({ times, attributes }) => {
          const { "messaging.destination.name": queue, "taskpact.state": state } = attributes as Record<string, string>;
          return [`${queue} ${state}`, times];
        }),
      );
    await it.worker({ concurrency: 1 });
    const running = tasks.held("x");
    await it.begun("x");
    await tasks.with({ priority: "high" }).submit.addition(1, 2);
    await tasks.submit.addition(1, 2);
    await tasks.with({ delayMs: 60_000 }).submit.addition(1, 2);
    const busy = { waiting: 2, held: 0, delayed: 1, retrying: 0, running: 1, parked: 0 };
    const empty = { waiting: 0, held: 0, delayed: 0, retrying: 0, running: 0, parked: 0 };
    const named = (queue: string, counts: Record<string, number>) =>
      Object.entries(counts).map(([state, count]) => [`${queue} ${state}`, count] as const);
    expect(await counts()).toEqual(Object.fromEntries([...named("lab", busy), ...named("lab-elsewhere", empty)]));
    const attributes = { team: "shop", "messaging.system": "taskpact", "messaging.destination.name": "lab" };
    expect(await sight.points("taskpact.queue.workers")).toContainEqual({ times: 1, attributes });
    const [oldest] = await sight.points("taskpact.queue.oldest");
    expect(oldest!.attributes).toEqual(attributes);
    expect(oldest!.times).toBeGreaterThanOrEqual(0);
    expect(oldest!.times).toBeLessThan(60);
    const units = [...(await sight.metrics()).values()].map(({ descriptor: { name, unit } }) => [name, unit] as const);
    expect(new Map(units)).toEqual(
      new Map([
        ["taskpact.queue.calls", "{call}"],
        ["taskpact.queue.oldest", "s"],
        ["taskpact.queue.workers", "{worker}"],
      ]),
    );
    it.release("x");
    await running;
    await expect.poll(async () => (await counts())["lab waiting"]).toBe(0);
    end();
    const before = asked;
    await sight.metrics();
    expect([asked, before > 0]).toEqual([before, true]);
  });

  test("where the broker can't tell, no metric does, and OpenTelemetry's own log is told", async () => {
    const sight = new Sight();
    const warnings: string[] = [];
    const warn: DiagLogger["warn"] = (message) => void warnings.push(message);
    const silent = () => {};
    diag.setLogger({ error: silent, warn, info: silent, debug: silent, verbose: silent });
    onTestFinished(() => diag.disable());
    observeQueues({ queues: () => Promise.reject(new Error("away")) }, { meterProvider: sight.meterProvider });
    expect(await sight.points("taskpact.queue.calls")).toEqual([]);
    expect(warnings).toEqual(["taskpact: how the queues stand is not known"]);
  });
}
