import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, submission } from "./lab.ts";

export function pauseRules({ lab, rule }: Chapter): void {
  const pause = (task: string | undefined, paused = true) => lab().broker.operator!.pause(queue, task, paused);
  const tasks = ["q.task", "q.other"];
  const claim = (request = {}) => lab().claim({ queues: [{ name: queue, tasks }], ...request });

  rule.timed("of a paused queue nothing is claimed, and what runs goes on", async () => {
    await lab().submit("running");
    const [running] = await claim();
    await lab().submit("waiting");
    await lab().submit("delayed", { delayMs: 100 });
    await pause(undefined);
    await pause(undefined);
    await lab().submit("later");
    await lab().advance(200);
    expect(await claim()).toEqual([]);
    expect(await lab().finish(running!)).toBe("accepted");
    expect(await lab().broker.operator!.paused(queue)).toEqual({ queue: true, tasks: [] });
    expect((await lab().beat({ reap: true })).waiting).toBe(0);
    await pause(undefined, false);
    expect(await lab().broker.operator!.paused(queue)).toEqual({ queue: false, tasks: [] });
    expect(ids(await claim()).toSorted()).toEqual(["delayed", "later", "waiting"]);
  });

  rule("a claim that waits is woken when its queue, or a task, goes on", async () => {
    for (const task of [undefined, "q.task"]) {
      await pause(task);
      await lab().submit("a");
      expect(await claim()).toEqual([]);
      const waiting = claim({ waitMs: 5_000 });
      await lab().settled();
      await pause(task, false);
      const began = performance.now();
      const [woken] = await waiting;
      expect(woken!.id).toBe("a");
      expect(performance.now() - began).toBeLessThan(900);
      await lab().finish(woken!);
      await lab().submitAll([], ["a"]);
    }
  });

  rule("a paused task's calls wait, and nothing waits behind them", async () => {
    await pause("q.other");
    await lab().submitAll(Array.from({ length: 600 }, (_, index) => submission(`o${index}`, { task: "q.other" })));
    await lab().submit("free");
    const claimed = [...(await claim()), ...(await claim()), ...(await claim())];
    expect(ids(claimed)).toEqual(["free"]);
    expect(await lab().state("o0")).toBe("queued");
    expect(await lab().broker.operator!.paused(queue)).toEqual({ queue: false, tasks: ["q.other"] });
    const outcomes = await lab().submitAll([submission("more")], [], 600);
    expect(outcomes).toEqual([{ outcome: "full" }]);
    await lab().broker.cancel(queue, "o1");
    await pause("q.other", false);
    expect(ids(await claim({ limit: 2 }))).toEqual(["o0", "o2"]);
  });

  rule.timed("delayed, repeated and given-back calls of a paused task wait, too", async () => {
    await lab().submit("delayed", { task: "q.other", delayMs: 100 });
    await lab().submitAll([submission("repeated", { task: "q.other" }), submission("back", { task: "q.other" })]);
    const [repeated, back] = await claim();
    await pause("q.other");
    await lab().retry(repeated!, 50);
    await lab().report(back!, { kind: "release" });
    await lab().advance(200);
    expect(await claim()).toEqual([]);
    await pause("q.other", false);
    expect(ids(await claim()).toSorted()).toEqual(["back", "delayed", "repeated"]);
  });

  rule.timed(
    "a paused task's call whose worker died waits, holds no other suspect up, and is one still when it goes on",
    async () => {
      await lab().submitAll([submission("a", { task: "q.other" }), submission("b")]);
      await lab().dieWith({ queues: [{ name: queue, tasks }] });
      await pause("q.other");
      const suspects = [...(await claim({ suspect: true })), ...(await claim({ suspect: true }))];
      expect(suspects.map(({ id, suspect }) => [id, suspect])).toEqual([["b", true]]);
      await pause("q.other", false);
      expect(await claim({ suspect: false })).toEqual([]);
      expect((await claim({ suspect: true })).map(({ id, suspect }) => [id, suspect])).toEqual([["a", true]]);
    },
  );

  rule.timed("calls of a paused task are canceled, and expire, as others do", async () => {
    await pause("q.task");
    await lab().submit("canceled");
    await lab().submit("late", { header: { deadline: 100 } });
    expect(await claim()).toEqual([]);
    await lab().broker.cancel(queue, "canceled");
    await lab().advance(101);
    expect(await lab().state("late")).toBe("expired");
    await pause("q.task", false);
    expect(await claim()).toEqual([]);
  });

  rule.timed("past their deadlines they end with the beat of any worker, in a paused queue, too", async () => {
    const inbox = await lab().client("caller");
    const late = (id: string) => submission(id, { to: "caller", header: { awaited: true, deadline: 100 } });
    for (const task of ["q.task", undefined]) {
      await pause(task);
      await lab().submitAll(Array.from({ length: 50 }, (_, index) => late(`${task} ${index}`)));
      expect(await claim()).toEqual([]);
      await lab().advance(101);
      await lab().beat({ reap: true });
      await inbox.heard(task === undefined ? 100 : 50);
      await pause(task, false);
    }
    expect(await lab().submitAll([submission("more")], [], 1)).toEqual([{ outcome: "accepted" }]);
  });

  rule("many low calls that were held back by a pause do not hold up a high one when they go on", async () => {
    await pause("q.other");
    const low = Array.from({ length: 300 }, (_, index) =>
      submission(`o${index}`, { task: "q.other", header: { priority: "low" } }),
    );
    await lab().submitAll(low);
    expect(await claim()).toEqual([]);
    await pause("q.other", false);
    const first: string[] = [];
    for (let count = 0; count < 12; count++) {
      await lab().submit(`h${count}`, { header: { priority: "high" } });
      first.push(...ids(await claim({ limit: 1 })));
    }
    expect(first.filter((id) => id.startsWith("o")).length).toBeLessThanOrEqual(2);
    expect(await claim({ limit: 1_000, nestedOnly: true })).toEqual([]);
  });

  rule("a canceled call of a paused task leaves nothing behind for another that has its id", async () => {
    await pause("q.other");
    await lab().submit("a", { task: "q.other" });
    expect(await claim()).toEqual([]);
    await lab().broker.cancel(queue, "a");
    await lab().submitAll([submission("nested", { header: { priority: "nested" } }), submission("a")], ["a"]);
    await pause("q.other", false);
    expect(ids(await claim({ nestedOnly: true }))).toEqual(["nested"]);
    expect(ids(await claim())).toEqual(["a"]);
  });
}
