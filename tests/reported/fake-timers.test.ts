import { expect, onTestFinished, vi } from "vitest";
import type { TaskError } from "taskpact";
import { createClient } from "taskpact/codegen";
import { testBroker } from "taskpact/testing";
import { type LooseTasks, quiet, registry } from "../calls/lab.ts";
import { reported } from "./reported.ts";

function onTestBroker() {
  const broker = testBroker();
  const tasks = createClient<LooseTasks>(registry, { broker, log: quiet });
  onTestFinished(async () => {
    await tasks.client.close();
    await broker.close();
  });
  return { broker, tasks };
}

reported("D3", "a stubbed call answers under vi.useFakeTimers()", async (got) => {
  const { broker, tasks } = onTestBroker();
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  broker.next(tasks as never, "addition" as never).answers(3 as never);
  const answer = await tasks.addition(1, 2);
  got(String(answer));
  expect(answer).toBe(3);
});

reported("D3", "an unstubbed call says so after 1 s of real time", async (got) => {
  const { tasks } = onTestBroker();
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const refused = await tasks.addition(1, 2).catch((error: TaskError) => error);
  got(String(refused));
  expect(refused).toMatchObject({
    code: "unavailable",
    task: "lab.addition",
    reason: expect.stringContaining('broker.next(tasks, "addition").answers(…)') as string,
  });
});
