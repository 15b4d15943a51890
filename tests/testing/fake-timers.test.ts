import { mock } from "node:test";
import { afterEach, expect, test, vi } from "vitest";
import { createWorker } from "taskpact";
import { createClient } from "taskpact/codegen";
import { runTask, testBroker } from "taskpact/testing";
import { CallLab, type LooseTasks, quiet, registry } from "../calls/lab.ts";

const everything = [
  ...(["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate"] as const),
  ...(["queueMicrotask", "performance", "hrtime", "Date"] as const),
];

const fakes: Readonly<Record<string, () => void>> = {
  "vi.useFakeTimers()": () => void vi.useFakeTimers(),
  "vi.useFakeTimers() of all that it knows": () => void vi.useFakeTimers({ toFake: [...everything] }),
  "mock.timers of node:test": () =>
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "setImmediate", "Date"], now: 0 }),
  "global functions that never call back": () => {
    for (const name of ["setTimeout", "setInterval", "setImmediate"] as const)
      vi.stubGlobal(
        name,
        Object.assign(() => 0, { __promisify__: undefined }),
      );
    vi.stubGlobal("queueMicrotask", () => undefined);
    vi.spyOn(performance, "now").mockReturnValue(0);
    vi.spyOn(Date, "now").mockReturnValue(0);
  },
};

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  mock.timers.reset();
});

test.for(Object.keys(fakes))("a test broker answers under %s", { timeout: 60_000 }, async (fake) => {
  const broker = testBroker();
  const tasks = createClient<LooseTasks>(registry, { broker, log: quiet });
  const lab = new CallLab(() => broker);
  fakes[fake]!();
  broker.next(tasks as never, "addition" as never).answers(3 as never);
  await expect(tasks.addition(1, 2)).resolves.toBe(3);
  const worker = createWorker({ broker, implementations: [lab.implementation("worker")], log: quiet });
  const running = worker.run();
  await expect(tasks.flaky("x", 0)).resolves.toBe(1);
  const retried = tasks.flaky("y", 1);
  await expect
    .poll(() => lab.ran)
    .toContain("flaky:y:1")
    .catch(() => undefined);
  await broker.clock.advance(1_000);
  await expect(retried).resolves.toBe(2);
  const handle = await tasks.with({ delayMs: 60_000 }).submit.movable([]);
  await broker.clock.advance(60_000);
  await expect(handle.result()).resolves.toBe("worker");
  await expect(runTask(lab.implementation("here"), "addition", { a: 1, b: 2 })).resolves.toBe(3);
  await expect(runTask(lab.implementation("here"), "stubborn", { latch: "never" })).rejects.toMatchObject({
    code: "deadline_exceeded",
  });
  await worker.stop({ graceMs: 0 });
  await running;
  await tasks.client.close();
  await broker.close();
});
