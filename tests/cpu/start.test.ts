import { expect, test } from "vitest";
import { createWorker, type Implementation } from "taskpact";
import { createClient } from "taskpact/codegen";
import { quiet } from "../calls/lab.ts";
import { broken, lost, untold } from "./broken.ts";
import { contract, lab } from "./handlers.ts";
import { another, hidden, one, partsContract } from "./parts.ts";
import { CpuStage, pool } from "./stage.ts";

let count = 0;
const brokerUrl = (): string => `memory:cpu-start-${count++}`;
const worker = (implementation: Implementation, options = {}) =>
  createWorker({ broker: brokerUrl(), implementations: [implementation], log: quiet, pool, ...options });

test("a worker does not start if a module can't be imported, or lacks the handlers", { timeout: 30_000 }, async () => {
  await expect(worker(lost).run()).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/elsewhere\.inThread can't run in a pool.+nowhere\.ts/) as string,
  });
  await expect(worker(broken!).run()).rejects.toThrow('it exports no implementation of contract "broken"');
  const options = { pool: { ...pool, execArgv: ["--import", "no-such-loader"] } };
  await expect(worker(lab, options).run()).rejects.toThrow("no-such-loader");
});

test("threads find the part of a contract that has the task", { timeout: 60_000 }, async () => {
  const broker = brokerUrl();
  const tasks = createClient<Record<"inThread" | "rich", (...args: unknown[]) => Promise<unknown>>>(
    { shape: "flat", contracts: [partsContract] },
    { broker, implementations: [one, another], log: quiet, pool: { ...pool, size: 1 } },
  );
  await expect(tasks.inThread("nothing")).resolves.toMatch(/^thread [1-9]/);
  await expect(tasks.rich(1, new Date())).resolves.toBe(true);
  await (tasks as unknown as { readonly client: { close(): Promise<void> } }).client.close();
  const lacking = createWorker({ broker, implementations: hidden, log: quiet, pool });
  await expect(lacking.run()).rejects.toThrow('what it exports of contract "parts" has no handler of told');
});

test("a task with cpu is refused where its module is not known", () => {
  expect(() => worker(untold)).toThrow("elsewhere.inThread has cpu, so that its module must be known");
  const client = () =>
    createClient({ shape: "flat", contracts: [contract] }, { broker: "memory:", implementations: [untold] });
  expect(client).toThrow("createTasks(): elsewhere.inThread has cpu");
});

test("options of a pool that can't be followed are refused", () => {
  expect(() => worker(lab, { pool: { size: 0 } })).toThrow("createWorker(): pool: size must be a whole number");
  expect(() => worker(lab, { pool: { threads: 2 } })).toThrow('pool: there is no option "threads"');
  expect(() => worker(lab, { pool: { execArgv: "--import tsx" } })).toThrow("pool: execArgv must be a list of strings");
});

test("one that is stopped while its pool starts ends without a fault", async () => {
  const one = worker(lab);
  const running = one.run();
  await one.stop();
  await running;
});

test("threads without work are closed", { timeout: 30_000 }, async () => {
  const place = new CpuStage(() => "memory:cpu-idle");
  await place.worker({ pool: { ...pool, size: 1, idleMs: 1 } });
  const tasks = place.client();
  const first = await tasks.inThread("nothing");
  await expect.poll(() => tasks.inThread("nothing"), { timeout: 20_000 }).not.toBe(first);
});
