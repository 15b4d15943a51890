import { expect, it } from "vitest";
import type { CallLab } from "./lab.ts";

/** Where a call runs. */
export function policyRules(lab: () => CallLab): void {
  it("local-first runs here what is implemented here, and else on a worker", async () => {
    const it = lab();
    await it.worker();
    const here = it.client({ implementations: [it.implementation("here")] });
    const elsewhere = it.client();
    await expect(here.movable([])).resolves.toBe("here");
    await expect(elsewhere.movable([])).resolves.toBe("worker");
  });

  it("local-first goes to a worker while all slots here are taken", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")], localConcurrency: 1 });
    const first = tasks.held("first");
    await it.begun("first");
    await expect(tasks.movable([])).resolves.toBe("worker");
    it.release("first");
    await expect(first).resolves.toMatchObject({ place: "here", fence: 0 });
    await expect(tasks.movable([])).resolves.toBe("here");
  });

  it("remote-only runs on a worker also what is implemented here", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    await expect(tasks.with({ policy: "remote-only" }).movable([])).resolves.toBe("worker");
  });

  it("local-only is unavailable without an implementation, and without a free slot", async () => {
    const it = lab();
    await it.worker();
    const bare = it.client().with({ policy: "local-only" });
    await expect(bare.addition(1, 2)).rejects.toMatchObject({ code: "unavailable", task: "lab.addition" });
    const tasks = it.client({ implementations: [it.implementation("here")], localConcurrency: 1 });
    const local = tasks.with({ policy: "local-only" });
    const first = local.held("first");
    await it.begun("first");
    await expect(local.addition(1, 2)).rejects.toMatchObject({ code: "unavailable" });
    it.release("first");
    await first;
    await expect(local.addition(1, 2)).resolves.toBe(3);
  });

  it("remote-first runs on a worker if one picks it up", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    await expect(tasks.with({ policy: "remote-first" }).movable([])).resolves.toBe("worker");
  });

  it("remote-first takes back what nobody picks up and runs it here, and no worker runs it later", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const answer = tasks.with({ policy: "remote-first", fallbackAfterMs: 20, id: "fall-back" }).movable([]);
    await expect(answer).resolves.toBe("here");
    await it.worker();
    // What was in the queue before has been claimed or dropped when a later call has run.
    await expect(tasks.with({ policy: "remote-only" }).addition(1, 1)).resolves.toBe(2);
    expect(it.ran).toEqual(["movable:here"]);
  });

  it("remote-first leaves a call to the worker that runs it, however long", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    const answer = tasks.with({ policy: "remote-first", fallbackAfterMs: 1 }).held("long");
    await it.begun("long");
    it.release("long");
    const { place } = (await answer) as { place: string };
    expect(it.ran).toEqual([`held:long:${place}`]);
  });

  it("auto runs on a worker that is present, and else here", async () => {
    const it = lab();
    const alone = it.client({ implementations: [it.implementation("here")] }).with({ policy: "auto" });
    await expect(alone.movable([])).resolves.toBe("here");
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] }).with({ policy: "auto" });
    await expect(tasks.movable([])).resolves.toBe("worker");
  });

  it("a handler that failed is not run elsewhere, unless the task says that it may run elsewhere", async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    await expect(tasks.movable(["here"])).resolves.toBe("worker");
    await expect(tasks.with({ policy: "remote-first" }).movable(["worker"])).resolves.toBe("here");
    await expect(tasks.throwing("error")).rejects.toMatchObject({ code: "failed", reason: "boom" });
  });

  it("a task that no present worker lists is unimplemented at once, and runs here if it may", async () => {
    const it = lab();
    await it.worker({ implementations: [it.implementation("worker", ["addition"])] });
    const tasks = it.client();
    const began = performance.now();
    await expect(tasks.movable([])).rejects.toMatchObject({ code: "unimplemented", task: "lab.movable" });
    // Not only when its reply is looked for, a second later.
    expect(performance.now() - began).toBeLessThan(800);
    const here = it.client({ implementations: [it.implementation("here")] });
    await expect(here.with({ policy: "remote-first" }).movable([])).resolves.toBe("here");
  });

  it("local slots are kept also by auto and remote-first", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")], localConcurrency: 1 });
    const first = tasks.with({ policy: "auto" }).held("first");
    await it.begun("first");
    const others = [
      tasks.with({ policy: "auto", timeoutMs: 150 }).held("second"),
      tasks.with({ policy: "remote-first", fallbackAfterMs: 5, timeoutMs: 150 }).held("third"),
    ];
    const settled = await Promise.allSettled(others);
    expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(it.ran).toEqual(["held:first:here"]);
    it.release("first");
    await first;
  });

  it("a task that may run elsewhere and fails here, with nobody elsewhere, tells its own error at once", async () => {
    const it = lab();
    const tasks = it.client({ implementations: [it.implementation("here")] });
    await expect(tasks.movable(["here"])).rejects.toMatchObject({ code: "failed", reason: "not here" });
  });

  it("with no worker at all a call waits for one to come", async () => {
    const it = lab();
    const answer = it.client().addition(20, 3);
    await it.worker();
    await expect(answer).resolves.toBe(23);
  });
}
