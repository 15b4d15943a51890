import { expect, it } from "vitest";
import type { Logger } from "taskpact";
import { type CallLab, quiet } from "./lab.ts";

/** What callers hear of calls on their way. */
export function progressRules(lab: () => CallLab): void {
  it.for(["local-only", "remote-only"] as const)(
    "an awaited call tells its progress to who asked, as a caller reads it: %s",
    async (policy) => {
      const it = lab();
      await it.worker();
      const heard: unknown[] = [];
      const tasks = it.client({ implementations: [it.implementation("here")] }).with({ policy });
      const answer = tasks.with({ onProgress: (value: unknown) => heard.push(value) }).twice(3);
      await expect(answer).resolves.toBe(2);
      // Of each attempt the last one; on a worker, those between may be left out.
      expect(heard).toContainEqual({ attempt: 1, step: 30 });
      expect(heard.at(-1)).toEqual({ attempt: 2, step: 30 });
      expect(new Set(heard.map((value) => JSON.stringify(value))).size).toBe(heard.length);
    },
  );

  it("progress is heard while the call runs, also with an id of the user's own", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client().with({ policy: "remote-only" });
    for (const [latch, options] of [
      ["x", {}],
      ["y", { id: "own" }],
    ] as const) {
      const heard: unknown[] = [];
      const answer = tasks.with({ ...options, onProgress: (value: unknown) => heard.push(value) }).steps(3, latch);
      await expect.poll(() => heard.at(-1), { timeout: 3_000 }).toEqual({ step: 3 });
      it.release(latch);
      await expect(answer).resolves.toBe(3);
    }
  });

  it("the last progress before the end is heard, also with an id of the user's own", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client().with({ policy: "remote-only" });
    for (const options of [{}, { id: "own" }]) {
      const heard: unknown[] = [];
      await tasks.with({ ...options, onProgress: (value: unknown) => heard.push(value) }).twice(3);
      expect(heard.at(-1)).toEqual({ attempt: 2, step: 30 });
    }
  });

  it.for(["local-only", "remote-only"] as const)(
    "a listener that throws, or rejects, harms no call and is logged once: %s",
    async (policy) => {
      const it = lab();
      await it.worker();
      const warned: object[] = [];
      const log: Logger = { ...quiet, warn: (fields, message) => warned.push({ ...fields, message }) };
      const tasks = it.client({ implementations: [it.implementation("here")], log }).with({ policy });
      const told = { task: "lab.twice", message: expect.stringContaining("onProgress") as string };
      const onProgress = () => {
        throw new Error("no bar");
      };
      await expect(tasks.with({ onProgress }).twice(3)).resolves.toBe(2);
      expect(warned).toMatchObject([{ ...told, error: expect.stringContaining("no bar") as string }]);
      const later = async () => Promise.reject(new Error("no network"));
      await expect(tasks.with({ onProgress: later }).twice(3)).resolves.toBe(2);
      await expect
        .poll(() => warned)
        .toMatchObject([{}, { ...told, error: expect.stringContaining("no network") as string }]);
    },
  );

  it("nothing is heard of a local run after its end", async () => {
    const it = lab();
    const heard: unknown[] = [];
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const onProgress = (value: unknown) => heard.push(value);
    const slow = tasks.with({ policy: "local-only", attemptTimeoutMs: 20, onProgress }).late();
    await expect(slow).rejects.toMatchObject({ code: "deadline_exceeded" });
    it.reportAgain();
    expect(heard).toEqual([{ current: 1, total: 2 }]);
  });

  it("a listener is refused where nobody awaits the call, and one that is no function", async () => {
    const tasks = lab().client();
    const onProgress = () => undefined;
    await expect(tasks.with({ onProgress }).submit.steps(3, "x")).rejects.toMatchObject({
      code: "invalid_argument",
      reason: expect.stringContaining("handle.progress()") as string,
    });
    expect(() => tasks.with({ onProgress: 1 as never })).toThrow(/onProgress must be a function/);
  });
}
