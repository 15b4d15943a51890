import assert from "node:assert/strict";
import { type Implementation, TaskError } from "taskpact";
import { runTask, testBroker } from "taskpact/testing";
import { createTasks, implementMath } from "../../generated/index.ts";
import { math, money, orders, placedAt, rated } from "./stage.ts";
import type { TestFunction } from "./test-function.ts";

/** What `runTask` promises. */
export function runRules(test: TestFunction): void {
  test("a run gives what a caller would get, of parameters with their defaults", async () => {
    assert.equal(await runTask(math, "addition", { b: 6 }), 6);
    const quote = await runTask(orders, "quote", { lines: [{ sku: "x" }, { sku: "y", quantity: 2 }] });
    assert.deepEqual(quote.total, money);
    assert.deepEqual(quote.validUntil, placedAt);
  });

  test("a run refuses parameters as a caller does", async () => {
    const wrong = { dividend: "1", divisor: 1 } as unknown as { dividend: number; divisor: number };
    await assert.rejects(runTask(math, "division", wrong), {
      code: "invalid_argument",
      task: "math.division",
      issues: [{ path: ["dividend"], message: "Invalid input: expected number, received string" }],
    });
  });

  test("a run rejects with declared errors as a caller reads them", async () => {
    const run = runTask(orders, "cancelOrder", { id: "a", reason: "late" });
    await assert.rejects(run, (error) => {
      assert.ok(error instanceof TaskError);
      assert.deepEqual([error.name, error.data], ["alreadyShipped", { shippedAt: placedAt, carrier: "a" }]);
      return true;
    });
    const answer = await runTask(math, "division", { dividend: 1, divisor: 0 }).answer();
    assert.ok(!answer.ok && answer.error.name === "divisionByZero");
    assert.equal(answer.error.data.dividend, 1);
  });

  test("a run rejects with what else was thrown as the cause", async () => {
    await assert.rejects(runTask(math, "division", { dividend: 1, divisor: -1 }), (error: TaskError) => {
      assert.equal(error.message, "[failed] math.division: not by -1");
      assert.ok(error.cause instanceof RangeError);
      return true;
    });
  });

  test("a run rejects a result that the contract does not declare", async () => {
    const run = runTask(math, "division", { dividend: 1, divisor: 1 }, { callId: "lie" });
    await assert.rejects(run, { code: "invalid_result", task: "math.division" });
  });

  test("a run keeps what was reported and logged", async () => {
    const run = runTask(math, "division", { dividend: 6, divisor: 3 }, { attempt: 2 });
    assert.equal(await run, 2);
    assert.deepEqual(run.progress, [{ current: 2, total: 3 }]);
    const logged = runTask(math, "subtraction", { minuend: 5, subtrahend: 3 });
    await logged;
    assert.deepEqual(logged.lines, [{ level: "info", message: "begun", fields: { minuend: 5 } }]);
  });

  test("a run has the dependencies that it is given, and opens none", async () => {
    assert.equal(await runTask(rated, "addition", { a: 2 }, { dependencies: { rate: 3 } }), 6);
    await assert.rejects(runTask(rated as Implementation, "addition", { a: 2 }), {
      reason: "runTask(): addition has dependencies: give it { dependencies }",
    });
  });

  test("a run ends with its signal and with its time", async () => {
    const canceler = new AbortController();
    const canceled = runTask(math, "subtraction", { minuend: 1, subtrahend: 0 }, { signal: canceler.signal });
    canceler.abort();
    await assert.rejects(canceled, { code: "canceled" });
    const late = runTask(math, "subtraction", { minuend: 1, subtrahend: 0 }, { attemptTimeoutMs: 1 });
    await assert.rejects(late, { code: "deadline_exceeded" });
  });

  test("a run's own calls go to the tasks that it is given", async () => {
    const caller = implementMath({
      addition: async ({ a, b }, { tasks }) => tasks.subtraction(a, -b),
      subtraction: ({ minuend }, { metadata, tasks }) =>
        tasks.with({ metadata: { at: "x" } }).division(minuend, Number(metadata["by"])),
      division: ({ dividend }) => dividend,
    });
    const broker = testBroker();
    const tasks = createTasks({ broker });
    broker.next(tasks, "subtraction").answers(7);
    assert.equal(await runTask(caller, "addition", { a: 1, b: 2 }, { tasks }), 7);
    broker.next(tasks, "division").fails("divisionByZero", { dividend: 1 });
    const failed = runTask(caller, "subtraction", { minuend: 1, subtrahend: 2 }, { tasks, metadata: { by: "0" } });
    await assert.rejects(failed, { code: "failed" });
    const fake = { subtraction: async (a: number, b: number) => a * b };
    assert.equal(await runTask(caller, "addition", { a: 3, b: 2 }, { tasks: fake }), -6);
    await assert.rejects(runTask(caller, "addition", {}), /its handler calls other tasks; give it \{ tasks \}/);
    await tasks.client.close();
    await broker.close();
  });

  test("a run of what does not exist is refused", async () => {
    await assert.rejects(runTask(math, "power" as "addition", {}), { code: "invalid_argument" });
    await assert.rejects(runTask(math, "addition", {}, { attempts: 2 } as object), { code: "invalid_argument" });
  });
}
