import { expect, it } from "vitest";
import type { Broker, TaskError } from "taskpact";
import { encode } from "../../runtime/codec.ts";
import type { CallLab, LooseHandle, LooseTasks } from "./lab.ts";

/** Calls that were parked, and those whose request was kept, for those who look after them. */
export function parkedRules(lab: () => CallLab): void {
  /** A call that nobody can read: it names no task. */
  const submitUnreadable = async (it: CallLab, id: string): Promise<void> => {
    const record = encode({ params: { a: 1 } });
    await it.broker().submit("lab", { calls: [{ id, record, priority: "normal", delayMs: 0 }], acknowledged: [] });
  };

  const stateOf = async (handle: LooseHandle): Promise<string> => (await handle.status()).state;

  /** So many more answers that all which were received are acknowledged with the last call. */
  const acknowledged = async (tasks: LooseTasks): Promise<void> => {
    for (let made = 0; made <= 16; made++) await tasks.addition(made, 1);
  };

  /** A submitted call that has ended, and whose request was kept. */
  const finished = async (it: CallLab, tasks: LooseTasks): Promise<LooseHandle> => {
    const worker = await it.worker();
    const handle = await tasks.with({ keepRequest: true }).submit.movable(["worker"]);
    await handle.safeResult();
    await worker.stop();
    return handle;
  };

  it("a call whose workers died is listed and shown, with the error of each attempt, and succeeds when it is replayed", async () => {
    const it = lab();
    const tasks = it.client();
    const { parked } = tasks.client;
    const handle = await tasks.with({ priority: "low", attemptTimeoutMs: 5_000 }).submit.addition(1, 2);
    await it.dieWith();
    await expect(handle.result()).rejects.toMatchObject({ code: "worker_lost" });
    const about = { id: handle.id, task: "lab.addition", attempt: 0, deaths: 3, generation: 0 };
    const reason = { code: "worker_lost", task: "lab.addition", callId: handle.id };
    const { calls, next } = await parked.list({ task: "addition" });
    expect(calls).toMatchObject([{ ...about, reason }]);
    expect(next).toBeUndefined();
    const parkedAt = calls[0]!.parkedAt;
    expect(Math.abs(parkedAt - Date.now())).toBeLessThan(60_000);
    const lost = (worker: string) => ({
      code: "worker_lost",
      message: "its worker died",
      attempt: 1,
      worker,
      stack: undefined,
    });
    const shown = await parked.show("addition", handle.id);
    expect(shown).toMatchObject({ ...about, state: "parked", priority: "low", parkedAt, reason });
    expect(shown.params).toEqual({ a: 1, b: 2 });
    expect(shown.options).toEqual({ attemptTimeoutMs: 5_000 });
    expect(shown.errors).toEqual(["dying1", "dying2", "dying3"].map(lost));

    const replayed = await parked.replay("addition", handle.id);
    expect(replayed.id).toBe(handle.id);
    expect(await stateOf(replayed)).toBe("queued");
    expect((await parked.list({ queue: "lab" })).calls).toEqual([]);
    await it.worker();
    await expect(replayed.result()).resolves.toBe(3);
    await expect(handle.result()).resolves.toBe(3);
  });

  it("one that nobody can read is shown with the reason, and is parked again when it is replayed", async () => {
    const it = lab();
    await submitUnreadable(it, "x");
    await it.worker();
    const { parked } = it.client().client;
    await expect.poll(async () => (await parked.list({ queue: "lab" })).calls.length).toBe(1);
    const about = { id: "x", task: undefined, deaths: 0, generation: 0 };
    const reason = { code: "invalid_argument", message: expect.stringContaining("names no task") };
    expect((await parked.list({ queue: "lab" })).calls).toMatchObject([{ ...about, reason }]);
    expect((await parked.list({ task: "addition" })).calls).toEqual([]);
    expect(await parked.show("addition", "x")).toMatchObject({ ...about, params: undefined, reason, errors: [] });
    const handle = await parked.replay("addition", "x");
    await expect(handle.result()).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await parked.show("addition", "x")).toMatchObject({ generation: 1, reason });
  });

  it("foreign bytes that are no record can be looked at and discarded, but not replayed", async () => {
    const it = lab();
    const calls = [{ id: "x", record: Buffer.from("hello"), priority: "normal" as const, delayMs: 0 }];
    await it.broker().submit("lab", { calls, acknowledged: [] });
    await it.worker();
    const { parked } = it.client().client;
    await expect.poll(async () => (await parked.list({ queue: "lab" })).calls.length).toBe(1);
    expect(await parked.show("addition", "x")).toMatchObject({ state: "parked", task: undefined, params: undefined });
    await expect(parked.replay("addition", "x")).rejects.toThrow(/it is parked, and nothing is left.*discard it/);
    await parked.discard("addition", "x");
    await expect(parked.show("addition", "x")).rejects.toMatchObject({ code: "not_found" });
  });

  it("a finished call whose request was kept is shown, and runs again, as often as wanted", async () => {
    const it = lab();
    const tasks = it.client();
    const { parked } = tasks.client;
    const handle = await finished(it, tasks);
    const reason = { code: "failed", message: expect.stringContaining("not worker"), attempt: 1 };
    expect(await parked.show("movable", handle.id)).toMatchObject({ state: "failed", reason, parkedAt: undefined });
    await it.worker({}, "second");
    for (const generation of [1, 2]) {
      await parked.replay("movable", handle.id);
      await expect(handle.result()).resolves.toBe("second");
      const shown = await parked.show("movable", handle.id);
      expect(shown).toMatchObject({ state: "succeeded", generation, attempt: 1, params: { fails: ["worker"] } });
      expect(shown.reason).toBeUndefined();
    }
    expect(it.ran).toEqual(["movable:worker", "movable:second", "movable:second"]);
    expect((await parked.list({ queue: "lab" })).calls).toEqual([]);
  });

  it("so does an awaited one, though its caller has had the answer", async () => {
    const it = lab();
    const tasks = it.client().with({ policy: "remote-only" });
    await it.worker();
    const answer = await tasks.with({ keepRequest: true }).safe.movable(["worker"]);
    const { callId } = (answer as { error: TaskError }).error;
    await acknowledged(tasks);
    const handle = await tasks.client.parked.replay("movable", callId!);
    await expect(handle.result()).rejects.toMatchObject({ code: "failed" });
    expect(it.ran).toEqual(["movable:worker", "movable:worker"]);
  });

  it("who had received that it was parked does not make its new answer forgotten", async () => {
    const it = lab();
    const tasks = it.client().with({ policy: "remote-only" });
    const error = tasks.addition(1, 2).catch((error: unknown) => error as TaskError);
    await it.dieWith();
    const { code, callId } = (await error) as TaskError;
    expect(code).toBe("worker_lost");
    const handle = await it.client().client.parked.replay("addition", callId!);
    await it.worker();
    await expect(handle.result()).resolves.toBe(3);
    await acknowledged(tasks);
    await expect(handle.result()).resolves.toBe(3);
  });

  it("errors of repeated attempts are kept with the worker and the stack, beside those of workers that died", async () => {
    const it = lab();
    const tasks = it.client();
    const retry = { attempts: 3, backoff: { type: "fixed", delayMs: 500 } } as const;
    const handle = await tasks.with({ retry }).submit.flaky("x", 3);
    const worker = await it.worker();
    await expect.poll(() => stateOf(handle)).toBe("retrying");
    await worker.stop();
    await it.dieWith();
    const { errors, attempt } = await tasks.client.parked.show("flaky", handle.id);
    expect(attempt).toBe(1);
    expect(errors).toHaveLength(4);
    expect(errors[0]).toMatchObject({ code: "failed", message: "attempt 1", attempt: 1 });
    expect(errors[0]?.worker).toMatch(/^\S{10}$/);
    expect(errors[0]?.stack).toContain("Error: attempt 1");
    for (const error of errors.slice(1)) expect(error).toMatchObject({ code: "worker_lost", attempt: 2 });
  });

  it("replayed twice, it is one replay: at a time, both have it; later, it is said what it is", async () => {
    const it = lab();
    const tasks = it.client();
    const { parked } = tasks.client;
    const { id } = await tasks.submit.held("x");
    await it.dieWith();
    const handles = await Promise.all([parked.replay("held", id), parked.replay("held", id)]);
    await expect(parked.replay("held", id)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("it is queued, neither parked nor finished"),
      task: "lab.held",
      callId: id,
    });
    await it.worker();
    await it.begun("x");
    await expect(parked.replay("held", id)).rejects.toThrow(/it is running/);
    it.release("x");
    for (const handle of handles) await expect(handle.result()).resolves.toMatchObject({ latch: "x", attempt: 1 });
    await expect(parked.replay("held", id)).rejects.toThrow(/it is succeeded, and its request was not kept/);
    expect(it.ran).toEqual(["held:x:worker"]);
  });

  it("what can't be found, or not be replayed, is said with what it is", async () => {
    const it = lab();
    const tasks = it.client();
    const { parked } = tasks.client;
    for (const act of [parked.show, parked.replay, parked.discard].map((method) => method.bind(parked))) {
      await expect(act("addition", "nobody")).rejects.toMatchObject({ code: "not_found", callId: "nobody" });
      await expect(act("additoin", "x")).rejects.toThrow(/there is no task "additoin"/);
      await expect(act("addition", "")).rejects.toThrow(/an id must be/);
    }
    const handle = await tasks.submit.addition(1, 2);
    await it.dieWith();
    for (const act of [parked.show, parked.replay, parked.discard].map((method) => method.bind(parked)))
      await expect(act("division", handle.id)).rejects.toThrow(/it is a call of lab.addition/);
    await parked.replay("addition", handle.id);
    await expect(parked.show("addition", handle.id)).rejects.toThrow(/it is queued/);
    await expect(parked.discard("addition", handle.id)).rejects.toThrow(/it is queued, not parked/);
    await handle.cancel();
    await expect(parked.replay("addition", handle.id)).rejects.toThrow(/it is canceled, and its request was not kept/);
    await expect(parked.list({})).rejects.toThrow(/give queue, or task/);
    for (const limit of [0, 1.5, 1_001])
      await expect(parked.list({ queue: "lab", limit })).rejects.toThrow(/limit must be/);
    await tasks.client.close();
    await expect(parked.list({ queue: "lab" })).rejects.toMatchObject({ code: "unavailable" });
  });

  it("a broker without an operator's side says so", async () => {
    const tasks = lab().client({ broker: { operator: undefined } as Broker });
    await expect(tasks.client.parked.list({ queue: "lab" })).rejects.toMatchObject({ code: "unimplemented" });
  });

  it("a discarded call is gone, and its id may be used again", async () => {
    const it = lab();
    const tasks = it.client();
    const handle = await tasks.with({ id: "mine" }).submit.addition(1, 2);
    await it.dieWith();
    await tasks.client.parked.discard("addition", "mine");
    await expect(handle.status()).rejects.toMatchObject({ code: "not_found" });
    await it.worker();
    const again = await tasks.with({ id: "mine" }).submit.addition(3, 4);
    await expect(again.result()).resolves.toBe(7);
  });

  it("hundreds are listed in pages, those of one task without the others", async () => {
    const it = lab();
    const tasks = it.client();
    await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        index % 100 === 0 ? tasks.submit.division(index, 1) : tasks.submit.addition(index, 1),
      ),
    );
    await it.dieWith(1);
    const ids = async (query: { queue?: string; task?: string; limit?: number }): Promise<readonly string[]> => {
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await tasks.client.parked.list({ ...query, after });
        expect(page.calls.length > 0 || page.next === undefined).toBe(true);
        seen.push(...page.calls.map(({ id }) => id));
        after = page.next;
      } while (after !== undefined);
      return seen;
    };
    expect(new Set(await ids({ queue: "lab", limit: 70 })).size).toBe(300);
    expect(new Set(await ids({ task: "division", limit: 20 })).size).toBe(3);
    expect((await ids({ task: "addition" })).length).toBe(297);
  });

  it("a local replay runs here, as on a worker: with a fence, its answer for all who wait", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const handle = await tasks.submit.held("x");
    await it.dieWith();
    const elsewhere = it.client().client.handle("held", handle.id);
    await tasks.client.parked.replay("held", handle.id, { local: true });
    await it.begun("x");
    expect(await stateOf(handle)).toBe("running");
    const result = elsewhere.result();
    it.release("x");
    await expect(result).resolves.toMatchObject({ place: "here", attempt: 1, fence: expect.any(Number) });
    expect(((await handle.result()) as { fence: number }).fence).toBeGreaterThan(0);
    expect(it.ran).toEqual(["held:x:here"]);
  });

  it("a local replay reports progress and failures, and takes a slot", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")], localConcurrency: 1 });
    const { parked } = tasks.client;
    const failing = await finished(it, tasks);
    const steps = await tasks.submit.steps(2, "x");
    await it.dieWith(1);
    await parked.replay("steps", steps.id, { local: true });
    await it.begun("x");
    await expect.poll(async () => (await steps.status()).progress).toEqual({ step: 2 });
    await expect(parked.replay("movable", failing.id, { local: true })).rejects.toMatchObject({ code: "unavailable" });
    expect(await stateOf(failing)).toBe("failed");
    it.release("x");
    await expect(steps.result()).resolves.toBe(2);
    await expect
      .poll(() =>
        parked.replay("movable", failing.id, { local: true }).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await expect(failing.result()).resolves.toBe("here");
  });

  it("a local replay without an implementation is unimplemented, and nothing was changed", async () => {
    const it = lab();
    const only = it.client({ implementations: [it.implementation("here", ["addition"])] });
    const handle = await only.submit.division(1, 2);
    await it.dieWith();
    const replay = only.client.parked.replay("division", handle.id, { local: true });
    await expect(replay).rejects.toMatchObject({ code: "unimplemented", callId: handle.id });
    expect(await only.client.parked.show("division", handle.id)).toMatchObject({ state: "parked", generation: 0 });
  });

  it("canceled, a local replay's handler is told", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const handle = await tasks.submit.held("x");
    await it.dieWith();
    await tasks.client.parked.replay("held", handle.id, { local: true });
    await it.begun("x");
    await expect(handle.cancel()).resolves.toBe("canceled");
    await expect.poll(() => it.aborted.has("x"), { timeout: 5_000 }).toBe(true);
    expect(await stateOf(handle)).toBe("canceled");
  });

  it("a client that is closed gives its local replays back", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const { id } = await tasks.submit.held("x");
    await it.dieWith();
    await tasks.client.parked.replay("held", id, { local: true });
    await it.begun("x");
    await tasks.client.close();
    expect(it.aborted.has("x")).toBe(true);
    await it.worker({}, "there");
    it.release("x");
    const result = it.client().client.handle("held", id).result();
    await expect(result).resolves.toMatchObject({ place: "there", attempt: 1 });
  });
}
