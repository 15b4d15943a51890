import { keptRequest, nextGeneration } from "../../envelope.ts";
import { readHeader } from "../../header.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { queue, submission } from "./lab.ts";

/** What is known of whether a call's handler has begun, and what follows from it. */
export function begunRules({ group, lab, rule }: Chapter): void {
  const revoke = (id: string) => lab().broker.revoke(queue, id, "n");
  const claimSuspect = () => lab().claimOne({ suspect: true });

  rule("a call that is given back unbegun can be revoked, and one whose handler has begun can't", async () => {
    for (const begun of [false, true]) {
      const id = `begun ${begun}`;
      await lab().submit(id);
      expect(await lab().report(await lab().claimOne(), { kind: "release", begun })).toBe("accepted");
      const again = await lab().claimOne();
      expect(readHeader(again.record)).toMatchObject({ attempt: 0, deaths: 0, begun, fence: 0 });
      // Who gives it back without having begun it can't undo that another has.
      await lab().report(again, { kind: "release", begun: false });
      expect(await revoke(id)).toBe(!begun);
      if (begun) await lab().finish(await lab().claimOne());
    }
  });

  rule.timed("an awaited call expires whether or not it has begun, any other only if it has not", async () => {
    for (const id of ["a", "b"]) await lab().submit(id, { header: { deadline: 1_000, awaited: id === "a" } });
    for (const call of await lab().claim()) await lab().report(call, { kind: "release", begun: true });
    await lab().advance(1_001);
    expect([await lab().state("a"), await lab().state("b")]).toEqual(["expired", "queued"]);
  });

  rule.timed("a suspect that was not charged can't be revoked, even when it is none any more", async () => {
    for (const what of [{ kind: "aside", task: "q.other" } as const, { kind: "release" } as const]) {
      await lab().submit("first");
      await lab().dieWith();
      const first = await lab().claimOne({ worker: "dying", suspect: true, leaseMs: 1_000 });
      await lab().submit("excused");
      await lab().claimOne({ worker: "dying", leaseMs: 1_000 });
      await lab().advance(1_001);
      await lab().reap();
      const back = [await claimSuspect(), await claimSuspect()];
      const excused = back.find(({ id }) => id === "excused")!;
      expect(readHeader(excused.record)).toMatchObject({ deaths: 0, attempt: 0 });
      expect(await lab().report(excused, what)).toBe("accepted");
      expect(await revoke("excused")).toBe(false);
      await lab().broker.cancel(queue, "excused");
      await lab().broker.cancel(queue, first.id);
      await lab().submitAll([], ["first", "excused"]);
    }
  });

  rule("an ended call's header has its fence, and says nothing else in its place", async () => {
    await lab().submit("a", { header: { maxDeliveries: 5 } });
    await lab().report(await lab().claimOne(), { kind: "release", begun: true });
    const { fence, record, ...claimed } = await lab().claimOne();
    expect(readHeader(record)).toMatchObject({ begun: true, maxDeliveries: 5, fence: 0 });
    await lab().finish({ ...claimed, fence });
    const { record: reply } = (await lab().read("a"))!;
    expect(readHeader(reply)).toMatchObject({ begun: false, maxDeliveries: 0, fence });
  });

  group("calls that are delivered at most once", () => {
    const once = { header: { atMostOnce: true } } as const;

    rule.timed("are parked at the first death, however many are allowed, and whoever else is to blame", async () => {
      await lab().submit("poison");
      await lab().dieWith();
      await lab().claimOne({ worker: "dying", suspect: true, leaseMs: 1_000 });
      await lab().submitAll([submission("once", once), submission("again")]);
      expect((await lab().claim({ worker: "dying", leaseMs: 1_000 })).length).toBe(2);
      await lab().advance(1_001);
      expect(await lab().reap("reaper", 10)).toBe(3);
      const { state, record } = (await lab().read("once"))!;
      expect(state).toBe("parked");
      expect(readHeader(record)).toMatchObject({ deaths: 1, atMostOnce: true, begun: true });
      expect(await lab().state("again")).toBe("queued");
      expect([(await claimSuspect()).id, (await claimSuspect()).id].sort()).toEqual(["again", "poison"]);
    });

    rule("are given back as any other, if their handlers have not begun", async () => {
      await lab().submit("once", once);
      await lab().report(await lab().claimOne(), { kind: "release", begun: false });
      expect(readHeader((await lab().claimOne()).record)).toMatchObject({ atMostOnce: true, begun: false });
    });
  });

  rule.timed("at which death a call is parked its header says, and where it doesn't, who reaps", async () => {
    for (const [id, maxDeliveries] of Object.entries({ one: 1, two: 2, unsaid: 0 }))
      await lab().submit(id, { header: { maxDeliveries } });
    const states = async () => [await lab().state("one"), await lab().state("two"), await lab().state("unsaid")];
    await lab().dieWith({}, 3);
    expect(await states()).toEqual(["parked", "queued", "queued"]);
    await lab().dieWith({ suspect: true }, 3);
    await lab().dieWith({ suspect: true }, 3);
    expect(await states()).toEqual(["parked", "parked", "queued"]);
    await lab().dieWith({ suspect: true }, 3);
    expect(await states()).toEqual(["parked", "parked", "parked"]);
  });

  rule.timed("who reaps for a queue that nobody serves parks all at their first death", async () => {
    await lab().submit("a", { header: { maxDeliveries: 5 } });
    await lab().dieWith({}, 0);
    expect(await lab().state("a")).toBe("parked");
  });
}

/** The same of calls that are replayed. */
export function replayedDeliveryRules({ lab, rule }: Chapter): void {
  rule.timed(
    "a replay keeps how its call is delivered; one at most once has not begun, and is no suspect",
    async () => {
      for (const atMostOnce of [false, true]) {
        const id = `once ${atMostOnce}`;
        await lab().submit(id, { header: { atMostOnce, maxDeliveries: 1 } });
        await lab().dieWith();
        const { record } = (await lab().read(id))!;
        const next = nextGeneration(keptRequest(record)!, readHeader(record)!)!;
        await lab().broker.operator!.replay(queue, id, { record: next });
        const call = await lab().claimOne({ suspect: true });
        expect(call).toMatchObject({ id, suspect: !atMostOnce });
        expect(readHeader(call.record)).toMatchObject({ atMostOnce, maxDeliveries: 1, begun: false, generation: 1 });
        await lab().finish(call);
      }
    },
  );
}
