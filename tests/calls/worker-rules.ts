import { expect, it } from "vitest";
import { createWorker } from "taskpact";
import type { CallLab } from "./lab.ts";

/** The side that runs. */
export function workerRules(lab: () => CallLab): void {
  it("never runs more than its slots, and gives each back", async () => {
    const it = lab();
    await it.worker({ concurrency: 3 });
    const tasks = it.client();
    const latches = Array.from({ length: 10 }, (_, index) => `l${index}`);
    const answers = latches.map((latch) => tasks.held(latch));
    for (let done = 0; done < latches.length; done++) {
      await expect.poll(() => it.ran.length).toBe(Math.min(latches.length, done + 3));
      const [, latch] = it.ran[done]!.split(":");
      it.release(latch!);
    }
    await expect(Promise.all(answers)).resolves.toHaveLength(10);
    expect(it.mostRunning).toBe(3);
  });

  it("progress and the errors of attempts have the limit of replies", async () => {
    const it = lab();
    await it.worker({ maxResultBytes: 1_000 });
    const tasks = it.client();
    await expect(tasks.wordy(900, false)).resolves.toBe(1);
    await expect(tasks.wordy(1_000, false)).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: "its progress takes 1003 bytes, more than the 1000 of maxResultBytes",
    });
    await expect(tasks.wordy(100_000, true)).resolves.toBe(2);
  });

  it("each claim's fence is larger than the one before", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    for (const latch of ["a", "b", "c"]) it.release(latch);
    const fences: number[] = [];
    for (const latch of ["a", "b", "c"]) fences.push(((await tasks.held(latch)) as { fence: number }).fence);
    expect(fences[0]).toBeGreaterThan(0);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(3);
  });

  it("a quiet queue does not wait behind a busy one", async () => {
    const it = lab();
    await it.worker({ concurrency: 1 });
    const tasks = it.client();
    const busy = 2_000;
    await Promise.all(Array.from({ length: busy }, () => tasks.submit.movable([])));
    // The other queue has been found empty by now.
    await expect.poll(() => it.ran.length).toBeGreaterThan(50);
    const before = it.ran.length;
    expect(before).toBeLessThan(busy / 2);
    await expect(tasks.elsewhere("quiet")).resolves.toBe("quiet elsewhere");
    expect(it.ran.length - before).toBeLessThan(300);
  });

  it("stop lets running calls finish within their grace", async () => {
    const it = lab();
    const worker = await it.worker();
    const answer = it.client().held("x");
    await it.begun("x");
    const stopped = worker.stop(10_000);
    it.release("x");
    await expect(answer).resolves.toMatchObject({ latch: "x" });
    await stopped;
  });

  it("stop gives back what does not finish, at once and without counting the attempt", async () => {
    const it = lab();
    const worker = await it.worker({}, "first");
    const answer = it.client().held("x");
    await it.begun("x");
    await worker.stop(0);
    expect(it.aborted.get("x")).toBe("unavailable");
    it.release("x");
    await it.worker({}, "second");
    await expect(answer).resolves.toMatchObject({ attempt: 1, place: "second" });
  });

  it("a call that it does not implement goes aside for one that does", async () => {
    const it = lab();
    const handle = await it.client().submit.movable([]);
    await it.worker({ implementations: [it.implementation("partial", ["addition"])] });
    await expect(it.client().addition(1, 2)).resolves.toBe(3);
    await it.worker({}, "whole");
    await expect(handle.result()).resolves.toBe("whole");
  });

  it("a stopped worker can be stopped again, and one that never ran can be stopped", async () => {
    const it = lab();
    const worker = await it.worker();
    await worker.stop();
    await worker.stop();
    const idle = createWorker({ broker: "memory:idle", implementations: [it.implementation("idle")] });
    await idle.stop();
  });

  it("stopped while it starts, it ends and leaves nothing behind", async () => {
    const it = lab();
    const worker = createWorker({ broker: "memory:early", implementations: [it.implementation("early")] });
    const running = worker.run();
    await worker.stop();
    await running;
    const again = createWorker({ broker: "memory:early", implementations: [it.implementation("early")] });
    await again.stop();
    await expect(again.run()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("options that can't be followed are refused", () => {
    const it = lab();
    const implementations = [it.implementation("here")];
    expect(() => createWorker({ broker: "memory:", implementations: [] })).toThrow(/at least one task/);
    expect(() => createWorker({ broker: "memory:", implementations, concurrency: 0 })).toThrow(
      /concurrency must be a whole number/,
    );
    expect(() =>
      createWorker({ broker: "memory:", implementations: [...implementations, ...implementations] }),
    ).toThrow(/lab\.addition is implemented twice/);
    expect(() => createWorker({ broker: "amqp://user:secret@host", implementations })).toThrow(/^(?!.*secret).*amqp/s);
  });
}
