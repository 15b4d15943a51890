import assert from "node:assert/strict";
import { TaskError } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import * as contract from "../../contracts/math.ts";
import { isDeclared } from "../../generated/index.ts";
import { idle, money, placedAt, stateOf, work } from "./stage.ts";
import type { TestFunction } from "./test-function.ts";

/** What `next` of a test broker promises. */
export function stubRules(test: TestFunction): void {
  test("the next call is answered without a worker, and only that one", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    broker.next(tasks, "division").answers(7);
    broker.next(tasks, "division").answers(8);
    assert.deepEqual(await Promise.all([tasks.division(1, 1), tasks.division(1, 1)]), [7, 8]);
    const third = await tasks.submit.division(1, 1);
    await broker.clock.advance(0);
    assert.equal((await third.status()).state, "queued");
  });

  test("a stub's value comes through the caller's gate", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    const validUntil = placedAt.toISOString();
    broker.next(tasks, "quote").answers({ total: money, byLine: [], validUntil });
    assert.deepEqual((await tasks.quote([{ sku: "x" }])).validUntil, placedAt);
    broker.next(tasks, "addition").answers("ten" as unknown as number);
    await assert.rejects(tasks.addition(4, 6), { code: "invalid_result" });
  });

  test("the next call fails, awaited, safe or submitted", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    const fail = () => broker.next(tasks, "division").fails("divisionByZero", { dividend: 1 });
    fail();
    await assert.rejects(tasks.division(1, 0), (error) => isDeclared(error, "division", "divisionByZero"));
    fail();
    const answer = await tasks.safe.division(1, 0);
    assert.ok(!answer.ok && answer.error.name === "divisionByZero" && answer.error.data.dividend === 1);
    fail();
    const handle = await tasks.submit.division(1, 0);
    assert.ok(!(await handle.safeResult()).ok);
    assert.deepEqual(await stateOf(handle), ["failed", 1]);
    broker.next(tasks, "division").fails({ code: "worker_lost", reason: "gone" });
    await assert.rejects(tasks.division(1, 0), { message: "[worker_lost] math.division: gone" });
    broker.next(tasks, "division").fails(new TaskError("failed", "boom"));
    await assert.rejects(tasks.division(1, 0), { message: "[failed] math.division: boom" });
  });

  test("the next call times out, awaited, safe or submitted", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    broker.next(tasks, "addition").timesOut();
    await assert.rejects(tasks.addition(), { code: "deadline_exceeded" });
    broker.next(tasks, "addition").timesOut();
    const answer = await tasks.safe.addition();
    assert.ok(!answer.ok && answer.error.code === "deadline_exceeded");
    broker.next(tasks, "addition").timesOut();
    const handle = await tasks.submit.addition();
    await assert.rejects(handle.result(), { code: "deadline_exceeded" });
    assert.deepEqual(await stateOf(handle), ["expired", 0]);
  });

  test("a stub comes before the workers, and leaves other calls to them", async () => {
    await using stage = await work();
    const { tasks, broker } = stage;
    broker.next(tasks, "division").answers(7);
    assert.deepEqual(
      await Promise.all([tasks.addition(4, 6), tasks.division(1, 4), tasks.division(1, 8)]),
      [10, 7, 0.125],
    );
  });

  test("a stub answers also where the workers of its queue do not know the task", async () => {
    const adding = implement(contractOf("math", contract, ["addition"]), { addition: () => 1 });
    await using stage = await work(adding);
    stage.broker.next(stage.tasks, "division").answers(7);
    assert.equal(await stage.tasks.division(1, 1), 7);
  });

  test("a stubbed call is held back, canceled and known by its id as any other", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    broker.next(tasks, "addition").answers(1);
    broker.next(tasks, "addition").answers(2);
    const delayed = tasks.with({ delayMs: 1_000, id: "one" }).submit;
    const first = await delayed.addition();
    const second = await tasks.with({ delayMs: 1_000 }).submit.addition();
    assert.equal((await delayed.addition()).id, first.id);
    assert.equal(await second.cancel(), "canceled");
    assert.deepEqual(await stateOf(first), ["delayed", 0]);
    await broker.clock.advance(1_000);
    assert.equal(await first.result(), 1);
    await assert.rejects(second.result(), { code: "canceled" });
  });

  test("what can't be stubbed is refused where it is said", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    const next = broker.next(tasks, "addition");
    assert.throws(() => broker.next(tasks, "power" as "addition"), { code: "invalid_argument" });
    assert.throws(() => next.answers((() => 1) as unknown as number), { code: "invalid_argument" });
    assert.throws(() => next.fails({ code: "odd" as "failed" }), { code: "invalid_argument" });
  });
}
