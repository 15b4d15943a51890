import { expect, it, vi } from "vitest";
import type { CallLab } from "./lab.ts";

/** What `with` does. */
export function optionRules(lab: () => CallLab): void {
  it("timeoutMs bounds an awaited call, waiting included", async () => {
    const tasks = lab().client();
    const began = performance.now();
    await expect(tasks.with({ timeoutMs: 80 }).addition(1, 2)).rejects.toMatchObject({
      code: "deadline_exceeded",
      task: "lab.addition",
      callId: expect.any(String) as string,
      reason: 'no reply within 80 ms; no worker listens to queue "lab"',
    });
    expect(performance.now() - began).toBeGreaterThanOrEqual(79);
  });

  it("answers are acknowledged some at a time, and the rest when the client closes", async () => {
    const it = lab();
    const broker = it.broker();
    const submits = vi.spyOn(broker, "submit");
    await it.worker();
    const tasks = it.client({ broker }).with({ policy: "remote-only" });
    for (let made = 0; made < 20; made++) await tasks.addition(made, 1);
    const counts = () => submits.mock.calls.map(([, { acknowledged }]) => acknowledged.length);
    expect(counts()).toEqual([...Array<number>(16).fill(0), 16, 0, 0, 0]);
    await tasks.client.close();
    expect(counts().slice(20)).toEqual([4]);
    const all = submits.mock.calls.flatMap(([, { acknowledged }]) => acknowledged);
    expect(await broker.read("lab", all)).toEqual(all.map(() => undefined));
  });

  it("a large answer is acknowledged with the next submit", async () => {
    const it = lab();
    const broker = it.broker();
    const submits = vi.spyOn(broker, "submit");
    await it.worker();
    const tasks = it.client({ broker }).with({ policy: "remote-only" });
    await tasks.long(100_000);
    await tasks.addition(1, 2);
    expect(submits.mock.calls.map(([, { acknowledged }]) => acknowledged.length)).toEqual([0, 1]);
  });

  it("timeoutMs bounds the handler's run, and aborts its signal", async () => {
    const it = lab();
    await it.worker();
    const answer = it.client().with({ timeoutMs: 150 }).held("x");
    await expect(answer).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect.poll(() => it.aborted.get("x")).toBe("deadline_exceeded");
  });

  it("a signal cancels the call: one that waits never starts, one that runs is told", async () => {
    const it = lab();
    const tasks = it.client();
    const waiting = new AbortController();
    const early = tasks.with({ signal: waiting.signal }).held("early");
    waiting.abort();
    await expect(early).rejects.toMatchObject({ code: "canceled" });
    await it.worker();
    const running = new AbortController();
    const late = tasks.with({ signal: running.signal }).held("late");
    await it.begun("late");
    running.abort();
    await expect(late).rejects.toMatchObject({ code: "canceled" });
    await expect.poll(() => it.aborted.get("late")).toBe("canceled");
    expect(it.ran).toEqual(["held:late:worker"]);
  });

  it("a signal cancels a local run and aborts its own", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const controller = new AbortController();
    const answer = tasks.with({ signal: controller.signal }).held("x");
    await it.begun("x");
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "canceled" });
    expect(it.aborted.get("x")).toBe("canceled");
    await expect(tasks.with({ signal: controller.signal }).addition(1, 2)).rejects.toMatchObject({ code: "canceled" });
  });

  it("a signal cancels also what is being submitted", async () => {
    const it = lab();
    const tasks = it.client();
    const aborted = tasks.with({ signal: AbortSignal.abort(), id: "never-sent" });
    await expect(aborted.submit.addition(1, 2)).rejects.toMatchObject({ code: "canceled" });
    await expect(tasks.client.handle("addition", "never-sent").status()).rejects.toMatchObject({ code: "not_found" });
  });

  it("one id in two queues is two calls, and each hears its own answer", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client().with({ id: "twice" });
    const held = tasks.held("x");
    await it.begun("x");
    const other = tasks.elsewhere("x");
    it.release("x");
    await expect(held).resolves.toMatchObject({ latch: "x" });
    await expect(other).resolves.toBe("x elsewhere");
  });

  it("a duration longer than a timer's longest is waited", async () => {
    const it = lab();
    const tasks = it.client().with({ timeoutMs: 2 ** 33 });
    const answer = tasks.held("x");
    await it.worker();
    await it.begun("x");
    it.release("x");
    await expect(answer).resolves.toMatchObject({ latch: "x" });
  });

  it("the same id is the same call; with other parameters it is refused", async () => {
    const it = lab();
    await it.worker();
    const one = it.client().with({ id: "same" });
    const other = it.client().with({ id: "same" });
    const answers = Promise.all([one.held("x"), other.held("x")]);
    await it.begun("x");
    it.release("x");
    const [first, second] = await answers;
    expect(first).toEqual(second);
    expect(it.ran).toEqual(["held:x:worker"]);
    await expect(other.held("x")).resolves.toEqual(first);
    await expect(other.held("y")).rejects.toMatchObject({ code: "invalid_argument", callId: "same" });
    await expect(other.flaky("x", 0)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  for (const [where, open] of [
    ["on a worker", async (it: CallLab) => (await it.worker(), it.client())],
    ["here", async (it: CallLab) => it.client({ implementations: [it.implementation("here")] })],
  ] as const) {
    it(`a failed attempt is repeated ${where} as the contract or the call says`, async () => {
      const it = lab();
      const tasks = await open(it);
      await expect(tasks.flaky("a", 2)).resolves.toBe(3);
      await expect(tasks.flaky("b", 9)).rejects.toMatchObject({ code: "failed", attempt: 3, reason: "attempt 3" });
      await expect(tasks.with({ retry: { attempts: 1 } }).flaky("c", 1)).rejects.toMatchObject({ attempt: 1 });
      const picky = tasks.with({ retry: { attempts: 9, retryOn: ["worker_lost"] } });
      await expect(picky.flaky("d", 1)).rejects.toMatchObject({ attempt: 1 });
      expect(it.ran).toEqual([
        "flaky:a:1",
        "flaky:a:2",
        "flaky:a:3",
        "flaky:b:1",
        "flaky:b:2",
        "flaky:b:3",
        "flaky:c:1",
        "flaky:d:1",
      ]);
    });
  }

  for (const [where, open] of [
    ["on a worker", async (it: CallLab) => (await it.worker(), it.client())],
    ["here", async (it: CallLab) => it.client({ implementations: [it.implementation("here")] })],
  ] as const) {
    it(`a handler decides ${where} whether and when its attempt is repeated`, async () => {
      const it = lab();
      const tasks = await open(it);
      await expect(tasks.deciding("soon", { afterMs: 1 })).resolves.toBe(3);
      const never = tasks.deciding("never", false);
      await expect(never).rejects.toMatchObject({ code: "failed", attempt: 1, reason: "not at 1" });
      await expect(tasks.deciding("odd", { afterMs: -1 })).rejects.toThrow(/retry must be false or \{ afterMs \}/);
      expect(it.ran).toEqual(["soon:1", "soon:2", "soon:3", "never:1", "odd:1"].map((run) => `deciding:${run}`));
    });

    it(`a call within its parent's time, made ${where}, ends with it`, async () => {
      const it = lab();
      const tasks = await open(it);
      if (where === "here") await it.worker();
      await tasks.addition(1, 2); // Connecting is not to be a part of its time.
      const answer = await tasks.with({ timeoutMs: 400 }).safe.parental("x");
      // Both end at the same moment: the parent may just have had its child's error.
      const { code } = answer.ok ? (answer.value as { code: string }) : answer.error;
      expect(code).toBe("deadline_exceeded");
      await expect.poll(() => it.aborted.get("x")).toMatch(/deadline_exceeded|canceled/);
    });
  }

  it("a call is canceled with its parent", async () => {
    const it = lab();
    await it.worker();
    const handle = await it.client().submit.parental("x");
    await it.begun("x");
    await handle.cancel();
    await expect.poll(() => it.aborted.get("x")).toBe("canceled");
    expect(() => it.client().with({ parent: {} as never })).toThrow(/parent must be a handler's context/);
  });

  it("a call of a parent whose time is up goes nowhere", async () => {
    const it = lab();
    const parent = { remainingMs: 0, signal: new AbortController().signal };
    await expect(it.client().with({ parent }).addition(1, 2)).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(it.client().with({ parent }).submit.addition(1, 2)).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
  });

  it("options that can't be followed are refused when given", () => {
    const tasks = lab().client();
    expect(() => tasks.with({ timeoutMs: 0 })).toThrow(/timeoutMs must be a positive number of milliseconds; got 0/);
    expect(() => tasks.with({ policy: "nowhere" as never })).toThrow(/policy must be one of local-first, /);
    expect(() => tasks.with({ id: "a b" })).toThrow(/without blanks/);
    expect(() => tasks.with({ delayMs: 1, runAt: new Date() })).toThrow(/give delayMs or runAt, not both/);
    expect(() => tasks.with({ retry: { attempts: 0 } })).toThrow(/retry\.attempts/);
    expect(() => tasks.with({ timeout: 5 } as never)).toThrow(/there is no option "timeout"/);
    expect(() => tasks.with({ signal: {} as never })).toThrow(/signal must be an AbortSignal/);
  });

  it("options of submit are refused for awaited calls, and local-only for submit", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    await expect(tasks.with({ delayMs: 10 }).addition(1, 2)).rejects.toThrow(/delayMs is for submitted calls/);
    await expect(tasks.with({ policy: "local-only" }).submit.addition(1, 2)).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("with keeps what was said before, and leaves the face it came from alone", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const remote = tasks.with({ policy: "remote-only" });
    await expect(remote.with({ timeoutMs: 5_000 }).movable([])).resolves.toBe("worker");
    await expect(tasks.movable([])).resolves.toBe("here");
    const { addition } = remote;
    await expect(addition(1, 2)).resolves.toBe(3);
  });

  it("submits on their way count as pending, and a queue's length has its limit", async () => {
    const it = lab();
    const tasks = it.client({ maxPending: 2, maxQueueLength: 3 });
    const both = [tasks.submit.addition(1, 1), tasks.submit.addition(2, 2)];
    await expect(tasks.submit.addition(3, 3)).rejects.toMatchObject({ code: "resource_exhausted" });
    await Promise.all(both);
    await tasks.with({ delayMs: 60_000 }).submit.addition(4, 4);
    await expect(tasks.submit.addition(5, 5)).rejects.toThrow(/resource_exhausted.*maxQueueLength.*"lab"/);
    await expect(tasks.addition(6, 6)).rejects.toMatchObject({ code: "resource_exhausted" });
    await expect(tasks.submit.elsewhere("x")).resolves.toBeDefined();
    expect(() => it.client({ maxPending: 0 })).toThrow(/maxPending must be a whole number, at least 1; got 0/);
    expect(() => it.client({ maxpending: 1 } as object)).toThrow(/there is no option "maxpending"; there are broker, /);
  });

  it("more pending calls than maxPending are refused at once", async () => {
    const it = lab();
    const tasks = it.client({ maxPending: 2 });
    const pending = [tasks.addition(1, 1), tasks.addition(2, 2)];
    await expect(tasks.addition(3, 3)).rejects.toMatchObject({ code: "resource_exhausted" });
    await it.worker();
    await expect(Promise.all(pending)).resolves.toEqual([2, 4]);
    await expect(tasks.addition(3, 3)).resolves.toBe(6);
  });

  it("a closed client rejects what is pending and what comes later", async () => {
    const tasks = lab().client();
    const pending = tasks.addition(1, 2);
    const waiting = tasks.submit.addition(1, 2).then((handle) => handle.result());
    const settled = Promise.allSettled([pending, waiting]);
    await tasks.client.close();
    await tasks.client.close();
    const [awaited] = await settled;
    expect(awaited).toMatchObject({ status: "rejected", reason: { code: "canceled" } });
    await expect(tasks.addition(1, 2)).rejects.toMatchObject({ code: "unavailable" });
    await expect(tasks.safe.addition(1, 2)).resolves.toMatchObject({ ok: false });
  });
}
