import { threadId } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { runTask } from "taskpact/testing";
import { lab } from "./handlers.ts";
import { CpuStage, pool } from "./stage.ts";

let count = 0;
function stage(): CpuStage {
  const url = `memory:cpu-local-${count++}`;
  return new CpuStage(() => url);
}
const local = { implementations: [lab], pool };

describe("tasks with cpu in a client", { timeout: 60_000 }, () => {
  test("run in its own pool, through the same gates", async () => {
    const tasks = stage().client(local).with({ policy: "local-only" });
    const value = { map: new Map([["a", 1n]]), none: undefined };
    expect(await tasks.rich(value, new Date(7))).toEqual({ value, day: 7, many: 3 });
    expect(await tasks.told()).toMatchObject({ isMainThread: false, fence: 0, attempt: 1 });
    expect(await tasks.safe.rich(value, "no day")).toMatchObject({ error: { code: "invalid_argument" } });
    expect(await tasks.safe.rich(() => 1, new Date(7))).toMatchObject({ error: { code: "invalid_argument" } });
    expect(await tasks.safe.fails("declared")).toMatchObject({ error: { name: "odd", data: { size: 7n } } });
    expect(await tasks.safe.fails("lying")).toMatchObject({ error: { code: "invalid_result" } });
  });

  test("die alone, and are retried", async () => {
    const tasks = stage().client(local).with({ policy: "local-only" });
    expect(await tasks.safe.inProcess("kill")).toMatchObject({ error: { code: "worker_lost" } });
    expect(await tasks.mends(2)).toBe(3);
  });

  test("are ended at their call's limit and when they are canceled, also while they wait for a thread", async () => {
    const place = stage();
    const tasks = place.client({ ...local, pool: { ...pool, size: 1 } }).with({ policy: "local-only" });
    const abort = new AbortController();
    const first = tasks.with({ signal: abort.signal }).safe.inThread("spin", "first");
    await place.said("begun", "first");
    const late = await tasks.with({ timeoutMs: 50 }).safe.inThread("spin", "late");
    expect(late).toMatchObject({ error: { code: "deadline_exceeded" } });
    const waiting = tasks.inThread("nothing");
    abort.abort();
    expect(await first).toMatchObject({ error: { code: "canceled" } });
    expect(await waiting).toContain("/");
    expect(place.lines.filter(({ message }) => message === "begun")).toHaveLength(1);
  });

  test("go to a worker under local-first when no thread is free here", async () => {
    const place = stage();
    await place.worker();
    const tasks = place.client({ ...local, pool: { ...pool, size: 1 } });
    const abort = new AbortController();
    const first = tasks.with({ policy: "local-only", signal: abort.signal }).safe.inThread("spin", "first");
    await place.said("begun", "first");
    expect(await tasks.told()).toMatchObject({ fence: expect.any(Number) as number, isMainThread: false });
    expect((await tasks.told()) as { fence: number }).not.toMatchObject({ fence: 0 });
    abort.abort();
    await first;
  });

  test("run in place in runTask", async () => {
    expect(await runTask(lab, "inThread", { deed: "nothing" })).toBe(`${process.pid}/${threadId}`);
  });
});
