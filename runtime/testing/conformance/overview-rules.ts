import { newId } from "../../id.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, reply, submission } from "./lab.ts";

export function overviewRules({ lab, rule }: Chapter): void {
  const operator = () => lab().broker.operator!;
  const census = () => operator().census(queue);

  rule("a census counts what waits, runs and is parked", async () => {
    const idle = { high: 0, nested: 0, normal: 0, low: 0 };
    const none = { limited: 0, aside: 0, suspects: 0, delayed: 0, retrying: 0, running: 0, parked: 0, paused: false };
    expect(await census()).toEqual({ now: expect.any(Number), waiting: idle, oldest: [], ...none });
    await lab().submitAll(["retried", "parked", "runs", "aside"].map((id) => submission(id)));
    const [retried, parked, , aside] = await lab().claim();
    await lab().retry(retried!, 60_000);
    await lab().report(parked!, { kind: "park", record: reply("no", { state: "parked" }), ttlMs: 60_000 });
    await lab().report(aside!, { kind: "aside", task: "q.other" });
    await lab().submitAll([
      submission("n1"),
      submission("n2"),
      submission("h", { header: { priority: "high" } }),
      submission("l", { header: { priority: "low" } }),
      submission("x1", { header: { priority: "nested" } }),
      submission("x2", { header: { priority: "nested" } }),
      submission("d1", { delayMs: 60_000 }),
      submission("d2", { delayMs: 60_000 }),
    ]);
    await operator().pause(queue, undefined, true);
    const { oldest, now: _now, ...counts } = await census();
    expect(counts).toEqual({
      ...none,
      waiting: { high: 1, nested: 2, normal: 2, low: 1 },
      aside: 1,
      delayed: 2,
      retrying: 1,
      running: 1,
      parked: 1,
      paused: true,
    });
    expect(oldest.toSorted()).toEqual(["h", "l", "n1", "x2"]);
  });

  rule.timed("a census counts suspects, and no call that has left its worker", async () => {
    await lab().submitAll([submission("a"), submission("b")]);
    await lab().dieWith({ limit: 1 });
    expect(await census()).toMatchObject({ suspects: 1, running: 0, waiting: { normal: 1 } });
    const claimed = await lab().claim({ suspect: true });
    expect(await census()).toMatchObject({ suspects: 0, running: 2 });
    for (const call of claimed) await lab().finish(call);
    expect(await census()).toMatchObject({ running: 0 });
  });

  rule("a purge ends what waits, tells who waits for it, and leaves the rest", async () => {
    const inbox = await lab().client("c");
    await lab().submitAll([submission("runs"), submission("retried")]);
    const [runs, retried] = await lab().claim();
    await lab().retry(retried!, 60_000);
    const priorities = (["high", "normal", "low", "nested"] as const).map((priority) =>
      submission(priority, { header: { priority }, to: "c" }),
    );
    await lab().submitAll([...priorities, submission("delayed", { delayMs: 60_000 })]);
    expect(await operator().purge(queue, { states: ["queued"] })).toEqual({ canceled: 4, forgotten: 0 });
    const told = await inbox.heard(4);
    expect(told.map((notice) => ("id" in notice ? notice.id : "")).toSorted()).toEqual([
      "high",
      "low",
      "nested",
      "normal",
    ]);
    expect(await lab().state("normal")).toBe("canceled");
    expect(await lab().claim()).toEqual([]);
    expect(await census()).toMatchObject({ waiting: { high: 0, normal: 0 }, delayed: 1, retrying: 1, running: 1 });
    expect(await operator().purge(queue, { states: ["retrying"] })).toEqual({ canceled: 1, forgotten: 0 });
    expect([await lab().state("retried"), await lab().state("delayed")]).toEqual(["canceled", "delayed"]);
    expect(await operator().purge(queue, { states: ["queued", "delayed", "retrying"] })).toEqual({
      canceled: 1,
      forgotten: 0,
    });
    expect(await lab().finish(runs!)).toBe("accepted");
  });

  rule.timed("a purge of thousands takes all, and what is submitted then is run", async () => {
    for (let at = 0; at < 3; at++)
      await lab().submitAll(Array.from({ length: 800 }, (_, index) => submission(`${at}-${index}`)));
    await lab().submitAll(Array.from({ length: 700 }, (_, index) => submission(`d${index}`, { delayMs: 1_000 })));
    const purged = await operator().purge(queue, { states: ["queued", "delayed"] });
    expect(purged).toEqual({ canceled: 3_100, forgotten: 0 });
    expect(await census()).toMatchObject({ waiting: { normal: 0 }, delayed: 0 });
    await lab().submit("new");
    await lab().advance(1_001);
    expect(ids(await lab().claim())).toEqual(["new"]);
  });

  rule.timed("a purge takes what was put aside, what workers left behind, and what waits for a limit", async () => {
    const limits = [{ task: "q.task", maxConcurrency: 1, rate: undefined }];
    const queues = [{ name: queue, tasks: ["q.task"], limits }];
    await lab().submitAll([submission("suspect"), submission("aside")]);
    const [, aside] = await lab().claim({ worker: "dying", leaseMs: 1_000 });
    await lab().report(aside!, { kind: "aside", task: "q.other" });
    await lab().advance(1_001);
    await lab().reap();
    await lab().submitAll(
      ["l1", "l2", "l3"].map((id) => submission(id, { header: { limitKeys: "0000000000000000" } })),
    );
    const [runs] = await lab().claim({ queues });
    expect(await census()).toMatchObject({ suspects: 1, aside: 1, limited: 2, running: 1 });
    expect(await operator().purge(queue, { states: ["queued"] })).toEqual({ canceled: 4, forgotten: 0 });
    expect(await census()).toMatchObject({ suspects: 0, aside: 0, limited: 0, running: 1 });
    expect(await lab().finish(runs!)).toBe("accepted");
    await lab().submit("l4", { header: { limitKeys: "0000000000000000" } });
    expect(ids(await lab().claim({ queues, suspect: true }))).toEqual(["l4"]);
  });

  rule("a purge of old ones leaves young ones, and those whose ids do not tell", async () => {
    const now = Math.floor((await census()).now);
    const old = idOf(now - 600_000);
    const young = idOf(now);
    await lab().submitAll([submission(old), submission("given"), submission(young)]);
    await lab().submitAll([submission(idOf(now - 600_001), { delayMs: 60_000 })]);
    const purged = await operator().purge(queue, { states: ["queued", "delayed"], olderThanMs: 300_000 });
    expect(purged).toEqual({ canceled: 2, forgotten: 0 });
    expect(ids(await lab().claim())).toEqual(["given", young]);
  });

  rule.timed("a purge forgets parked calls, old ones alone if asked", async () => {
    const park = async (id: string) => {
      await lab().submit(id);
      const claimed = await lab().claimOne();
      await lab().report(claimed, { kind: "park", record: reply("no", { state: "parked" }), ttlMs: 3_600_000 });
    };
    await park("a");
    await lab().advance(60_000);
    await park("b");
    expect(await operator().purge(queue, { states: ["parked"], olderThanMs: 30_000 })).toEqual({
      canceled: 0,
      forgotten: 1,
    });
    expect([await lab().state("a"), await lab().state("b")]).toEqual(["gone", "parked"]);
    expect(await operator().purge(queue, { states: ["parked"] })).toEqual({ canceled: 0, forgotten: 1 });
    expect(await lab().state("b")).toBe("gone");
  });

  rule("a call that has ended is forgotten, and an open one stays", async () => {
    await lab().submitAll([submission("a"), submission("b")]);
    const claimed = await lab().claimOne();
    expect(await operator().forget(queue, "a")).toBe("open");
    await lab().finish(claimed);
    expect(await operator().forget(queue, "a")).toBe("forgotten");
    expect(await operator().forget(queue, "a")).toBe("unknown");
    expect([await lab().state("a"), await lab().state("b")]).toEqual(["gone", "queued"]);
    expect(await operator().forget(queue, "b")).toBe("open");
  });
}

/** An id that is made at a time, as newId makes them. */
function idOf(time: number): string {
  const digits = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
  let text = "";
  for (let rest = time, at = 0; at < 7; at++, rest = Math.floor(rest / 64)) text = digits[rest % 64]! + text;
  return `${text}${newId().slice(7)}`;
}
