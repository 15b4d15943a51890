import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { WorkerHealth } from "taskpact";
import { readRequest, writeRequest } from "../../runtime/envelope.ts";
import { newHeader } from "../../runtime/header.ts";
import { newId } from "../../runtime/id.ts";
import { type CallLab, type HandlerContext, quiet } from "./lab.ts";

/** Calls that handlers make. */
export function nestedRules(lab: () => CallLab): void {
  const places = [
    ["on a worker", async (it: CallLab, log = quiet) => (await it.worker({ log }), it.client())],
    ["here", async (it: CallLab, log = quiet) => it.client({ implementations: [it.implementation("here")], log })],
  ] as const;

  for (const [where, open] of places) {
    it(`have their parent's id, the first call's, and all metadata, ${where}`, async () => {
      const it = lab();
      const tasks = await open(it);
      it.acts["descend"] = async ({ callId, parentId, rootId, metadata, tasks }, depth: number) => {
        const own = { callId, parentId, rootId, metadata };
        if (depth === 0) return [own];
        const more = { metadata: { [`at${depth}`]: "x", own: `${depth}` } };
        return [own, ...((await tasks.with(more).acting("descend", depth - 1)) as unknown[])];
      };
      const face = tasks.with({ metadata: { tenant: "a" } }).with({ metadata: { own: "root" } });
      const [first, second, third] = (await face.acting("descend", 2)) as HandlerContext[];
      const rootId = first!.callId;
      expect(first).toEqual({ callId: rootId, parentId: undefined, rootId, metadata: { tenant: "a", own: "root" } });
      expect(second).toMatchObject({ parentId: rootId, rootId, metadata: { tenant: "a", at2: "x", own: "2" } });
      const metadata = { tenant: "a", at2: "x", at1: "x", own: "1" };
      expect(third).toMatchObject({ parentId: second!.callId, rootId, metadata });
    });

    it(`metadata is one field of the lines of context.log, ${where}`, async () => {
      const it = lab();
      const lines: object[] = [];
      const tasks = await open(it, { ...quiet, warn: (fields) => lines.push(fields) });
      it.acts["log"] = ({ log }) => log.warn({ own: 1 }, "here I am");
      await tasks.with({ metadata: { tenant: "a" } }).acting("log");
      await tasks.acting("log");
      expect(lines[0]).toMatchObject({ task: "lab.acting", metadata: { tenant: "a" }, own: 1 });
      expect(lines[1]).not.toHaveProperty("metadata");
    });

    it(`what was submitted lives on; where it was asked, it is canceled with a parent that fails, ${where}`, async () => {
      const it = lab();
      const tasks = await open(it);
      if (where === "here") await it.worker();
      const ids: Record<string, string> = {};
      it.acts["submit"] = async ({ tasks }, { how, cancelWithParent }: { how: string; cancelWithParent: boolean }) => {
        ids[`${how} ${cancelWithParent}`] = (await tasks.with({ cancelWithParent }).submit.held(how)).id;
        if (how === "fails") throw new Error("enough");
      };
      for (const cancelWithParent of [true, false]) {
        await tasks.acting("submit", { how: "ends", cancelWithParent });
        await tasks.safe.acting("submit", { how: "fails", cancelWithParent });
      }
      const stateOf = async (what: string) => (await tasks.client.handle("held", ids[what]!).status()).state;
      await expect.poll(() => stateOf("fails true")).toBe("canceled");
      for (const what of ["ends true", "ends false", "fails false"])
        await expect.poll(() => stateOf(what)).toBe("running");
    });

    it(`that fail are their parent's to handle, ${where}`, async () => {
      const it = lab();
      const tasks = await open(it);
      it.acts["try"] = async ({ tasks }) => {
        const answer = await tasks.safe.division(1, 0);
        await tasks.division(1, 0);
        return answer;
      };
      await expect(tasks.acting("try")).rejects.toMatchObject({
        code: "failed",
        reason: expect.stringMatching(/a call that it made failed.*lab\.division/),
      });
    });
  }

  it("a recursion ends on one slot, and gives it back", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 1 });
    await expect(it.client().fibonacci(9)).resolves.toBe(34);
    await backAgain(it, worker);
  });

  it("a recursion ends on one local slot, and gives it back", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")], localConcurrency: 1 });
    it.acts["deep"] = async ({ tasks }, depth: number): Promise<unknown> =>
      depth === 0 ? 0 : await tasks.with({ policy: "local-only" }).acting("deep", depth - 1);
    await expect(tasks.acting("deep", 50)).resolves.toBe(0);
    // What finds no slot here waits in its queue, and, if nobody takes it, until one is free again.
    it.acts["wide"] = async ({ tasks }, depth: number): Promise<number> => {
      const face = tasks.with({ fallbackAfterMs: 5 });
      if (depth === 0) return 1;
      const both = await Promise.all([face.acting("wide", depth - 1), face.acting("wide", depth - 1)]);
      return (both[0] as number) + (both[1] as number);
    };
    await expect(tasks.acting("wide", 3)).resolves.toBe(8);
    // A slot is free when its handler is done, a little after the answer.
    await turn();
    const first = tasks.with({ policy: "local-only" }).held("first");
    await expect(tasks.with({ policy: "local-only" }).held("second")).rejects.toMatchObject({ code: "unavailable" });
    it.release("first");
    await first;
  });

  it("calls that a handler makes after its end lend nothing, and are canceled with it if it failed", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 2 });
    const made: Promise<unknown>[] = [];
    it.acts["leave"] = async ({ tasks }) => {
      setTimeout(() => {
        made.push(tasks.safe.held("late"), tasks.with({ cancelWithParent: true }).submit.held("canceled"));
      }, 20);
      throw new Error("enough");
    };
    await it.client().safe.acting("leave");
    await it.begun("late");
    expect(worker.health().waiting).toBe(0);
    it.release("late");
    const submitted = (await made[1]) as { status(): Promise<object> };
    await expect.poll(() => submitted.status()).toMatchObject({ state: "canceled" });
    await Promise.all(made);
  });

  it("parents that hold every slot all end, and no more are begun meanwhile", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 2 });
    const tasks = it.client();
    let parents = 0;
    let most = 0;
    it.acts["parent"] = async ({ tasks }, depth: number) => {
      if (depth === 2) most = Math.max(most, ++parents);
      if (depth > 0) await Promise.all([tasks.acting("parent", depth - 1), tasks.acting("parent", depth - 1)]);
      if (depth === 2) parents -= 1;
    };
    await Promise.all(Array.from({ length: 40 }, () => tasks.acting("parent", 2)));
    expect(most).toBe(2);
    await backAgain(it, worker);
  });

  it("workers that call each other, each with its only slot taken, all end", async () => {
    const it = lab();
    await it.worker({ concurrency: 1, implementations: [it.implementation("one", ["acting"])] });
    await it.worker({ concurrency: 1, implementations: [it.implementation("two", ["elsewhere", "parental"])] });
    const tasks = it.client();
    it.acts["there"] = ({ tasks }) => tasks.elsewhere("went");
    const all = Array.from({ length: 20 }, () => tasks.acting("there"));
    await expect(Promise.all(all)).resolves.toEqual(Array.from({ length: 20 }, () => "went elsewhere"));
  });

  it("a parent that waits for what it has submitted lends its slot, too", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 1 });
    it.acts["submit"] = async ({ tasks }, way: "result" | "safeResult") => (await tasks.submit.addition(1, 2))[way]();
    await expect(it.client().acting("submit", "result")).resolves.toBe(3);
    await expect(it.client().acting("submit", "safeResult")).resolves.toEqual({ ok: true, value: 3 });
    await backAgain(it, worker);
  });

  it("a parent whose time is up, or that is canceled, takes those that it awaits with it, and leaves its slot", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 1 });
    const tasks = it.client();
    it.acts["wait"] = ({ tasks }, latch: string) => tasks.held(latch);
    const late = tasks.with({ attemptTimeoutMs: 150 }).acting("wait", "a");
    // Both end at the same moment: the parent may just have had its child's error.
    await expect(late).rejects.toThrow(/deadline_exceeded/);
    await expect.poll(() => it.aborted.get("a")).toMatch(/deadline_exceeded|canceled/);
    const handle = await tasks.submit.acting("wait", "b");
    await it.begun("b");
    expect(worker.health()).toMatchObject({ running: 2, waiting: 1, concurrency: 1 });
    await handle.cancel();
    await expect.poll(() => it.aborted.get("b")).toBe("canceled");
    await backAgain(it, worker);
  });

  it("a parent given back by a worker that stops takes what it awaits with it, and runs elsewhere", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 1 }, "first");
    it.acts["wait"] = ({ tasks }, latch: string) => tasks.held(latch);
    const answer = it.client().acting("wait", "x");
    await it.begun("x");
    await worker.stop(0);
    expect(it.aborted.has("x")).toBe(true);
    it.release("x");
    await it.worker({ concurrency: 1 }, "second");
    await expect(answer).resolves.toMatchObject({ place: "second" });
  });

  it("within its grace, a worker that stops ends a parent whose child another runs", async () => {
    const it = lab();
    const worker = await it.worker({ concurrency: 1 }, "first");
    it.acts["late"] = async ({ tasks }) => {
      await it.begun("stopping");
      return tasks.with({ policy: "remote-only" }).addition(1, 2);
    };
    const answer = it.client().acting("late");
    await expect.poll(() => it.ran).toEqual(["late:first"]);
    const stopped = worker.stop(10_000);
    await it.worker({}, "second");
    const other = it.client().held("stopping");
    await expect(answer).resolves.toBe(3);
    await stopped;
    it.release("stopping");
    await other;
  });

  it("a handle shows where an open call comes from", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    it.acts["wait"] = async ({ tasks, callId }) => ({ callId, child: (await tasks.submit.held("x")).id });
    const { callId, child } = (await tasks.with({ metadata: { tenant: "a" } }).acting("wait")) as Record<
      string,
      string
    >;
    const metadata = { tenant: "a" };
    expect(await tasks.client.handle("held", child!).status()).toMatchObject({
      parentId: callId,
      rootId: callId,
      metadata,
    });
    const lone = await tasks.with({ delayMs: 60_000 }).submit.addition(1, 2);
    expect(await lone.status()).toMatchObject({ parentId: undefined, rootId: undefined, metadata: undefined });
  });

  it("a trace is passed on, and a lone call carries none of all this", async () => {
    const it = lab();
    const broker = it.broker();
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const request = { task: "lab.acting", params: { act: "submit" }, trace };
    const call = { id: newId(), record: writeRequest(newHeader({}), request), priority: "normal", delayMs: 0 } as const;
    let child: string | undefined;
    it.acts["submit"] = async ({ tasks }) => {
      child = (await tasks.with({ delayMs: 60_000 }).submit.addition(1, 2)).id;
    };
    await it.worker();
    await broker.submit("lab", { calls: [call], acknowledged: [] });
    await expect.poll(() => child).toBeDefined();
    const lone = await it.client().with({ delayMs: 60_000 }).submit.addition(1, 2);
    const [carried, bare] = await broker.read("lab", [child!, lone.id]);
    expect(readRequest(carried!.record)).toMatchObject({ parent: call.id, trace });
    expect(Object.keys(readRequest(bare!.record)).sort()).toEqual(["params", "task"]);
  });

  it("what can't be metadata, or is too large, is refused with its size", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    for (const metadata of [1, null, ["a"], { a: 1 }] as never[])
      expect(() => tasks.with({ metadata })).toThrow(/invalid_argument.*metadata must be an object of strings/);
    expect(() => tasks.with({ metadata: { a: "x".repeat(5_000) } })).toThrow(
      /metadata takes 5006 bytes, more than the 4096 allowed/,
    );
    it.acts["more"] = async ({ tasks }) => {
      const answer = await tasks.with({ metadata: { b: "x".repeat(3_000) } }).safe.addition(1, 2);
      return answer.ok ? undefined : [answer.error.code, answer.error.reason];
    };
    await expect(tasks.with({ metadata: { a: "x".repeat(3_000) } }).acting("more")).resolves.toEqual([
      "invalid_argument",
      expect.stringMatching(/metadata takes 601\d bytes/),
    ]);
  });

  it("cancelWithParent is for what a handler submits", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    expect(() => tasks.with({ cancelWithParent: true })).toThrow(/context\.tasks\.with/);
    it.acts["await"] = ({ tasks }) => tasks.with({ cancelWithParent: true }).addition(1, 2);
    await expect(tasks.acting("await")).rejects.toThrow(/cancelWithParent is for submitted calls/);
  });

  it("the client of a worker's handlers is not theirs to close", async () => {
    const it = lab();
    await it.worker();
    it.acts["close"] = ({ tasks }) => tasks.client.close();
    await expect(it.client().acting("close")).rejects.toThrow(/context\.tasks is its worker's/);
    await expect(it.client().addition(1, 2)).resolves.toBe(3);
  });
}

/** All slots are free again, and no more than there are. */
async function backAgain(it: CallLab, worker: { health(): WorkerHealth }): Promise<void> {
  await expect.poll(() => worker.health()).toMatchObject({ running: 0, waiting: 0, healthy: true });
  const { concurrency } = worker.health();
  it.mostRunning = 0;
  const latches = Array.from({ length: concurrency + 2 }, (_, index) => `back${index}`);
  const answers = Promise.all(latches.map((latch) => it.client().held(latch)));
  await expect.poll(() => it.running).toBe(concurrency);
  for (const latch of latches) it.release(latch);
  await answers;
  expect(it.mostRunning).toBe(concurrency);
}
