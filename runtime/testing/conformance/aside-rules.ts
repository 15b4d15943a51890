import type { Header } from "../../header.ts";
import type { Submission } from "../../broker.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, submission } from "./lab.ts";

/** Calls that no present worker implements, which may be there for good, and those that nobody claims. */
export function asideRules({ lab, rule }: Chapter): void {
  const lists = (...tasks: string[]) => [{ name: queue, tasks }];
  const names = (count: number) => Array.from({ length: count }, (_, index) => `r${index}`);
  const rare = (id: string, header: Partial<Header> = {}, to?: string) =>
    submission(id, { task: "q.rare", header, ...(to !== undefined && { to }) });
  const putAside = async (...calls: readonly Submission[]) => {
    await lab().submitAll(calls);
    for (const call of await lab().claim({ queues: lists("q.task"), limit: 1_000 }))
      await lab().report(call, { kind: "aside", task: "q.rare" });
  };
  /** How many more calls are accepted where so many may wait. */
  const room = async (maxLength: number) => {
    const more = Array.from({ length: 3 }, (_, index) => submission(`more${index} of ${maxLength}`));
    const outcomes = await lab().submitAll(more, [], maxLength);
    return outcomes.filter(({ outcome }) => outcome === "accepted").length;
  };
  const awaited = { awaited: true, deadline: 5_000 };

  rule("calls that are put aside count among those that wait, and what has ended of them does not", async () => {
    await putAside(...names(150).map((id) => rare(id)));
    expect(await room(150)).toBe(0);
    for (let index = 0; index < 150; index += 2) await lab().broker.revoke(queue, `r${index}`, "nonce");
    expect(await room(77)).toBe(2);
  });

  rule(
    "what has ended of them leaves nothing with the beats of a worker that does not implement their task",
    async () => {
      await putAside(...names(150).map((id) => rare(id)));
      for (const id of names(150)) await lab().broker.cancel(queue, id);
      await lab().beat({ tasks: ["q.task"], reap: true });
      await lab().beat({ tasks: ["q.task"], reap: true });
      expect((await lab().keys()).filter((key) => /aside|deadlines/.test(key))).toEqual([]);
    },
  );

  rule.timed("they end by their deadlines with the beat of such a worker, and who waits is told", async () => {
    const inbox = await lab().client("caller");
    await putAside(rare("stays"), ...names(250).map((id) => rare(id, awaited, "caller")));
    await lab().advance(5_001);
    await lab().beat({ tasks: ["q.task"], reap: true });
    const heard = await inbox.heard(250);
    expect(heard.filter(({ kind }) => kind !== "ended")).toEqual([]);
    expect(ids(await lab().claim({ queues: lists("q.rare"), limit: 1_000 }))).toEqual(["stays"]);
  });

  rule.timed("a queue without a worker is not full of calls past their deadlines, or ended ones", async () => {
    await lab().submitAll(names(100).map((id, at) => rare(id, at % 3 === 0 ? {} : { deadline: 5_000 })));
    expect(await room(100)).toBe(0);
    await lab().advance(5_001);
    expect(await room(35)).toBe(1);
    for (let index = 0; index < 30; index += 3) await lab().broker.cancel(queue, `r${index}`);
    await lab().advance(1_000);
    expect(await room(27)).toBe(2);
    expect(ids(await lab().claim({ queues: lists("q.rare"), limit: 1_000 }))).toHaveLength(27);
  });

  rule("what was put aside keeps its priority, and its order", async () => {
    const low = names(40).map((id) => rare(id, { priority: "low" }));
    await putAside(...low, rare("high", { priority: "high" }));
    await lab().submitAll(Array.from({ length: 10 }, (_, index) => submission(`n${index}`)));
    const claimed: string[] = [];
    const queues = lists("q.task", "q.rare");
    // One of sixteen claims begins with the low ones.
    for (let count = 0; count < 11; count++) claimed.push((await lab().claimOne({ queues })).id);
    expect(claimed).toContain("high");
    expect(claimed.filter((id) => id.startsWith("r")).length).toBeLessThanOrEqual(2);
    claimed.push(...ids(await lab().claim({ queues, limit: 1_000 })));
    expect(claimed.filter((id) => id.startsWith("r"))).toEqual(ids(low));
  });

  rule("a claim of nested calls alone has none of it that is not nested", async () => {
    await putAside(rare("n"), rare("x", { priority: "nested" }));
    const queues = lists("q.rare");
    expect(ids(await lab().claim({ queues, nestedOnly: true }))).toEqual(["x"]);
    expect(await lab().claim({ queues, nestedOnly: true })).toEqual([]);
    expect(ids(await lab().claim({ queues }))).toEqual(["n"]);
  });

  rule("the weights of the priorities hold in each queue, however many are claimed from in turn", async () => {
    const served = ["q1", "q2", "q3", "q4"].map((name) => ({ name, tasks: ["q.task"] }));
    const priorities = ["high", "normal", "low"] as const;
    for (const { name } of served)
      for (const priority of priorities)
        await lab().broker.submit(name, {
          calls: Array.from({ length: 64 }, (_, index) =>
            submission(`${name} ${priority} ${index}`, { header: { priority } }),
          ),
          acknowledged: [],
        });
    const counts = new Map<string, number>();
    for (let count = 0; count < 256; count++) {
      const turned = [...served.slice(count % 4), ...served.slice(0, count % 4)];
      // Claims of nested calls alone are not to shift the others.
      if (count % 3 === 0) await lab().claim({ queues: turned, limit: 1, nestedOnly: true });
      const { id } = await lab().claimOne({ queues: turned });
      const kind = id.replace(/ \d+$/, "");
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const { name } of served) {
      expect(counts.get(`${name} normal`) ?? 0).toBeGreaterThan(4);
      expect(counts.get(`${name} low`) ?? 0).toBeGreaterThan(0);
    }
  });
}
