import type { Priority } from "../../contract.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { callsOf, ids, queue, submission } from "./lab.ts";

const served = [{ name: queue, tasks: ["q.task"] }];

/** Leasing calls to workers. */
export function claimRules({ group, lab, rule }: Chapter): void {
  rule("a claim that finds only what another has leaves no lease behind", async () => {
    // Its id stands twice in the list.
    await lab().submit("a");
    await lab().broker.cancel(queue, "a");
    await lab().submitAll([], ["a"]);
    await lab().submit("a");
    const claimed = await lab().claimOne({ limit: 1 });
    expect(await lab().claim({ worker: "other" })).toEqual([]);
    expect(await lab().finish(claimed)).toBe("accepted");
    expect(await lab().keys()).not.toContain("expiry");
  });

  rule("a claimed call runs, under a fence that is larger than any before", async () => {
    await lab().submitAll([submission("a"), submission("b"), submission("c")]);
    const [first] = await lab().batches({ limit: 2 });
    const [second] = await lab().batches({ limit: 2 });
    expect(ids(first!.calls)).toEqual(["a", "b"]);
    expect(ids(second!.calls)).toEqual(["c"]);
    expect(second!.fence).toBeGreaterThan(first!.fence);
    expect(Number.isSafeInteger(first!.fence)).toBe(true);
    expect(await lab().state("a")).toBe("running");
  });

  rule("a fence is larger also when an id is used again", async () => {
    await lab().submit("a");
    const first = await lab().claimOne();
    await lab().finish(first);
    await lab().submitAll([submission("a")], ["a"]);
    const second = await lab().claimOne();
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await lab().finish(first)).toBe("refused");
    expect(await lab().finish(second)).toBe("accepted");
  });

  rule("a call is leased to one of many claims", async () => {
    await lab().submitAll(Array.from({ length: 100 }, (_, index) => submission(`c${index}`)));
    const others = await Promise.all([lab().connect(), lab().connect()]);
    const claims = await Promise.all(
      Array.from({ length: 30 }, (_, index) => lab().claim({ worker: `w${index}`, limit: 5 }, others[index % 2])),
    );
    const all = claims.flat();
    expect(new Set(ids(all)).size).toBe(all.length);
    expect(all.length).toBe(100);
  });

  rule.timed("nothing to claim is an empty answer, at once or after the wait", async () => {
    expect(await lab().batches()).toEqual([]);
    const claim = lab().batches({ waitMs: 30 });
    await lab().settled();
    await lab().advance(30);
    expect(await claim).toEqual([]);
  });

  rule("the limit holds over all queues, which are tried in their order", async () => {
    for (const name of ["q1", "q2", "q3"]) {
      await lab().broker.submit(name, { calls: [submission(`${name} a`), submission(`${name} b`)], acknowledged: [] });
    }
    const queues = ["q2", "q1", "q3"].map((name) => ({ name, tasks: ["q.task"] }));
    const batches = await lab().batches({ queues, limit: 3 });
    // How they share the limit is the broker's affair.
    expect(batches[0]?.queue).toBe("q2");
    expect(callsOf(batches).length).toBe(3);
    for (const { queue, calls } of batches)
      expect(ids(calls)).toEqual([`${queue} a`, `${queue} b`].slice(0, calls.length));
    expect(callsOf(await lab().batches({ queues })).length).toBe(3);
  });

  rule.timed("of the suspects of many queues a claim has one", async () => {
    const queues = ["q1", "q2", "q3"].map((name) => ({ name, tasks: ["q.task"], fences: [] }));
    for (const { name } of queues)
      await lab().broker.submit(name, { calls: [submission(`${name} a`)], acknowledged: [] });
    for (let left = queues.length; left > 0;)
      left -= (await lab().claim({ worker: "dying", leaseMs: 1_000, queues })).length;
    await lab().advance(1_001);
    const beat = { worker: "w", leaseMs: 10_000, presenceMs: 60_000, maxDeliveries: 3, reap: true };
    expect((await lab().broker.renew({ ...beat, queues })).reaped).toBe(3);
    const claimed: string[] = [];
    for (let claim = 1; claim <= queues.length; claim++) {
      claimed.push(...ids(await lab().claim({ queues, suspect: true, waitMs: 60_000 })));
      expect(claimed.length).toBe(claim);
    }
    expect(claimed.sort()).toEqual(["q1 a", "q2 a", "q3 a"]);
  });

  group("waiting", () => {
    rule("a waiting claim is woken by a submit, also of another connection", async () => {
      const claim = lab().claim({ waitMs: 60_000 });
      await lab().settled();
      const other = await lab().connect();
      await other.submit(queue, { calls: [submission("a")], acknowledged: [] });
      expect(ids(await claim)).toEqual(["a"]);
    });

    rule("a waiting claim of many queues is woken by each", async () => {
      for (const name of ["q1", "q2"]) {
        const claim = lab().claim({ waitMs: 60_000, queues: ["q1", "q2"].map((name) => ({ name, tasks: [] })) });
        await lab().settled();
        await lab().broker.submit(name, { calls: [submission("a")], acknowledged: [] });
        expect((await claim).map(({ queue }) => queue)).toEqual([name]);
      }
    });

    rule("every waiting claim is woken if there is work for all", async () => {
      const claims = Array.from({ length: 5 }, (_, index) =>
        lab().claim({ worker: `w${index}`, limit: 1, waitMs: 60_000 }),
      );
      await lab().settled();
      await lab().submitAll(Array.from({ length: 5 }, (_, index) => submission(`c${index}`)));
      const claimed = (await Promise.all(claims)).flat();
      expect([...ids(claimed)].sort()).toEqual(["c0", "c1", "c2", "c3", "c4"]);
    });

    rule.timed("a waiting claim is woken when a delayed call is due, and not before", async () => {
      await lab().submit("late", { delayMs: 9_000 });
      await lab().submit("a", { delayMs: 5_000 });
      let done = false;
      const claim = lab()
        .claim({ waitMs: 60_000 })
        .finally(() => (done = true));
      await lab().settled();
      await lab().advance(3_000);
      await lab().settled();
      expect(done).toBe(false);
      await lab().advance(2_001);
      expect(ids(await claim)).toEqual(["a"]);
    });

    rule.timed("a waiting claim learns of a delayed call that is due before the one it waits for", async () => {
      await lab().submit("late", { delayMs: 30_000 });
      const claim = lab().claim({ waitMs: 60_000 });
      await lab().settled();
      await lab().submit("soon", { delayMs: 2_000 });
      await lab().settled();
      await lab().advance(2_001);
      expect(ids(await claim)).toEqual(["soon"]);
    });

    rule.timed("a waiting claim is woken by a call that is given back, retried or taken back", async () => {
      await lab().submit("a");
      let claimed = await lab().claimOne();
      const steps = [
        () => lab().report(claimed, { kind: "release" }),
        () => lab().retry(claimed),
        async () => {
          await lab().advance(10_001);
          return lab().reap();
        },
      ];
      for (const step of steps) {
        const claim = lab().claim({ waitMs: 60_000, suspect: true });
        await lab().settled();
        await step();
        const [again] = await claim;
        expect(again?.id).toBe("a");
        claimed = again!;
      }
    });

    rule("a signal ends the wait, and what comes later is for others", async () => {
      const giveUp = new AbortController();
      const claim = lab().claim({ waitMs: 60_000, signal: giveUp.signal });
      await lab().settled();
      giveUp.abort();
      expect(await claim).toEqual([]);
      await lab().submit("a");
      expect(await lab().claim({ waitMs: 1_000, signal: giveUp.signal })).toEqual([]);
      expect(ids(await lab().claim())).toEqual(["a"]);
    });

    rule("only the calls that end a wait are leased: none is lost between claims", async () => {
      const got: string[] = [];
      for (let round = 0; round < 20; round++) {
        const giveUp = new AbortController();
        const claim = lab().claim({ waitMs: 60_000, limit: 1, signal: giveUp.signal });
        if (round % 2 === 0) await lab().settled();
        const submitted = lab().submit(`c${round}`);
        giveUp.abort();
        const claimed = await claim;
        await submitted;
        got.push(...ids(claimed));
      }
      got.push(...ids(await lab().claim()));
      expect(got.sort()).toEqual(Array.from({ length: 20 }, (_, round) => `c${round}`).sort());
    });
  });

  group("delays", () => {
    rule.timed("a delayed call is not claimed before its time", async () => {
      await lab().submit("a", { delayMs: 5_000 });
      expect(await lab().state("a")).toBe("delayed");
      expect(await lab().claim()).toEqual([]);
      await lab().advance(3_000);
      expect(await lab().claim()).toEqual([]);
      await lab().advance(2_001);
      expect(ids(await lab().claim())).toEqual(["a"]);
      expect(await lab().state("a")).toBe("running");
    });

    rule.timed("delayed calls come in the order of their times", async () => {
      await lab().submitAll([3, 1, 2].map((seconds) => submission(`${seconds}`, { delayMs: seconds * 1_000 })));
      await lab().advance(3_001);
      expect(ids(await lab().claim())).toEqual(["1", "2", "3"]);
    });

    rule.timed("many that are due at once all come", async () => {
      const names = Array.from({ length: 2_500 }, (_, index) => `d${index}`);
      for (let at = 0; at < names.length; at += 500) {
        await lab().submitAll(names.slice(at, at + 500).map((id) => submission(id, { delayMs: 1_000 })));
      }
      await lab().advance(1_001);
      const got: string[] = [];
      for (
        let claimed = await lab().claim({ limit: 1_000 });
        claimed.length > 0;
        claimed = await lab().claim({ limit: 1_000 })
      ) {
        got.push(...ids(claimed));
      }
      expect(got.sort()).toEqual(names.sort());
    });

    rule.timed("a delayed call keeps its priority", async () => {
      await lab().submitAll(Array.from({ length: 40 }, (_, index) => submission(`n${index}`)));
      await lab().submit("h", { delayMs: 1_000, header: { priority: "high" } });
      await lab().advance(1_001);
      // The normal ones begin at most 4 of 16 claims.
      const first = await Promise.all(Array.from({ length: 8 }, () => lab().claimOne()));
      expect(ids(first)).toContain("h");
    });
  });

  group("priorities", () => {
    const kinds: readonly Priority[] = ["low", "normal", "high"];

    rule("of 16 claims about 12 begin with high, 3 with normal and 1 with low calls", async () => {
      for (const priority of kinds) {
        await lab().submitAll(
          Array.from({ length: 800 }, (_, index) => submission(`${priority} ${index}`, { header: { priority } })),
        );
      }
      const counts: Record<string, number> = { high: 0, normal: 0, low: 0 };
      for (let count = 0; count < 800; count++) counts[(await lab().claimOne()).id.split(" ")[0]!]! += 1;
      // Also a broker that draws lots is within these, but for one run of millions.
      expect(counts["high"]).toBeGreaterThan(530);
      expect(counts["high"]).toBeLessThan(670);
      expect(counts["normal"]).toBeGreaterThan(90);
      expect(counts["low"]).toBeGreaterThan(15);
    });

    rule("where one priority has nothing, the others fill the claim, in their order and in one batch", async () => {
      await lab().submit("low", { header: { priority: "low" } });
      expect(ids(await lab().claim())).toEqual(["low"]);
      await lab().submitAll(
        ["l", "n", "h"].map((id, index) => submission(id, { header: { priority: kinds[index]! } })),
      );
      const [batch, ...more] = await lab().batches();
      expect(more).toEqual([]);
      expect([...ids(batch!.calls)].sort()).toEqual(["h", "l", "n"]);
    });

    rule("calls of one priority come in the order in which they were submitted", async () => {
      await lab().submitAll(
        Array.from({ length: 30 }, (_, index) => submission(`${index}`, { header: { priority: kinds[index % 3]! } })),
      );
      const order = callsOf(await lab().batches()).map(({ id }) => Number(id));
      for (const rest of [0, 1, 2]) {
        const one = order.filter((id) => id % 3 === rest);
        expect(one).toEqual([...one].sort((a, b) => a - b));
      }
      expect(order.length).toBe(30);
    });
  });

  group("nested calls", () => {
    const nested = { header: { priority: "nested" } } as const;
    const queues = served;

    rule("go to the head of their list, those of one batch in their order, and before normal ones", async () => {
      await lab().submit("normal");
      await lab().submitAll([submission("a1", nested), submission("a2", nested)]);
      await lab().submitAll([submission("b1", nested), submission("b2", nested)]);
      const order = ids(await lab().claim());
      expect(order.filter((id) => id !== "normal")).toEqual(["b1", "b2", "a1", "a2"]);
      // Of 16 claims, four begin with the normal or the low list.
      const firsts = new Map<string, number>();
      for (let count = 0; count < 16; count++) {
        await lab().submitAll([submission(`n${count}`), submission(`x${count}`, nested)]);
        const [first] = ids(await lab().claim());
        firsts.set(first![0]!, (firsts.get(first![0]!) ?? 0) + 1);
      }
      expect(firsts.get("x")).toBeGreaterThan(8);
    });

    rule("are all that a claim of them alone takes", async () => {
      await lab().submitAll([
        submission("n"),
        submission("x", nested),
        submission("h", { header: { priority: "high" } }),
      ]);
      expect(ids(await lab().claim({ nestedOnly: true }))).toEqual(["x"]);
      expect(await lab().claim({ nestedOnly: true })).toEqual([]);
      expect([...ids(await lab().claim())].sort()).toEqual(["h", "n"]);
    });

    rule("leave a claim of them alone nothing of a call that has the id of one that was canceled", async () => {
      await lab().submitAll([submission("one", nested), submission("other", nested)]);
      for (const id of ["one", "other"]) await lab().broker.cancel(queue, id);
      await lab().submitAll([submission("one"), submission("other", nested)], ["one", "other"]);
      expect(ids(await lab().claim({ nestedOnly: true }))).toEqual(["other"]);
      expect(await lab().claim({ nestedOnly: true })).toEqual([]);
      expect(ids(await lab().claim())).toEqual(["one"]);
      expect(await lab().claim()).toEqual([]);
    });

    rule("wake a claim of them alone that waits, and no others do", async () => {
      const giveUp = new AbortController();
      const claim = lab().claim({ nestedOnly: true, waitMs: 60_000, signal: giveUp.signal });
      await lab().settled();
      await lab().submit("n");
      await lab().submit("x", nested);
      expect(ids(await claim)).toEqual(["x"]);
      const others = lab().claim({ nestedOnly: true, waitMs: 60_000, signal: giveUp.signal });
      await lab().settled();
      giveUp.abort();
      expect(await others).toEqual([]);
      expect(ids(await lab().claim({ waitMs: 60_000 }))).toEqual(["n"]);
    });

    rule.timed(
      "keep their list when they are repeated, given back or delayed; suspects are claimed with them",
      async () => {
        await lab().submit("n");
        await lab().submitAll([submission("x", nested), submission("d", { ...nested, delayMs: 1_000 })]);
        const first = await lab().claimOne({ nestedOnly: true });
        await lab().report(first, { kind: "release" });
        await lab().retry(await lab().claimOne({ nestedOnly: true }), 500);
        await lab().advance(1_001);
        expect([...ids(await lab().claim({ nestedOnly: true, queues }))].sort()).toEqual(["d", "x"]);
        await lab().submit("s", nested);
        await lab().dieWith({ nestedOnly: true });
        expect(ids(await lab().claim({ nestedOnly: true }))).toEqual([]);
        expect(ids(await lab().claim({ nestedOnly: true, suspect: true }))).toEqual(["s"]);
        expect(ids(await lab().claim())).toEqual(["n"]);
      },
    );

    rule("count among those that wait", async () => {
      await lab().submit("x", nested);
      expect((await lab().beat({ reap: true })).waiting).toBe(1);
      expect((await lab().submitAll([submission("y", nested)], [], 1))[0]!.outcome).toBe("full");
    });
  });

  rule("a claim of nobody's tasks is still served, as the worker tells what it lacks by putting it aside", async () => {
    await lab().submit("a", { task: "q.other" });
    expect(ids(await lab().claim({ queues: served }))).toEqual(["a"]);
  });
}
