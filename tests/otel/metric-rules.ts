import { DataPointType, type Histogram } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import type { CallLab } from "../calls/lab.ts";
import { Sight } from "./sight.ts";

const system = { "messaging.system": "taskpact", "messaging.destination.name": "lab" };
const process = { ...system, "messaging.operation.name": "process", "messaging.operation.type": "process" };
const call = { ...system, "messaging.operation.name": "call", "messaging.operation.type": "send" };
const submit = { ...call, "messaging.operation.name": "submit" };
const addition = { "taskpact.task": "lab.addition" };
const local = { "taskpact.place": "local" };
const remote = { "taskpact.place": "remote" };

/** What metrics tell of calls and attempts, on any broker. */
export function metricRules(lab: () => CallLab): void {
  test("they have the names, units and buckets of the semantic conventions", async () => {
    const it = lab();
    const sight = new Sight();
    await it.worker({ hooks: [sight.hook] });
    await it.client({ hooks: [sight.hook] }).addition(1, 2);
    const metrics = [...(await sight.metrics()).values()];
    const told = metrics.map(
      ({ descriptor: { name, unit }, dataPointType }) => [name, `${unit} ${DataPointType[dataPointType]}`] as const,
    );
    expect(new Map(told)).toEqual(
      new Map([
        ["messaging.client.consumed.messages", "{message} SUM"],
        ["messaging.client.operation.duration", "s HISTOGRAM"],
        ["messaging.client.sent.messages", "{message} SUM"],
        ["messaging.process.duration", "s HISTOGRAM"],
      ]),
    );
    const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    for (const { descriptor, dataPoints } of metrics) {
      if (descriptor.unit !== "s") continue;
      expect(dataPoints.map(({ value }) => (value as Histogram).buckets.boundaries)).toEqual([buckets]);
      // Seconds, and not milliseconds.
      for (const { value } of dataPoints) expect((value as Histogram).max).toBeLessThan(10);
    }
  });

  test("what is awaited on a worker is counted on both sides, its attempts one by one", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    await it.worker({ hooks: [there.hook] });
    const tasks = it.client({ hooks: [here.hook] });
    for (let n = 0; n < 3; n++) await tasks.addition(n, n);
    await tasks.flaky("x", 1);
    await tasks.safe.division(1, 0);
    const [flaky, division] = [{ "taskpact.task": "lab.flaky" }, { "taskpact.task": "lab.division" }];
    const failed = { "error.type": "failed" };
    const declared = { "error.type": "divisionByZero" };
    expect(await here.points("messaging.client.sent.messages")).toEqual([
      { times: 3, attributes: { ...call, ...addition } },
      { times: 1, attributes: { ...call, ...flaky } },
      { times: 1, attributes: { ...call, ...division } },
    ]);
    expect(await here.points("messaging.client.operation.duration")).toEqual([
      { times: 3, attributes: { ...call, ...addition, ...remote } },
      { times: 1, attributes: { ...call, ...flaky, ...remote } },
      { times: 1, attributes: { ...call, ...division, ...remote, ...declared } },
    ]);
    expect(await there.points("messaging.client.consumed.messages")).toEqual([
      { times: 3, attributes: { ...process, ...addition } },
      { times: 2, attributes: { ...process, ...flaky } },
      { times: 1, attributes: { ...process, ...division } },
    ]);
    expect(await there.points("messaging.process.duration")).toEqual([
      { times: 3, attributes: { ...process, ...addition, ...remote } },
      { times: 1, attributes: { ...process, ...flaky, ...remote, ...failed } },
      { times: 1, attributes: { ...process, ...flaky, ...remote } },
      { times: 1, attributes: { ...process, ...division, ...remote, ...declared } },
    ]);
    expect((await here.metrics()).has("messaging.process.duration")).toBe(false);
    expect((await there.metrics()).has("messaging.client.sent.messages")).toBe(false);
  });

  test("a call's duration is that of its wait, an attempt's that of its handler", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    await it.worker({ hooks: [there.hook] });
    const called = it.client({ hooks: [here.hook] }).held("x");
    await it.begun("x");
    const began = performance.now();
    while (performance.now() - began < 60);
    it.release("x");
    await called;
    const durations = [
      (await here.metrics()).get("messaging.client.operation.duration"),
      (await there.metrics()).get("messaging.process.duration"),
    ].map((metric) => (metric!.dataPoints[0]!.value as Histogram).sum!);
    expect(durations[1]).toBeGreaterThan(0.06);
    expect(durations[0]).toBeGreaterThan(durations[1]!);
  });

  test("a local run sends and consumes nothing", async () => {
    const it = lab();
    const here = new Sight();
    const tasks = it.client({ implementations: [it.implementation("here")], hooks: [here.hook] });
    await tasks.addition(1, 2);
    expect([...(await here.metrics()).keys()].toSorted()).toEqual([
      "messaging.client.operation.duration",
      "messaging.process.duration",
    ]);
    expect(await here.points("messaging.process.duration")).toEqual([
      { times: 1, attributes: { ...process, ...addition, ...local } },
    ]);
    expect(await here.points("messaging.client.operation.duration")).toEqual([
      { times: 1, attributes: { ...call, ...addition, ...local } },
    ]);
  });

  test("a submit is counted and measured until it is taken, and a handle's wait not at all", async () => {
    const it = lab();
    const here = new Sight({ attributes: { team: "shop" } });
    await it.worker();
    const handle = await it.client({ hooks: [here.hook] }).submit.addition(1, 2);
    await handle.result();
    expect(await here.points("messaging.client.sent.messages")).toEqual([
      { times: 1, attributes: { team: "shop", ...submit, ...addition } },
    ]);
    expect(await here.points("messaging.client.operation.duration")).toEqual([
      { times: 1, attributes: { team: "shop", ...submit, ...addition, ...remote } },
    ]);
  });

  test("what was refused before it could be sent was not, and what no broker takes is an error", async () => {
    const it = lab();
    const here = new Sight();
    const tasks = it.client({ hooks: [here.hook], maxQueueLength: 1 });
    await tasks.safe.addition("4");
    await tasks.with({ policy: "local-only" }).safe.addition(1, 2);
    await tasks.submit.addition("4").catch(() => undefined);
    expect(await here.points("messaging.client.sent.messages")).toEqual([]);
    await tasks.submit.addition(1, 2);
    await tasks.submit.addition(1, 2).catch(() => undefined);
    const full = { "error.type": "resource_exhausted" };
    expect(await here.points("messaging.client.sent.messages")).toEqual([
      { times: 1, attributes: { ...submit, ...addition } },
      { times: 1, attributes: { ...submit, ...addition, ...full } },
    ]);
    const errors = (await here.points("messaging.client.operation.duration")).map(
      ({ attributes }) => (attributes as Record<string, unknown>)["error.type"],
    );
    expect(errors).toEqual(["invalid_argument", "unavailable", "invalid_argument", undefined, "resource_exhausted"]);
  });
}
