import { diag, type DiagLogger, metrics, propagation, trace } from "@opentelemetry/api";
import { expect, onTestFinished, test } from "vitest";
import { telemetry } from "taskpact/otel";
import { CallLab } from "../calls/lab.ts";
import { type SeenSpan, Sight } from "./sight.ts";

let count = 0;

function lab(): CallLab {
  const url = `memory:otel-global-${count++}`;
  return new CallLab(() => url);
}

test("without an SDK, calls go on as they do without telemetry", async () => {
  const it = lab();
  await it.worker({ hooks: [telemetry()] });
  await expect(it.client({ hooks: [telemetry()] }).addition(1, 2)).resolves.toBe(3);
});

test("an SDK that is set up later, and without a context manager, is told all the same", async () => {
  const it = lab();
  const hook = telemetry();
  await it.worker({ hooks: [hook] });
  const tasks = it.client({ implementations: [it.implementation("here", ["elsewhere"])], hooks: [hook] });
  await tasks.addition(1, 2);
  const sight = new Sight();
  onTestFinished(() => {
    trace.disable();
    metrics.disable();
  });
  trace.setGlobalTracerProvider(sight.tracerProvider);
  metrics.setGlobalMeterProvider(sight.meterProvider);
  await tasks.addition(1, 2);
  await tasks.elsewhere("x");
  const [call, attempt, local, here] = (await sight.spans()) as [SeenSpan, SeenSpan, SeenSpan, SeenSpan];
  expect(attempt).toMatchObject({ name: "process lab.addition", parent: call.id, trace: call.trace });
  expect(here).toMatchObject({ name: "process lab.elsewhere", parent: local.id, trace: local.trace });
  expect((await sight.points("messaging.process.duration")).map(({ times }) => times)).toEqual([1, 1]);
});

test("a global propagator is asked, and one that throws is told to OpenTelemetry's own log", async () => {
  const it = lab();
  const errors: string[] = [];
  const told: DiagLogger["error"] = (message) => void errors.push(message);
  const silent = () => {};
  diag.setLogger({ error: told, warn: silent, info: silent, debug: silent, verbose: silent });
  const broken = (): never => {
    throw new Error("broken");
  };
  propagation.setGlobalPropagator({ inject: broken, extract: broken, fields: () => [] });
  onTestFinished(() => {
    diag.disable();
    propagation.disable();
  });
  const [here, there] = [new Sight(), new Sight()];
  await it.worker({ hooks: [there.hook] });
  await expect(it.client({ hooks: [here.hook] }).addition(1, 2)).resolves.toBe(3);
  const [call] = (await here.spans()) as [SeenSpan];
  expect(await there.spans()).toMatchObject([{ parent: call.id }]);
  expect(errors).toEqual(["taskpact: the propagator's inject() failed", "taskpact: the propagator's extract() failed"]);
});
