import { readHeader } from "../../header.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, submission } from "./lab.ts";

/** Renewing leases, and taking back those that lapsed. */
export function leaseRules({ group, lab, rule }: Chapter): void {
  rule.timed("a renewed lease holds, however long", async () => {
    await lab().submit("a");
    const { fence, ...claimed } = await lab().claimOne({ leaseMs: 10_000 });
    for (let beat = 0; beat < 5; beat++) {
      await lab().advance(8_000);
      expect(await lab().beat({ fences: [fence], reap: true })).toEqual({ lost: [], reaped: 0, waiting: 0 });
      expect(await lab().reap()).toBe(0);
    }
    expect(await lab().state("a")).toBe("running");
    expect(await lab().finish({ ...claimed, fence })).toBe("accepted");
  });

  rule.timed("a lease that lapsed but was not taken back is kept by a beat", async () => {
    await lab().submit("a");
    const { fence } = await lab().claimOne({ leaseMs: 1_000 });
    await lab().advance(5_000);
    expect(await lab().beat({ fences: [fence], reap: true })).toEqual({ lost: [], reaped: 0, waiting: 0 });
    expect(await lab().reap()).toBe(0);
  });

  rule("a beat that reaps says how many calls wait for their turn", async () => {
    const priorities = ["high", "normal", "low", "normal"] as const;
    await lab().submitAll(priorities.map((priority, index) => submission(`c${index}`, { header: { priority } })));
    await lab().submit("later", { delayMs: 60_000 });
    expect(await lab().beat({ reap: true })).toMatchObject({ waiting: 4 });
    expect(await lab().beat({ reap: false })).toMatchObject({ waiting: 0 });
    await lab().claimOne();
    expect(await lab().beat({ reap: true })).toMatchObject({ waiting: 3 });
  });

  rule.timed(
    "a call that its workers' deaths parked is kept until its deadline, as any other that has ended",
    async () => {
      const day = 86_400_000;
      await lab().submit("far", { header: { deadline: 30 * day } });
      await lab().submit("near", { header: { deadline: day } });
      await lab().dieWith({ limit: 2 }, 1);
      await lab().advance(8 * day);
      expect([await lab().state("far"), await lab().state("near")]).toEqual(["parked", "gone"]);
    },
  );

  rule.timed("a beat that does not reap takes nothing back", async () => {
    await lab().submit("a");
    await lab().claimOne({ leaseMs: 1_000 });
    await lab().advance(5_000);
    expect(await lab().beat({ worker: "other", reap: false })).toEqual({ lost: [], reaped: 0, waiting: 0 });
    expect(await lab().state("a")).toBe("running");
  });

  rule.timed("a beat tells of fences that were taken back", async () => {
    await lab().submitAll([submission("a"), submission("b")]);
    const a = await lab().claimOne({ leaseMs: 1_000 });
    const b = await lab().claimOne({ leaseMs: 60_000 });
    await lab().advance(1_001);
    expect(await lab().reap()).toBe(1);
    expect((await lab().beat({ fences: [a.fence, b.fence] })).lost).toEqual([a.fence]);
    expect(await lab().state("b")).toBe("running");
  });

  rule("a beat keeps no other worker's lease", async () => {
    await lab().submit("a");
    const { fence } = await lab().claimOne({ worker: "w", leaseMs: 10_000 });
    expect((await lab().beat({ worker: "other", fences: [fence] })).lost).toEqual([fence]);
    expect((await lab().beat({ worker: "w", fences: [fence] })).lost).toEqual([]);
  });

  rule.timed("a call whose worker died is taken back once, counted, and given to the next as a suspect", async () => {
    await lab().submit("a");
    const [first] = await lab().dieWith();
    expect(await lab().reap()).toBe(0);
    expect(await lab().state("a")).toBe("queued");
    const second = await lab().claimOne({ suspect: true });
    expect(second.suspect).toBe(true);
    expect(second.fence).toBeGreaterThan(first!.fence);
    expect(readHeader(second.record)).toMatchObject({ deaths: 1, attempt: 0 });
    expect(await lab().finish(second)).toBe("accepted");
  });

  rule.timed("only what has lapsed is taken back", async () => {
    await lab().submitAll(["a", "b", "c"].map((id) => submission(id)));
    await lab().claimOne({ worker: "w1", leaseMs: 1_000 });
    await lab().claimOne({ worker: "w2", leaseMs: 3_000 });
    await lab().advance(1_001);
    expect(await lab().reap()).toBe(1);
    expect(await lab().state("b")).toBe("running");
    expect(ids(await lab().claim())).toEqual(["c"]);
  });

  rule.timed("the calls of a claim are taken back together, but for those that have ended", async () => {
    await lab().submitAll(["a", "b", "c"].map((id) => submission(id)));
    const [, b] = await lab().claim({ leaseMs: 1_000 });
    await lab().finish(b!);
    await lab().advance(1_001);
    expect(await lab().reap()).toBe(2);
    expect(await Promise.all(["a", "b", "c"].map((id) => lab().state(id)))).toEqual(["queued", "succeeded", "queued"]);
  });

  group("suspects", () => {
    rule.timed("a suspect is claimed only where one is allowed, and one at a time", async () => {
      await lab().submitAll(["a", "b", "c"].map((id) => submission(id)));
      await lab().dieWith();
      await lab().submitAll(["n1", "n2"].map((id) => submission(id)));
      expect(ids(await lab().claim({ suspect: false, limit: 1 }))).toEqual(["n1"]);
      const mixed = await lab().claim({ suspect: true });
      expect(mixed.filter(({ suspect }) => suspect).length).toBe(1);
      expect(mixed.some(({ id }) => id === "n2")).toBe(true);
      expect((await lab().claim({ suspect: true })).length).toBe(1);
      expect((await lab().claim({ suspect: true })).length).toBe(1);
      expect(await lab().claim({ suspect: true })).toEqual([]);
    });

    rule.timed("a suspect that a claim has left waits for nobody's bell", async () => {
      await lab().submitAll([submission("a"), submission("b")]);
      await lab().dieWith();
      expect((await lab().claim({ suspect: true })).length).toBe(1);
      // Whatever has rung for it is heard, by one that may not have it.
      const other = lab().claim({ suspect: false, waitMs: 30 });
      await lab().settled();
      await lab().advance(30);
      expect(await other).toEqual([]);
      const begun = performance.now();
      expect((await lab().claim({ suspect: true, waitMs: 60_000 })).length).toBe(1);
      // Without a bell, a wait ends after a second.
      expect(performance.now() - begun).toBeLessThan(800);
    });

    rule.timed("as many suspects as are asked for are given together, if none is to run alone", async () => {
      const names = Array.from({ length: 6 }, (_, index) => `c${index}`);
      await lab().submitAll(names.map((id) => submission(id)));
      await lab().dieWith();
      await lab().submit("n");
      const claimed = await lab().claim({ suspect: true, mostSuspects: 4, besideSuspects: true });
      expect(claimed.map(({ suspect }) => suspect)).toEqual([true, true, true, true, false]);
      expect(claimed.every(({ record, suspect }) => readHeader(record)!.besideOthers === suspect)).toBe(true);
      // Without more words there is one.
      expect((await lab().claim({ suspect: true })).length).toBe(1);
    });

    rule.timed("one that has killed its worker alone, or that the next death would park, runs alone", async () => {
      const names = ["killer", "other"];
      for (const { maxDeliveries, deaths } of [
        { maxDeliveries: 2, deaths: 1 },
        { maxDeliveries: 5, deaths: 2 },
      ]) {
        await lab().submitAll(names.map((id) => submission(id)));
        await lab().dieWith({}, maxDeliveries);
        for (let count = 1; count < deaths; count++)
          for (const _ of names) await lab().dieWith({ suspect: true }, maxDeliveries);
        expect(await lab().claim({ suspect: true, mostSuspects: 4, besideSuspects: true })).toEqual([]);
        for (const _ of names) {
          const [alone, ...more] = await lab().claim({ suspect: true, mostSuspects: 4 });
          expect(readHeader(alone!.record)).toMatchObject({ deaths, besideOthers: false });
          expect(more).toEqual([]);
          expect(await lab().finish(alone!)).toBe("accepted");
        }
        await lab().submitAll([], names);
      }
    });

    rule.timed(
      "a worker that dies with several suspects is charged to none, but to the one that kills another alone",
      async () => {
        const names = Array.from({ length: 5 }, (_, index) => `c${index}`);
        await lab().submitAll(names.map((id) => submission(id)));
        await lab().dieWith();
        const [one, two] = [2_000, 1_000];
        for (const leaseMs of [one, two])
          expect(
            (await lab().claim({ worker: "dying", suspect: true, mostSuspects: 2, besideSuspects: true, leaseMs }))
              .length,
          ).toBe(2);
        // One of the claims lapses after the other.
        for (const _ of names) {
          await lab().advance(1_001);
          await lab().reap();
        }
        const fifth = await lab().claimOne({ suspect: true, mostSuspects: 5 });
        expect(readHeader(fifth.record)).toMatchObject({ deaths: 1, besideOthers: true });
        await lab().finish(fifth);
        const [suspect, ...more] = await lab().dieWith({ suspect: true, mostSuspects: 5 });
        expect(more).toEqual([]);
        expect(readHeader(suspect!.record)).toMatchObject({ deaths: 1, besideOthers: false, lostAmongOthers: true });
        expect(await lab().state(suspect!.id)).toBe("parked");
        expect(readHeader((await lab().read(suspect!.id))!.record)).toMatchObject({ deaths: 3 });
        for (let left = 3; left > 0; left--) {
          const call = await lab().claimOne({ suspect: true, limit: 10, mostSuspects: 5 });
          expect(readHeader(call.record)).toMatchObject({ deaths: 1 });
          await lab().finish(call);
        }
      },
    );

    rule.timed("one suspect at the most is in a claim of many queues", async () => {
      for (const name of ["q1", "q2"]) await lab().broker.submit(name, { calls: [submission("a")], acknowledged: [] });
      const queues = ["q1", "q2"].map((name) => ({ name, tasks: ["q.task"] }));
      expect((await lab().claim({ worker: "dying", queues, leaseMs: 1_000 })).length).toBe(2);
      await lab().advance(1_001);
      const beat = { worker: "reaper", leaseMs: 1_000, presenceMs: 1_000, maxDeliveries: 3, reap: true };
      await lab().broker.renew({ ...beat, queues: queues.map((served) => ({ ...served, fences: [] })) });
      expect((await lab().claim({ queues, suspect: true })).length).toBe(1);
      expect((await lab().claim({ queues, suspect: true })).length).toBe(1);
    });

    rule.timed("a suspect that comes back from its worker, even to be repeated, is one no more", async () => {
      await lab().submit("a");
      await lab().dieWith();
      await lab().retry(await lab().claimOne({ suspect: true }));
      const again = await lab().claimOne({ suspect: false });
      expect(again.suspect).toBe(false);
      expect(readHeader(again.record)).toMatchObject({ deaths: 1, attempt: 1 });
    });

    rule.timed("a call is parked at the last death that is allowed, and its caller told", async () => {
      await lab().submit("a", { to: "caller" });
      const inbox = await lab().client("caller");
      await lab().dieWith({ suspect: true });
      await lab().dieWith({ suspect: true });
      expect(await lab().state("a")).toBe("queued");
      await lab().dieWith({ suspect: true });
      const call = (await lab().read("a"))!;
      expect(call.state).toBe("parked");
      expect(readHeader(call.record)).toMatchObject({ state: "parked", deaths: 3 });
      expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
      expect(await lab().claim({ suspect: true })).toEqual([]);
    });

    rule.timed("how many deaths are allowed is said by the one who reaps", async () => {
      await lab().submit("a");
      await lab().dieWith({}, 1);
      expect(await lab().state("a")).toBe("parked");
    });

    rule.timed(
      "a worker that dies with a suspect is charged to that one alone, whichever of its claims lapses first",
      async () => {
        for (const firstLapses of ["suspect's", "neighbours'"]) {
          await lab().submit("poison");
          await lab().dieWith();
          const [long, short] = firstLapses === "suspect's" ? [2_000, 1_000] : [1_000, 2_000];
          const [poison] = await lab().claim({ worker: "w", suspect: true, leaseMs: short });
          await lab().submitAll(["n1", "n2"].map((id) => submission(id)));
          expect((await lab().claim({ worker: "w", leaseMs: long })).length).toBe(2);
          await lab().advance(1_001);
          await lab().reap();
          await lab().advance(1_001);
          await lab().reap();
          const deaths = new Map<string, number>();
          for (let count = 0; count < 3; count++) {
            const call = await lab().claimOne({ worker: `next ${count}`, suspect: true });
            deaths.set(call.id, readHeader(call.record)!.deaths);
            await lab().finish(call);
          }
          expect(poison?.id).toBe("poison");
          expect(Object.fromEntries(deaths)).toEqual({ poison: 2, n1: 0, n2: 0 });
          await lab().submitAll([], ["poison", "n1", "n2"]);
        }
      },
    );

    rule.timed("several that kill their workers among many that don't: they alone are parked", async () => {
      const poison = new Set(["c7", "c8", "c150"]);
      const names = Array.from({ length: 200 }, (_, index) => `c${index}`);
      await lab().submitAll(names.map((id) => submission(id)));
      for (let life = 0; life < 200; life++) {
        const worker = `w${life}`;
        let killed = false;
        for (let round = 0; round < 200 && !killed; round++) {
          const claimed = await lab().claim({ worker, limit: 20, suspect: true, leaseMs: 1_000 });
          if (claimed.length === 0) break;
          killed = ids(claimed).some((id) => poison.has(id));
          if (!killed) for (const call of claimed) expect(await lab().finish(call)).toBe("accepted");
        }
        if (!killed) break;
        await lab().advance(1_001);
        await lab().reap();
      }
      const states = await Promise.all(names.map((id) => lab().state(id)));
      expect(names.filter((_, index) => states[index] === "parked").sort()).toEqual([...poison].sort());
      expect(states.filter((state) => state === "succeeded").length).toBe(197);
    });
  });

  rule.timed("a worker that died long ago costs no attempt of those who finish in time", async () => {
    await lab().submitAll(Array.from({ length: 500 }, (_, index) => submission(`c${index}`)));
    await lab().claim({ worker: "dead", limit: 250, leaseMs: 1_000 });
    const alive = await lab().claim({ worker: "alive", limit: 250, leaseMs: 60_000 });
    await lab().advance(1_001);
    expect(await lab().reap()).toBe(250);
    for (const call of alive) expect(await lab().finish(call)).toBe("accepted");
  });
}
