import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Hook } from "taskpact";
import type { CpuStage } from "./stage.ts";

/** What callers and handlers see of tasks with `cpu`, on any broker. */
export function cpuRules(stage: () => CpuStage): void {
  test("values cross to a thread and back through their gates, and each once", async () => {
    const place = stage();
    await place.worker();
    const value = {
      map: new Map([["a", new Set([1n, 2n ** 70n])]]),
      at: new Date(9),
      bytes: new Float32Array([1.5]),
      none: undefined,
    };
    expect(await place.client().rich(value, new Date(7))).toEqual({ value, day: 7, many: 3 });
    expect(await place.client().safe.rich(value, "no day")).toMatchObject({ error: { code: "invalid_argument" } });
  });

  test("where it comes from crosses, too", async () => {
    const place = stage();
    await place.worker();
    const tasks = place.client().with({ metadata: { tenant: "acme" } });
    expect(await tasks.told()).toMatchObject({ metadata: { tenant: "acme" }, rootId: expect.any(String) as string });
  });

  test("a worker's hooks run around its attempts, and see where it comes from", async () => {
    const place = stage();
    const seen: unknown[] = [];
    const hook: Hook = {
      async attempt({ task, params, context: { attempt, metadata } }, next) {
        const end = await next();
        seen.push([task, params, attempt, metadata, end.ok ? end.value : end.error.name]);
      },
    };
    await place.worker({ hooks: [hook] });
    const tasks = place.client().with({ metadata: { tenant: "acme" } });
    await tasks.told();
    await tasks.safe.fails("declared");
    expect(seen).toEqual([
      ["cpu-lab.told", {}, 1, { tenant: "acme" }, undefined],
      ["cpu-lab.fails", { how: "declared" }, 1, { tenant: "acme" }, "odd"],
    ]);
    const here: unknown[] = [];
    const end: Hook = {
      async attempt(_, next) {
        here.push((await next()).ok);
      },
    };
    await place
      .client({ implementations: [place.lab], hooks: [end] })
      .with({ policy: "local-only" })
      .told();
    expect(here).toEqual([true]);
  });

  test("a handler finds its context, its lines are logged and its progress is coalesced", async () => {
    const place = stage();
    await place.worker();
    const handle = await place.client().submit.told();
    const seen: { step: number }[] = [];
    for await (const progress of handle.progress()) seen.push(progress as { step: number });
    const task = "cpu-lab.told";
    const idempotencyKey = `${task}/${handle.id}`;
    const fence = expect.any(Number) as number;
    const context = { task, callId: handle.id, attempt: 1, fence, idempotencyKey, inTime: true, isMainThread: false };
    const origin = { metadata: {}, rootId: handle.id };
    expect(await handle.result()).toEqual({ ...context, ...origin });
    expect(seen.length).toBeLessThan(1_000);
    expect(await place.said("said in a thread")).toMatchObject({
      big: 1n,
      odd: expect.stringContaining("=>") as string,
      callId: handle.id,
      attempt: 1,
    });
  });

  test("declared errors arrive with their data, others with their message, and what can't be sent is refused", async () => {
    const place = stage();
    await place.worker();
    const { safe } = place.client();
    expect(await safe.fails("declared")).toMatchObject({
      error: { name: "odd", code: "declared", data: { at: new Date(5), size: 7n } },
    });
    const thrown = await safe.fails("thrown");
    expect(thrown).toMatchObject({ error: { code: "failed", reason: "boom" } });
    expect(thrown).toMatchObject({ error: { remoteStack: undefined } });
    expect(await place.said("a call failed")).toMatchObject({
      err: expect.stringMatching(/handlers\.[jt]s:\d/) as string,
    });
    expect(await safe.fails("lying")).toMatchObject({ error: { code: "invalid_result" } });
    expect(await safe.fails("uncarried")).toMatchObject({ error: { code: "invalid_result" } });
    expect(await safe.fails("nested")).toMatchObject({ error: { code: "unimplemented" } });
    expect(await safe.fails("dependent")).toMatchObject({ error: { code: "unimplemented" } });
    expect(await safe.fails("wish")).toMatchObject({ error: { code: "failed", reason: "closed" } });
    expect(await safe.fails("largeProgress")).toMatchObject({ error: { code: "resource_exhausted" } });
  });

  test.for([
    ["inThread", "exit", "the thread that ran it exited with code 3"],
    ["inThread", "throwLater", "the thread that ran it died of an error: out of nowhere"],
    ["inThread", "fillMemory", "the thread that ran it ran out of memory"],
    ["inProcess", "exit", "the process that ran it exited with code 3"],
    ["inProcess", "kill", "the process that ran it was ended by SIGKILL"],
    ["inProcess", "abort", "the process that ran it was ended by SIGABRT"],
  ] as const)("%s: %s is answered as worker_lost, and the pool goes on", async ([task, deed, reason]) => {
    const place = stage();
    await place.worker({ pool: { ...place.pool, heapMb: 64 } });
    const tasks = place.client();
    const innocent = tasks.safe[task]("heed", "innocent");
    await place.said("begun", "innocent");
    expect(await tasks.safe[task](deed)).toMatchObject({ error: { code: "worker_lost", reason, attempt: 1 } });
    expect(await tasks[task]("nothing")).toContain("/");
    expect(place.lines.some(({ message }) => message === "heeded")).toBe(false);
    void innocent;
  });

  test("one that dies of what its last handler left behind is not given another call", async () => {
    const place = stage();
    await place.worker({ pool: { ...place.pool, size: 1 } });
    const tasks = place.client();
    const first = await tasks.inThread("dieLater");
    await expect
      .poll(() => tasks.safe.inThread("nothing"), { timeout: 20_000 })
      .toMatchObject({ ok: true, value: expect.not.stringMatching(`^${first as string}$`) as string });
  });

  test("a death is retried as the task's retry says", async () => {
    const place = stage();
    await place.worker();
    const tasks = place.client();
    expect(await tasks.mends(2)).toBe(3);
    expect(await tasks.safe.mends(3)).toMatchObject({ error: { code: "worker_lost", attempt: 3 } });
  });

  test.for(["inThread", "inProcess"] as const)("%s: a busy loop is ended at its limit, and gone", async (task) => {
    const place = stage();
    await place.worker({ pool: { ...place.pool, size: 1 } });
    const tasks = place.client();
    const answer = await tasks.with({ attemptTimeoutMs: 300 }).safe[task]("spin", "first");
    expect(answer).toMatchObject({ error: { code: "deadline_exceeded" } });
    // The only one of the pool is free again.
    const { here } = await place.said("begun", "first");
    expect(await tasks[task]("nothing")).not.toBe(here);
    if (task === "inProcess") expect(() => process.kill(Number(String(here).split("/")[0]), 0)).toThrow("ESRCH");
  });

  test.for(["inThread", "inProcess"] as const)("%s: a busy loop is ended when it is canceled", async (task) => {
    const place = stage();
    await place.worker({ pool: { ...place.pool, size: 1 } });
    const tasks = place.client();
    const handle = await tasks.submit[task]("spin", "first");
    await place.said("begun", "first");
    expect(await handle.cancel()).toBe("canceled");
    expect(await tasks[task]("nothing")).toContain("/");
  });

  test("who heeds its signal keeps its thread", async () => {
    const place = stage();
    await place.worker({ pool: { ...place.pool, size: 1 } });
    const tasks = place.client();
    const before = await tasks.inThread("nothing");
    const handle = await tasks.submit.inThread("heed", "first");
    await place.said("begun", "first");
    await handle.cancel();
    expect(await place.said("heeded", "first")).toMatchObject({ code: "canceled" });
    expect(await tasks.inThread("nothing")).toBe(before);
  });

  test("no more is claimed than can begin: what waits is for other workers", async () => {
    const place = stage();
    const first = await place.worker();
    const tasks = place.client();
    const handles = await Promise.all(["a", "b", "c", "d"].map((name) => tasks.submit.inThread("heed", name)));
    const begun = (): string[] =>
      place.lines.flatMap((line) => (line.message === "begun" ? [String(line.fields["name"])] : []));
    await expect.poll(begun, { timeout: 20_000 }).toHaveLength(2);
    expect((await Promise.all(handles.map((handle) => handle.status()))).map(({ state }) => state).sort()).toEqual([
      "queued",
      "queued",
      "running",
      "running",
    ]);
    // Its event loop is free, and so are its other slots.
    expect(await tasks.plain()).toBe(1);
    await place.worker();
    await expect.poll(begun, { timeout: 20_000 }).toHaveLength(4);
    await Promise.all(handles.map((handle) => handle.cancel()));
    await first.stop();
  });

  test("a full pool of busy loops holds up neither the loop nor the leases", async () => {
    const place = stage();
    await place.worker({ leaseMs: 600 });
    const tasks = place.client();
    const handles = await Promise.all([tasks.submit.inThread("spin", "a"), tasks.submit.inProcess("spin", "b")]);
    await Promise.all([place.said("begun", "a"), place.said("begun", "b")]);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 10);
    // Others would run them again after a lease.
    await place.worker({ leaseMs: 600 });
    for (let call = 0; call < 20; call++) expect(await tasks.plain()).toBe(1);
    await sleep(1_500);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(20);
    for (const handle of handles)
      expect(await handle.status()).toMatchObject({ state: "running", attempt: 1, deaths: 0 });
    expect(place.lines.filter(({ message }) => message === "begun")).toHaveLength(2);
    await Promise.all(handles.map((handle) => handle.cancel()));
  });

  test("a worker that is stopped gives back what runs in its pool, and ends it", async () => {
    const place = stage();
    const worker = await place.worker();
    const handle = await place.client().submit.inProcess("spin", "first");
    const { here } = await place.said("begun", "first");
    await worker.stop(100);
    expect(() => process.kill(Number(String(here).split("/")[0]), 0)).toThrow("ESRCH");
    expect(await handle.status()).toMatchObject({ state: "queued", attempt: 0 });
    await place.worker();
    await place.said("begun", "first", 2);
    await handle.cancel();
  });

  test("among tasks of the event loop, in one queue with them, calls wait for their thread in the worker", async () => {
    const place = stage();
    await place.worker({ pool: { ...place.pool, size: 1 } });
    const tasks = place.client();
    const texts = Array.from({ length: 10 }, (_, at) => `text ${at}`);
    expect(await Promise.all(texts.map((text) => tasks.among(text)))).toEqual(texts);
  });
}
