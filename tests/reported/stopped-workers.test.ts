import { expect } from "vitest";
import { createWorker, type TaskError } from "taskpact";
import { quiet } from "../calls/lab.ts";
import { reportedOnBrokers } from "./reported.ts";

reportedOnBrokers("D9", "run() after stop() rejects, and says why", async ({ lab, open, got }) => {
  const worker = createWorker({ broker: open(), implementations: [lab.implementation("worker")], log: quiet });
  const running = worker.run();
  expect(worker.run()).toBe(running);
  await worker.stop();
  await running;
  const refused = await worker.run().catch((error: TaskError) => error);
  got(String(refused));
  expect(refused).toMatchObject({
    code: "unavailable",
    reason: "this worker was stopped and runs once; make another one",
  });
});

reportedOnBrokers("D9", "run() after a stop() before it rejects, and says why", async ({ lab, open, got }) => {
  const worker = createWorker({ broker: open(), implementations: [lab.implementation("worker")], log: quiet });
  await worker.stop();
  await worker.stop();
  const refused = await worker.run().catch((error: TaskError) => error);
  got(String(refused));
  expect(refused).toMatchObject({ code: "unavailable", reason: expect.stringContaining("before it ran") as string });
});
