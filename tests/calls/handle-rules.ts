import { expect, it } from "vitest";
import type { CallLab } from "./lab.ts";

/** Calls that are not awaited where they were made. */
export function handleRules(lab: () => CallLab): void {
  it("a submitted call is queued, runs and succeeds, for anyone who knows its id", async () => {
    const it = lab();
    const tasks = it.client();
    const handle = await tasks.submit.held("x");
    await expect(handle.status()).resolves.toMatchObject({ state: "queued", attempt: 0 });
    await it.worker();
    await it.begun("x");
    await expect(handle.status()).resolves.toMatchObject({ state: "running", attempt: 1 });
    const elsewhere = it.client().client.handle("held", handle.id);
    const result = elsewhere.result();
    it.release("x");
    await expect(result).resolves.toMatchObject({ latch: "x", attempt: 1 });
    await expect(handle.result()).resolves.toMatchObject({ latch: "x" });
    await expect(handle.status()).resolves.toMatchObject({ state: "succeeded", attempt: 1 });
  });

  it("a failed one rejects with its error, or answers with it", async () => {
    const it = lab();
    await it.worker();
    const handle = await it.client().submit.division(1, 0);
    await expect(handle.result()).rejects.toMatchObject({ code: "declared", name: "divisionByZero" });
    await expect(handle.safeResult()).resolves.toMatchObject({ ok: false, error: { data: { dividend: 1 } } });
    await expect(handle.status()).resolves.toMatchObject({ state: "failed" });
  });

  it("one that is delayed waits its time, and no longer once it is due", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    const began = Date.now();
    const handle = await tasks.with({ delayMs: 200 }).submit.addition(1, 2);
    await expect(handle.status()).resolves.toMatchObject({ state: "delayed" });
    await expect(handle.result()).resolves.toBe(3);
    expect(Date.now() - began).toBeGreaterThanOrEqual(199);
    const at = await tasks.with({ runAt: new Date(Date.now() + 100) }).submit.addition(2, 3);
    await expect(at.result()).resolves.toBe(5);
  });

  it("cancel ends one that waits: it never starts", async () => {
    const it = lab();
    const tasks = it.client();
    const handle = await tasks.submit.held("x");
    await expect(handle.cancel()).resolves.toBe("canceled");
    await it.worker();
    await expect(handle.result()).rejects.toMatchObject({ code: "canceled" });
    await expect(tasks.addition(1, 2)).resolves.toBe(3);
    expect(it.ran).toEqual([]);
  });

  it("cancel tells one that runs, and who waits for it", async () => {
    const it = lab();
    await it.worker();
    const handle = await it.client().submit.held("x");
    const result = handle.safeResult();
    await it.begun("x");
    await expect(it.client().client.handle("held", handle.id).cancel()).resolves.toBe("canceled");
    await expect(result).resolves.toMatchObject({ ok: false, error: { code: "canceled" } });
    await expect.poll(() => it.aborted.get("x")).toBe("canceled");
  });

  it("cancel of one that has ended says how it did", async () => {
    const it = lab();
    await it.worker();
    const handle = await it.client().submit.addition(1, 2);
    await expect(handle.result()).resolves.toBe(3);
    await expect(handle.cancel()).resolves.toBe("succeeded");
    await expect(handle.result()).resolves.toBe(3);
  });

  it("progress is heard as it is reported, and the last one by who comes later; it ends with the call", async () => {
    const it = lab();
    const handle = await it.client().submit.steps(3, "x");
    const heard: unknown[] = [];
    const listening = (async () => {
      for await (const value of handle.progress()) heard.push(value);
    })();
    await it.worker();
    await it.begun("x");
    await expect.poll(() => heard.at(-1)).toEqual({ step: 3 });
    await expect(handle.status()).resolves.toMatchObject({ progress: { step: 3 } });
    const late = it.client().client.handle("steps", handle.id);
    for await (const value of late.progress()) {
      expect(value).toEqual({ step: 3 });
      break;
    }
    it.release("x");
    await listening;
    await expect(handle.result()).resolves.toBe(3);
    for await (const value of handle.progress()) expect.fail(`progress of an ended call: ${JSON.stringify(value)}`);
  });

  it("giving up waiting does not cancel", async () => {
    const it = lab();
    await it.worker();
    const handle = await it.client().submit.held("x");
    await expect(handle.result({ timeoutMs: 30 })).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(handle.result({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "canceled" });
    await it.begun("x");
    it.release("x");
    await expect(handle.result()).resolves.toMatchObject({ latch: "x" });
  });

  it("an id that nobody knows is not_found", async () => {
    const handle = lab().client().client.handle("addition", "nobody");
    await expect(handle.status()).rejects.toMatchObject({ code: "not_found", callId: "nobody" });
    await expect(handle.result()).rejects.toMatchObject({ code: "not_found" });
    await expect(handle.safeResult()).resolves.toMatchObject({ ok: false, error: { code: "not_found" } });
    await expect(handle.cancel()).rejects.toMatchObject({ code: "not_found" });
    const progress = handle.progress()[Symbol.asyncIterator]();
    await expect(progress.next()).rejects.toMatchObject({ code: "not_found" });
  });

  it("a handle of a task that does not exist is refused", () => {
    const { client } = lab().client();
    expect(() => client.handle("additoin", "x")).toThrow(/there is no task "additoin"/);
    expect(() => client.handle("addition", "")).toThrow(/an id must be/);
  });

  it("one that waits past expiresInMs never starts, and reads as deadline_exceeded", async () => {
    const it = lab();
    const tasks = it.client();
    await tasks.submit.addition(1, 2); // Its time begins with the call, and connecting is not to be a part of it.
    const handle = await tasks.with({ expiresInMs: 300 }).submit.held("x");
    await expect.poll(async () => (await handle.status()).state).toBe("expired");
    await it.worker();
    await expect(handle.result()).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(it.ran).toEqual([]);
  });

  it("submit waits as long as it must for a worker that implements it", async () => {
    const it = lab();
    await it.worker({ implementations: [it.implementation("worker", ["addition"])] });
    const tasks = it.client();
    const handle = await tasks.submit.movable([]);
    await expect(tasks.addition(1, 2)).resolves.toBe(3);
    await it.worker({}, "second");
    await expect(handle.result()).resolves.toBe("second");
  });
}
