import { expect, test, vi } from "vitest";
import type { Events, Overview } from "taskpact";
import type { CallLab } from "./lab.ts";

/** A client of the lab, whose tasks have no types. */
type Operated = Overview<Record<string, unknown>> & { readonly events: Events<Record<string, unknown>> };

export function operateRules(lab: () => CallLab): void {
  const operate = (tasks: { readonly client: unknown }): Operated => tasks.client as Operated;

  test("events of calls and workers are heard, of the tasks and kinds that were asked for", async () => {
    const here = lab();
    const tasks = here.client();
    const { events } = operate(tasks);
    const all: string[] = [];
    const failed: unknown[] = [];
    await events.on(["queued", "started", "succeeded", "failed", "workerUp", "workerDown"], (event) => {
      all.push("task" in event ? `${event.kind} ${event.task}` : event.kind);
    });
    await events.on("failed", { task: /^lab\.div/ }, ({ error }) => failed.push(error.name, error.data));
    await events.on("failed", { task: "throwing" }, ({ error }) => failed.push(error.message));
    const worker = await here.worker();
    expect(await tasks.addition(1, 2)).toBe(3);
    await expect(tasks.division(1, 0)).rejects.toMatchObject({ code: "declared" });
    await expect(tasks.throwing("error")).rejects.toMatchObject({ code: "failed" });
    await worker.stop();
    const way = (task: string, end: string) => [`queued ${task}`, `started ${task}`, `${end} ${task}`];
    const expected = [
      "workerUp",
      ...way("addition", "succeeded"),
      ...way("division", "failed"),
      ...way("throwing", "failed"),
      "workerDown",
    ];
    await vi.waitFor(() => expect(all.filter((one) => !one.startsWith("worker"))).toHaveLength(9));
    // A worker of the lab serves two queues.
    await vi.waitFor(() => expect([...new Set(all)]).toEqual([...new Set(expected)]));
    expect(failed).toEqual(["divisionByZero", { dividend: 1 }, expect.stringContaining("boom")]);
  });

  test("events are iterated over until the loop or the client ends, and no more is heard then", async () => {
    const here = lab();
    const tasks = here.client();
    const { events } = operate(tasks);
    await here.worker();
    const stream = events.stream("succeeded", { task: "addition" });
    const first = stream.next();
    // The stream begins to listen with its first `next`; another listener tells when all know.
    await (await events.on("succeeded", () => undefined)).stop();
    await tasks.addition(1, 2);
    expect((await first).value).toMatchObject({ kind: "succeeded", task: "addition", attempt: 1 });
    await stream.return?.();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    const unheard = events.stream("failed");
    const next = unheard.next();
    await unheard.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    const left = events.stream();
    const end = left.next();
    await tasks.client.close();
    expect((await end).done).toBe(true);
  });

  test("a callback that throws is logged, and the next one is called", async () => {
    const warnings: string[] = [];
    const log = { debug() {}, info() {}, warn: (_: object, words: string) => warnings.push(words), error() {} };
    const tasks = lab().client({ log });
    const { events } = operate(tasks);
    const heard: string[] = [];
    await events.on("queued", () => {
      throw new Error("no");
    });
    await events.on("queued", async ({ id }) => {
      heard.push(id);
      throw new Error("no");
    });
    const { id } = await tasks.submit.addition(1, 2);
    await vi.waitFor(() => expect(heard).toEqual([id]));
    await vi.waitFor(() => expect(warnings.filter((words) => words.includes("callback"))).toHaveLength(2));
  });

  test("an event, a task or a callback that does not exist is refused", async () => {
    const { events } = operate(lab().client());
    const refused = { code: "invalid_argument" };
    await expect(events.on("exploded" as never, () => undefined)).rejects.toMatchObject(refused);
    await expect(events.on("failed", { task: "nobody" }, () => undefined)).rejects.toMatchObject(refused);
    await expect(events.on("failed", { task: /nobody/ }, () => undefined)).rejects.toMatchObject(refused);
    await expect(events.on("failed", undefined as never)).rejects.toMatchObject(refused);
  });

  test("workers tell of themselves, and queues of what waits", async () => {
    const here = lab();
    const tasks = here.client();
    const client = operate(tasks);
    expect(await client.workers()).toEqual([]);
    await tasks.with({ priority: "high" }).submit.held("a");
    await tasks.submit.held("b");
    await tasks.with({ delayMs: 60_000 }).submit.held("c");
    const waiting = await client.queue("lab").info();
    expect(waiting).toMatchObject({ waiting: { high: 1, normal: 1, low: 0 }, delayed: 1, running: 0, workers: 0 });
    expect(waiting.oldestMs).toBeGreaterThanOrEqual(0);
    expect(waiting.oldestMs).toBeLessThan(60_000);
    await here.worker({ concurrency: 1 });
    await here.begun("a");
    here.release("a");
    await here.begun("b");
    await vi.waitFor(
      async () => {
        const [worker, ...others] = await client.workers();
        expect(others).toEqual([]);
        expect(worker).toMatchObject({ pid: process.pid, concurrency: 1, running: 1, version: expect.any(String) });
        expect(worker!.tasks).toContain("lab.held");
        expect(worker!.queues).toContain("lab");
        expect(worker!.perSecond.succeeded).toBeGreaterThan(0);
      },
      { timeout: 5_000 },
    );
    const queues = await client.queues();
    const found = queues.find(({ name }) => name === "lab");
    expect(found).toMatchObject({ running: 1, workers: 1, delayed: 1, waiting: { high: 0, normal: 0 } });
    expect(found!.perSecond.succeeded).toBeGreaterThan(0);
    here.release("b");
  });

  test("a purge ends calls that are awaited, at once", async () => {
    const tasks = lab().client();
    const client = operate(tasks);
    const awaited = tasks.with({ policy: "remote-only" }).safe.addition(1, 2);
    const later = await tasks.with({ delayMs: 60_000 }).submit.addition(1, 2);
    await vi.waitFor(async () => expect((await client.queue("lab").info()).waiting.normal).toBe(1));
    const began = performance.now();
    expect(await client.queue("lab").purge()).toEqual({ canceled: 2, forgotten: 0 });
    expect(await awaited).toMatchObject({ ok: false, error: { code: "canceled" } });
    expect(performance.now() - began).toBeLessThan(900);
    expect((await later.status()).state).toBe("canceled");
  });

  test("a queue that does not exist, and a purge that can't be followed, are refused", async () => {
    const client = operate(lab().client());
    expect(() => client.queue("nobody")).toThrow(/there is no queue "nobody"/);
    const { purge } = client.queue("lab");
    await expect(purge({ states: ["running" as never] })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(purge({ olderThanMs: -1 })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(purge({ since: 1 } as never)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("a call exists until it is forgotten, and only one that has ended is", async () => {
    const here = lab();
    const tasks = here.client();
    const handle = await tasks.submit.held("a");
    expect(await handle.exists()).toBe(true);
    await expect(handle.forget()).rejects.toMatchObject({ code: "invalid_argument" });
    await here.worker();
    here.release("a");
    await handle.result();
    expect(await handle.forget()).toBe(true);
    expect([await handle.exists(), await handle.forget()]).toEqual([false, false]);
    await expect(handle.status()).rejects.toMatchObject({ code: "not_found" });
  });

  test("an answer that is read once is gone, and of many who read it one has it", async () => {
    const here = lab();
    const tasks = here.client();
    await here.worker();
    const handle = await tasks.submit.addition(1, 2);
    const elsewhere = here.client().client.handle("addition", handle.id);
    const answers = await Promise.all([handle, elsewhere, handle].map((one) => one.safeResult({ once: true })));
    expect(answers.map((answer) => (answer.ok ? String(answer.value) : answer.error.code)).toSorted()).toEqual([
      "3",
      "not_found",
      "not_found",
    ]);
    expect(await handle.exists()).toBe(false);
  });
}
