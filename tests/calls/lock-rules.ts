import { expect, it } from "vitest";
import type { CallLab } from "./lab.ts";

/** `context.lock`: what one handler does while no other does. */
export function lockRules(lab: () => CallLab): void {
  it("one handler at a time holds a lock, on whichever worker, in the order of asking", async () => {
    const it = lab();
    for (const place of ["one", "two", "three"]) await it.worker({ concurrency: 2 }, place);
    const tasks = it.client().with({ policy: "remote-only" });
    const latches = ["a", "b", "c", "d"];
    const fences = [];
    for (const [index, latch] of latches.entries()) {
      fences.push(tasks.locking("l", latch));
      if (index === 0) await it.begun(latch);
      else await expect.poll(() => it.ran).toContain(`asks:${latch}`);
    }
    for (const latch of latches) {
      await it.begun(latch);
      it.release(latch);
    }
    const numbers = (await Promise.all(fences)) as number[];
    const held = it.ran.filter((what) => what.startsWith("holds:"));
    expect(held).toEqual(latches.map((latch) => `holds:${latch}`));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(4);
  });

  it("who does not want to wait, or not for long, is told that it is taken", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    const holds = tasks.locking("l", "x");
    await it.begun("x");
    const taken = { code: "resource_exhausted", attempt: 1 };
    await expect(tasks.locking("l", "y", 0)).rejects.toMatchObject({ ...taken, reason: 'the lock "l" is not free' });
    await expect(tasks.locking("l", "y", 30)).rejects.toMatchObject({
      ...taken,
      reason: 'the lock "l" was not free within 30 ms',
    });
    it.release("x");
    await holds;
    it.release("y");
    // Those who gave up have no place in line.
    await expect(tasks.locking("l", "y", 0)).resolves.toBeGreaterThan(0);
  });

  it("a handler that fails within it gives it back", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    it.release("failing");
    it.release("y");
    await expect(tasks.locking("l", "failing")).rejects.toMatchObject({ code: "failed", reason: "it fails" });
    await expect(tasks.locking("l", "y", 0)).resolves.toBeGreaterThan(0);
  });

  it("a call that is canceled, or whose time is up, waits no more and holds none", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    const canceled = await tasks.submit.locking("l", "canceled");
    await it.begun("canceled");
    const waits = await tasks.submit.locking("l", "waits");
    const late = tasks.with({ attemptTimeoutMs: 100 }).locking("l", "late");
    await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" });
    await waits.cancel();
    await canceled.cancel();
    it.release("next");
    await expect(tasks.locking("l", "next")).resolves.toBeGreaterThan(0);
    expect(it.ran.filter((what) => what.startsWith("holds:"))).toEqual(["holds:canceled", "holds:next"]);
  });

  it("a handler that goes on after its time holds it no more, and its lock's fence is the smaller one", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    const clings = tasks.clinging("l", "x");
    await it.begun("x");
    it.release("next");
    const next = tasks.locking("l", "next");
    await expect(clings).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(next).resolves.toBeGreaterThan(0);
    it.release("x");
  });

  it("an attempt that locks what it holds is told so; one after the other, or another within, is well", async () => {
    const it = lab();
    await it.worker();
    await expect(it.client().relocking("l")).resolves.toEqual([
      { code: "failed", reason: 'context.lock(): this attempt holds the lock "l", or waits for it, already' },
      "yes",
      "yes",
    ]);
  });

  it("local runs lock each other out, and workers", async () => {
    const it = lab();
    await it.worker();
    const local = () => it.client({ implementations: [it.implementation("here")] }).with({ policy: "local-only" });
    const [one, other, remote] = [local(), local(), it.client().with({ policy: "remote-only" })];
    const first = one.with({ id: "same" }).locking("l", "a");
    await it.begun("a");
    const second = remote.locking("l", "b");
    await expect.poll(() => it.ran).toContain("asks:b");
    await expect(other.with({ id: "same" }).locking("l", "c", 0)).rejects.toMatchObject({ code: "resource_exhausted" });
    const third = other.with({ id: "same" }).locking("l", "c");
    for (const latch of ["a", "b", "c"]) it.release(latch);
    const fences = (await Promise.all([first, second, third])) as number[];
    expect(Math.min(...fences)).toBe(fences[0]);
    expect(new Set(fences).size).toBe(3);
  });

  it("what no lock takes is refused", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const nothing = () => undefined;
    for (const [args, reason] of [
      [["", nothing], /a lock's name must be 1 to 256 characters; got ""/],
      [["x".repeat(257), nothing], /a lock's name must be/],
      [["l", "no function"], /takes a function/],
      [["l", nothing, { waitMs: -1 }], /waitMs must be a number of milliseconds/],
    ] as const) {
      it.acts["mislocks"] = ({ lock }) => lock(...(args as unknown as Parameters<typeof lock>));
      await expect(tasks.acting("mislocks")).rejects.toMatchObject({
        code: "failed",
        reason: expect.stringMatching(reason) as string,
      });
    }
  });
}
