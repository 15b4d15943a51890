import assert from "node:assert/strict";
import { idle, stateOf, work } from "./stage.ts";
import type { TestFunction } from "./test-function.ts";

/** What a test broker and its clock promise. */
export function clockRules(test: TestFunction): void {
  test("a delayed call runs when the clock has come to its time", async () => {
    await using stage = await work();
    const handle = await stage.tasks.with({ delayMs: 3_600_000 }).submit.addition(4, 6);
    await stage.broker.clock.advance(3_599_999);
    assert.equal((await handle.status()).state, "delayed");
    await stage.broker.clock.advance(1);
    assert.equal((await handle.status()).state, "succeeded");
    assert.equal(await handle.result(), 10);
  });

  test("attempts are repeated when the clock has come to their time", async () => {
    await using stage = await work();
    const { tasks, broker } = stage;
    const retry = { attempts: 3, backoff: { type: "fixed", delayMs: 60_000 } } as const;
    const handle = await tasks.with({ retry }).submit.division(1, -1);
    await broker.clock.advance(59_999);
    assert.deepEqual(await stateOf(handle), ["retrying", 1]);
    await broker.clock.advance(1);
    assert.deepEqual(await stateOf(handle), ["retrying", 2]);
    await broker.clock.advance(60_000);
    assert.deepEqual(await stateOf(handle), ["failed", 3]);
  });

  test("a call that nobody takes expires with the clock, and its caller is told", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    const call = tasks.with({ timeoutMs: 3_600_000 }).safe.addition(4, 6);
    let code: string | undefined;
    void call.then((answer) => (code = answer.ok ? "none" : answer.error.code));
    const handle = await tasks.with({ expiresInMs: 60_000 }).submit.addition(4, 6);
    await broker.clock.advance(60_000);
    assert.deepEqual(await stateOf(handle), ["expired", 0]);
    await broker.clock.advance(3_540_000);
    assert.equal(code, "deadline_exceeded");
  });

  test("a lease lapses with the clock", async () => {
    await using stage = idle();
    const { tasks, broker } = stage;
    const handle = await tasks.submit.addition(4, 6);
    const queues = [{ name: "math", tasks: ["math.addition"], fences: [] }];
    const { signal } = new AbortController();
    await broker.claim({ worker: "dead", queues, limit: 1, waitMs: 0, leaseMs: 15_000, suspect: true, signal });
    assert.deepEqual(await stateOf(handle), ["running", 1]);
    await broker.clock.advance(15_000);
    const beat = { worker: "other", queues, leaseMs: 15_000, presenceMs: 0, maxDeliveries: 3, reap: true };
    assert.equal((await broker.renew(beat)).reaped, 1);
  });

  test("two brokers share nothing", async () => {
    await using first = await work();
    await using second = idle();
    const handle = await first.tasks.submit.addition(4, 6);
    assert.equal(await handle.result(), 10);
    await assert.rejects(second.tasks.client.handle("addition", handle.id).status(), { code: "not_found" });
    await first.broker.clock.advance(5);
    assert.equal(first.broker.clock.now() - second.broker.clock.now(), 5);
  });

  test("the clock does not go back", async () => {
    await using stage = idle();
    await assert.rejects(stage.broker.clock.advance(-1), { code: "invalid_argument" });
  });
}
