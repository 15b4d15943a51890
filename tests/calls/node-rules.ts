import { expect, onTestFinished, test, vi } from "vitest";
import type { Events, Overview } from "taskpact";
import { bury } from "../../runtime/burial.ts";
import { newId } from "../../runtime/id.ts";
import { isAutomatic } from "../../runtime/node-queue.ts";
import { keepNode, nodesOf } from "../../runtime/node-registry.ts";
import { Undertaker } from "../../runtime/undertaker.ts";
import { type CallLab, quiet } from "./lab.ts";

type Operated = Overview<Record<string, unknown>> & { readonly events: Events<Record<string, unknown>> };

/** Queues that one process alone serves. */
export function nodeRules(lab: () => CallLab): void {
  const operate = (tasks: { readonly client: unknown }): Operated => tasks.client as Operated;
  const refused = { code: "invalid_argument" };

  /** The queue of a process that has listened, and died. */
  const deadNode = async (it: CallLab): Promise<string> => {
    const queue = `node:gone:1:${newId()}`;
    await keepNode(it.broker(), { queue, tasks: ["lab.addition"] });
    return queue;
  };

  test("a call with a queue runs on the worker that alone serves it, and all others anywhere", async () => {
    const it = lab();
    const one = await it.worker({ nodeQueue: true }, "one");
    const other = await it.worker({ nodeQueue: true }, "other");
    await it.worker({}, "plain");
    expect(isAutomatic(one.nodeQueue!) && isAutomatic(other.nodeQueue!)).toBe(true);
    expect(one.nodeQueue).not.toBe(other.nodeQueue);
    const tasks = it.client();
    for (const [worker, place] of [
      [one, "one"],
      [other, "other"],
    ] as const) {
      const there = tasks.with({ queue: worker.nodeQueue });
      const places = await Promise.all(Array.from({ length: 20 }, () => there.movable([])));
      expect(new Set(places)).toEqual(new Set([place]));
      await expect(there.submit.movable([]).then((handle) => handle.result())).resolves.toBe(place);
    }
    await expect(tasks.addition(1, 2)).resolves.toBe(3);
    // Tasks of another queue come to it, too.
    await expect(tasks.with({ queue: one.nodeQueue }).elsewhere("x")).resolves.toBe("x elsewhere");
  });

  test("a handler knows its node queue, so that a caller can come back", async () => {
    const it = lab();
    it.acts["where"] = ({ nodeQueue }) => nodeQueue ?? "none";
    const worker = await it.worker({ nodeQueue: "camera-7" });
    expect(worker.nodeQueue).toBe("node:camera-7");
    const tasks = it.client();
    const queue = (await tasks.acting("where")) as string;
    expect(queue).toBe("node:camera-7");
    await expect(tasks.with({ queue }).acting("where")).resolves.toBe("node:camera-7");
    await worker.stop();
    await it.worker();
    await expect(tasks.acting("where")).resolves.toBe("none");
  });

  test("a client with implementations serves a queue of its own, and only that", async () => {
    const it = lab();
    it.acts["where"] = ({ nodeQueue }) => nodeQueue ?? "none";
    const server = it.client({ implementations: [it.implementation("client")], nodeQueue: true });
    const { nodeQueue } = server.client;
    expect(isAutomatic(nodeQueue!)).toBe(true);
    await expect(server.acting("where")).resolves.toBe(nodeQueue);
    const tasks = it.client();
    expect(tasks.client.nodeQueue).toBeUndefined();
    await expect(tasks.with({ queue: nodeQueue }).movable([])).resolves.toBe("client");
    await expect(tasks.with({ queue: nodeQueue }).acting("where")).resolves.toBe(nodeQueue);
    await expect(tasks.with({ timeoutMs: 300 }).movable([])).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(() => it.client({ nodeQueue: true })).toThrow(/nodeQueue needs implementations/);
  });

  test("an awaited call waits for a client that has only just been made", async () => {
    const it = lab();
    const tasks = it.client();
    const { nodeQueue } = it.client({ implementations: [it.implementation("client")], nodeQueue: true }).client;
    await expect(tasks.with({ queue: nodeQueue }).movable([])).resolves.toBe("client");
  });

  test("a handle of another process has status, progress, cancel and result by the queue", async () => {
    const it = lab();
    const { nodeQueue: queue } = await it.worker({ nodeQueue: true });
    const { id } = await it.client().with({ queue }).submit.steps(3, "x");
    await it.begun("x");
    const { client } = it.client();
    await expect(client.handle("steps", id).status()).rejects.toMatchObject({ code: "not_found" });
    const handle = client.handle("steps", id, { queue });
    await expect.poll(async () => (await handle.status()).progress).toEqual({ step: 3 });
    for await (const progress of handle.progress()) {
      expect(progress).toEqual({ step: 3 });
      break;
    }
    await expect(handle.cancel()).resolves.toBe("canceled");
    await expect(handle.result()).rejects.toMatchObject({ code: "canceled" });
    await expect.poll(() => it.aborted.get("x")).toBe("canceled");
    const given = await it.client().with({ queue, id: "mine" }).submit.addition(4, 6);
    await expect(given.result()).resolves.toBe(10);
    await expect(client.handle("addition", "mine", { queue }).result()).resolves.toBe(10);
  });

  test("events are heard of the queue that is named", async () => {
    const it = lab();
    const { nodeQueue: queue } = await it.worker({ nodeQueue: true });
    const tasks = it.client();
    const heard: string[] = [];
    const usual: string[] = [];
    await operate(tasks).events.on("succeeded", { queue }, (event) => heard.push(`${event.task} ${event.queue}`));
    await operate(tasks).events.on("succeeded", { task: "division" }, (event) => usual.push(event.queue));
    await tasks.with({ queue }).addition(1, 2);
    await tasks.with({ queue }).division(1, 2);
    await tasks.division(1, 2);
    await vi.waitFor(() => expect(heard).toEqual([`addition ${queue}`, `division ${queue}`]));
    await vi.waitFor(() => expect(usual).toEqual(["lab"]));
  });

  test("what can't be a queue or a node queue is refused, and so is a place besides it", async () => {
    const it = lab();
    const tasks = it.client();
    expect(() => tasks.with({ queue: "no queue" })).toThrow(/queue must be/);
    expect(() => tasks.with({ queue: "node:x", policy: "local-first" })).toThrow(/runs there alone/);
    expect(() => tasks.with({ queue: "node:x", policy: "remote-only" })).not.toThrow();
    expect(() => tasks.client.handle("addition", "x", { queue: "{" })).toThrow(/queue must be/);
    expect(() => tasks.client.handle("addition", "x", { queu: "x" } as never)).toThrow(/no option "queu"/);
    for (const nodeQueue of ["", "a:b", "a b", 7]) {
      await expect(it.worker({ nodeQueue: nodeQueue as never })).rejects.toThrow(/nodeQueue must be/);
    }
  });

  test("a call of a task that its worker does not implement is unimplemented", async () => {
    const it = lab();
    await it.worker({}, "all");
    const few = { implementations: [it.implementation("few", ["addition"])], nodeQueue: "few" };
    await it.worker(few);
    const there = it.client().with({ queue: "node:few" });
    await expect(there.addition(1, 2)).resolves.toBe(3);
    await expect(there.movable([])).rejects.toMatchObject({ code: "unimplemented" });
  });

  test("presence tells who listens, as workers() does", async () => {
    const it = lab();
    const worker = await it.worker({ nodeQueue: "camera-7", concurrency: 3 });
    const client = operate(it.client());
    const about = { id: worker.id, pid: process.pid, concurrency: 3, nodeQueue: "node:camera-7" };
    await expect.poll(async () => client.presence("node:camera-7")).toMatchObject([about]);
    const [one, ...others] = await client.presence("lab-elsewhere");
    expect(others).toEqual([]);
    expect(one).toMatchObject({ ...about, queues: ["lab-elsewhere"], tasks: ["lab.elsewhere"] });
    await expect
      .poll(async () => (await client.workers())[0]?.queues)
      .toEqual(expect.arrayContaining(["lab", "lab-elsewhere", "node:camera-7"]));
    await expect.poll(async () => (await client.queues()).map(({ name }) => name)).toContain("node:camera-7");
    await expect(client.queue("node:camera-7").info()).resolves.toMatchObject({ workers: 1 });
    await expect(client.presence("nobody")).resolves.toEqual([]);
    for (const bad of ["", "{", "a b", undefined, 7]) {
      await expect(client.presence(bad as string)).rejects.toMatchObject(refused);
    }
    await worker.stop();
    await expect(client.presence("node:camera-7")).resolves.toEqual([]);
  });

  test("of two workers with the same name one serves it, and the other when that has stopped", async () => {
    const it = lab();
    const warnings: string[] = [];
    const log = { ...quiet, warn: (_: object, words: string) => void warnings.push(words) };
    const first = await it.worker({ nodeQueue: "shared" }, "first");
    await it.worker({ nodeQueue: "shared", log }, "second");
    expect(warnings).toEqual([expect.stringContaining("standing by")]);
    const tasks = it.client();
    const there = tasks.with({ queue: "node:shared" });
    const places = await Promise.all(Array.from({ length: 50 }, () => there.movable([])));
    expect(new Set(places)).toEqual(new Set(["first"]));
    await expect(operate(tasks).presence("node:shared")).resolves.toMatchObject([{ id: first.id }]);
    await first.stop();
    await expect(there.movable([])).resolves.toBe("second");
  });

  test("submitted calls of a name wait for whoever serves it next", async () => {
    const it = lab();
    const tasks = it.client();
    const handle = await tasks.with({ queue: "node:later" }).submit.movable([]);
    await expect(handle.status()).resolves.toMatchObject({ state: "queued" });
    await it.worker({ nodeQueue: "later" }, "later");
    await expect(handle.result()).resolves.toBe("later");
  });

  test("a call to a process that is gone is unavailable at once, awaited or submitted", async () => {
    const it = lab();
    const there = it.client().with({ queue: await deadNode(it) });
    const began = performance.now();
    const gone = { code: "unavailable", message: expect.stringContaining("is gone") };
    await expect(there.addition(1, 2)).rejects.toMatchObject(gone);
    await expect(there.submit.addition(1, 2)).rejects.toMatchObject(gone);
    expect(performance.now() - began).toBeLessThan(2_000);
    // One that may be about to begin is waited for.
    const starting = it.client().with({ queue: `node:young:1:${newId()}`, timeoutMs: 200 });
    await expect(starting.addition(1, 2)).rejects.toMatchObject({ code: "deadline_exceeded" });
  });

  test("a worker that stops ends what waits in its own queue: nothing is lost, and nothing hangs", async () => {
    const it = lab();
    const worker = await it.worker({ nodeQueue: true, concurrency: 1 });
    const { nodeQueue: queue } = worker;
    const there = it.client().with({ queue });
    const running = there.held("x");
    await it.begun("x");
    const waiting = there.safe.addition(1, 2);
    const submitted = await there.submit.addition(3, 4);
    const stopped = worker.stop(10_000);
    it.release("x");
    await expect(running).resolves.toMatchObject({ latch: "x" });
    await stopped;
    expect(await waiting).toMatchObject({ ok: false, error: { code: "unavailable" } });
    await expect(submitted.result()).rejects.toMatchObject({ code: "unavailable" });
    const { parked } = it.client().client;
    const page = await parked.list({ queue: queue! });
    expect(page.calls).toMatchObject([{ id: submitted.id, task: "lab.addition" }]);
    await expect(parked.show("addition", submitted.id, { queue })).resolves.toMatchObject({ params: { a: 3, b: 4 } });
    await expect(parked.replay("addition", submitted.id, { queue })).rejects.toMatchObject({ code: "unavailable" });
    const here = it.client({ implementations: [it.implementation("here")] }).client.parked;
    const replayed = await here.replay("addition", submitted.id, { queue, local: true });
    await expect(replayed.result()).resolves.toBe(7);
  });

  test("whoever works ends what a dead process has left, once it has been gone for a while", async () => {
    const it = lab();
    const queue = await deadNode(it);
    const broker = it.broker();
    const tasks = it.client();
    const queues = [{ name: queue, tasks: ["lab.held"], fences: [] }];
    const beat = { worker: "dead", queues, leaseMs: 1, presenceMs: 60_000, maxDeliveries: 3, reap: false };
    await broker.renew(beat);
    const there = tasks.with({ queue });
    const [running, waiting, later] = await Promise.all([
      there.submit.held("x"),
      there.submit.addition(1, 2),
      there.with({ delayMs: 60_000 }).submit.addition(1, 2),
    ]);
    const { signal } = new AbortController();
    const claim = { worker: "dead", queues, limit: 1, waitMs: 0, leaseMs: 1, suspect: true, signal };
    await broker.claim(claim);
    const looks = vi.spyOn(broker, "presence");
    onTestFinished(() => looks.mockRestore());
    const undertaker = new Undertaker(broker, quiet, { everyMs: 10, absentMs: 10 });
    undertaker.start();
    try {
      // It is there yet, whenever somebody looks.
      await expect.poll(() => looks.mock.calls.filter(([looked]) => looked === queue).length).toBeGreaterThan(3);
      await expect(waiting.status()).resolves.toMatchObject({ state: "queued" });
      await broker.renew({ ...beat, presenceMs: 0 });
      const ended = await Promise.all([running, waiting].map((handle) => handle.safeResult()));
      expect(ended.map((answer) => !answer.ok && answer.error.code)).toEqual(["worker_lost", "unavailable"]);
      expect((await nodesOf(broker)).map((node) => node.queue)).toContain(queue);
      await expect(later.status()).resolves.toMatchObject({ state: "delayed" });
      await later.cancel();
      await expect.poll(() => bury(broker, queue)).toBe(true);
    } finally {
      await undertaker.stop();
    }
  });
}
