import { encode } from "../../codec.ts";
import { readReply } from "../../envelope.ts";
import { readHeader } from "../../header.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, submission } from "./lab.ts";

/** How calls end without a reply, and how long what has ended is kept. */
export function endingRules({ group, lab, rule }: Chapter): void {
  group("read", () => {
    rule("calls are read in the order of the ids, with holes for those that are unknown", async () => {
      await lab().submitAll([submission("a"), submission("b", { delayMs: 1_000 })]);
      const found = await lab().broker.read(queue, ["b", "nobody's", "a", "b"]);
      expect(found.map((call) => call?.state)).toEqual(["delayed", undefined, "queued", "delayed"]);
      expect(await lab().broker.read(queue, [])).toEqual([]);
    });
  });

  group("cancel", () => {
    const canceled = async (id: string): Promise<void> => {
      const call = await lab().broker.cancel(queue, id);
      expect(call?.state).toBe("canceled");
      expect(readReply(call!.record)).toMatchObject({ error: { code: "canceled" } });
      expect(await lab().state(id)).toBe("canceled");
      expect((await lab().broker.cancel(queue, id))?.state).toBe("canceled");
    };

    rule("a call that waits never starts, and its neighbours do", async () => {
      await lab().submitAll(["a", "b", "c"].map((id) => submission(id)));
      await canceled("b");
      expect(ids(await lab().claim())).toEqual(["a", "c"]);
    });

    rule.timed("a delayed call never starts", async () => {
      await lab().submitAll([submission("a", { delayMs: 1_000 }), submission("b", { delayMs: 1_000 })]);
      await canceled("a");
      await lab().advance(1_001);
      expect(ids(await lab().claim())).toEqual(["b"]);
    });

    rule.timed("a call that waits for its next attempt never starts again", async () => {
      await lab().submit("a");
      await lab().retry(await lab().claimOne(), 1_000);
      await canceled("a");
      await lab().advance(1_001);
      expect(await lab().claim()).toEqual([]);
    });

    rule.timed("a suspect never starts again", async () => {
      await lab().submit("a");
      await lab().dieWith();
      await canceled("a");
      expect(await lab().claim({ suspect: true })).toEqual([]);
    });

    rule.timed("a running call's workers are told, with its fence, and its reports are refused", async () => {
      const workers = await lab().workers();
      await lab().submitAll([submission("a"), submission("b")]);
      const [a, b] = await lab().claim();
      await canceled("a");
      expect(await workers.heard(1)).toEqual([{ kind: "canceled", id: "a", fence: a!.fence }]);
      expect(await lab().finish(a!)).toBe("refused");
      expect(await lab().report(a!, { kind: "release" })).toBe("refused");
      expect(await lab().retry(a!)).toBe("refused");
      expect(await lab().finish(b!)).toBe("accepted");
      await lab().advance(20_000);
      expect(await lab().reap()).toBe(0);
      expect(await lab().claim({ suspect: true })).toEqual([]);
      expect(workers.notices.length).toBe(1);
    });

    rule("a waiting call's end is no matter of the workers", async () => {
      const workers = await lab().workers();
      await lab().submitAll([submission("a"), submission("b")]);
      await canceled("a");
      await lab().claimOne();
      await canceled("b");
      expect((await workers.heard(1)).map((notice) => notice.kind === "canceled" && notice.id)).toEqual(["b"]);
    });

    rule("a call that has ended keeps its end; an unknown one is unknown", async () => {
      await lab().submit("a");
      await lab().finish(await lab().claimOne(), "value");
      const call = await lab().broker.cancel(queue, "a");
      expect(call?.state).toBe("succeeded");
      expect(readReply(call!.record)).toEqual({ value: "value" });
      expect(await lab().broker.cancel(queue, "nobody's")).toBeUndefined();
    });

    rule("the header keeps what the call was", async () => {
      await lab().submit("a", { header: { fingerprint: "0123456789abcdef", generation: 2 } });
      await lab().retry(await lab().claimOne());
      const { record } = (await lab().broker.cancel(queue, "a"))!;
      expect(readHeader(record)).toMatchObject({
        state: "canceled",
        fingerprint: "0123456789abcdef",
        generation: 2,
        attempt: 1,
      });
      expect((await lab().submit("a", { header: { fingerprint: "0123456789abcdef" } })).ended).toBeDefined();
      expect((await lab().submit("a", { header: { fingerprint: "00000000000000ff" } })).outcome).toBe("conflict");
    });

    rule("many that are canceled are no burden for those that are not", async () => {
      const names = Array.from({ length: 3_000 }, (_, index) => `c${index}`);
      for (let at = 0; at < names.length; at += 500)
        await lab().submitAll(names.slice(at, at + 500).map((id) => submission(id)));
      const kept = names.filter((_, index) => index % 100 === 0);
      await Promise.all(names.filter((_, index) => index % 100 !== 0).map((id) => lab().broker.cancel(queue, id)));
      const got: string[] = [];
      await lab().eventually(async () => {
        got.push(...ids(await lab().claim()));
        expect(got.length).toBe(kept.length);
      });
      expect(got).toEqual(kept);
    });
  });

  group("revoke", () => {
    rule("a waiting call is taken back, whoever sends it again, and the same nonce gets the same yes", async () => {
      await lab().submit("a");
      expect(await lab().broker.revoke(queue, "a", "mine")).toBe(true);
      expect(await lab().broker.revoke(queue, "a", "mine")).toBe(true);
      expect(await lab().broker.revoke(queue, "a", "another's")).toBe(false);
      expect((await lab().submit("a")).outcome).toBe("accepted");
      expect((await lab().submit("a")).ended).toBeDefined();
      expect(await lab().claim({ suspect: true })).toEqual([]);
      expect(await lab().broker.revoke(queue, "a", "mine")).toBe(true);
    });

    rule.timed("a delayed call, and one that was given back unrun, are taken back", async () => {
      await lab().submitAll([submission("later", { delayMs: 1_000 }), submission("given back")]);
      await lab().report(await lab().claimOne(), { kind: "release" });
      expect(await lab().broker.revoke(queue, "later", "n")).toBe(true);
      expect(await lab().broker.revoke(queue, "given back", "n")).toBe(true);
      await lab().advance(1_001);
      expect(await lab().claim()).toEqual([]);
    });

    rule.timed("a call that a worker has, or had, is not taken back", async () => {
      await lab().submitAll(["running", "retrying", "suspect"].map((id) => submission(id)));
      const [, retrying, suspect] = await lab()
        .claim({ limit: 2 })
        .then(async (two) => [...two, ...(await lab().claim({ worker: "dying", leaseMs: 1_000 }))]);
      await lab().retry(retrying!, 1_000);
      await lab().advance(1_001);
      await lab().reap();
      expect(suspect?.id).toBe("suspect");
      for (const id of ["running", "retrying", "suspect"])
        expect(await lab().broker.revoke(queue, id, "n")).toBe(false);
      expect(ids(await lab().claim({ suspect: true })).length).toBe(2);
    });

    rule("a call that has ended or is unknown is not taken back", async () => {
      await lab().submitAll([submission("done"), submission("canceled")]);
      await lab().finish(await lab().claimOne());
      await lab().broker.cancel(queue, "canceled");
      for (const id of ["done", "canceled", "nobody's"]) expect(await lab().broker.revoke(queue, id, "n")).toBe(false);
    });

    rule("of a claim and a revoke at the same time, one wins", async () => {
      for (let round = 0; round < 20; round++) {
        await lab().submit(`c${round}`);
        const [claimed, revoked] = await Promise.all([lab().claim(), lab().broker.revoke(queue, `c${round}`, "n")]);
        expect(claimed.length).toBe(revoked ? 0 : 1);
      }
    });
  });

  group("deadlines", () => {
    rule.timed(
      "a submitted call that waits past its deadline is expired when it is claimed, and its waiters are told",
      async () => {
        await lab().submitAll([submission("a", { header: { deadline: 5_000 } }), submission("b")]);
        const waiter = await lab().client("waiter");
        await lab().read("a", "waiter");
        await lab().advance(5_001);
        expect(ids(await lab().claim())).toEqual(["b"]);
        expect(await waiter.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
        const call = (await lab().read("a"))!;
        expect(call.state).toBe("expired");
        expect(readReply(call.record)).toMatchObject({ error: { code: "deadline_exceeded" } });
      },
    );

    rule.timed("it is expired when it is read, and its caller is told", async () => {
      const inbox = await lab().client("caller");
      await lab().submit("a", { header: { deadline: 5_000, awaited: true }, to: "caller" });
      await lab().advance(4_000);
      expect(await lab().state("a")).toBe("queued");
      await lab().advance(1_001);
      expect(await lab().state("a")).toBe("expired");
      expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
      expect(await lab().claim()).toEqual([]);
    });

    rule.timed("a delayed call's deadline counts from its submit", async () => {
      await lab().submit("a", { delayMs: 3_000, header: { deadline: 2_000 } });
      await lab().submit("b", { delayMs: 3_000, header: { deadline: 60_000 } });
      await lab().advance(3_001);
      expect(ids(await lab().claim())).toEqual(["b"]);
      expect(await lab().state("a")).toBe("expired");
    });

    rule.timed("a submitted call's deadline no longer counts once it has started", async () => {
      await lab().submitAll([
        submission("a", { header: { deadline: 5_000 } }),
        submission("b", { header: { deadline: 5_000 } }),
      ]);
      const [a] = await lab().claim({ limit: 1 });
      await lab().dieWith({ worker: "dying" });
      await lab().retry(a!);
      await lab().advance(10_000);
      expect(await lab().state("a")).not.toBe("expired");
      expect(await lab().state("b")).toBe("queued");
      expect([...ids(await lab().claim({ suspect: true }))].sort()).toEqual(["a", "b"]);
    });

    rule.timed("one that was given back unrun has not started", async () => {
      await lab().submit("a", { header: { deadline: 5_000 } });
      await lab().report(await lab().claimOne(), { kind: "release" });
      await lab().advance(5_001);
      expect(await lab().claim()).toEqual([]);
      expect(await lab().state("a")).toBe("expired");
    });

    rule.timed("an awaited call's deadline bounds all of it: also its next attempt", async () => {
      await lab().submit("a", { header: { deadline: 5_000, awaited: true } });
      await lab().retry(await lab().claimOne(), 3_000);
      await lab().advance(5_001);
      expect(await lab().claim()).toEqual([]);
      expect(await lab().state("a")).toBe("expired");
    });

    rule.timed("an awaited call whose worker died is not given to another past its deadline", async () => {
      await lab().submit("a", { header: { deadline: 500, awaited: true }, to: "caller" });
      const inbox = await lab().client("caller");
      await lab().dieWith();
      expect(await lab().state("a")).toBe("expired");
      expect(await lab().claim({ suspect: true })).toEqual([]);
      expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
    });

    rule.timed("a running call is not expired by a look at it, and may still finish", async () => {
      await lab().submit("a", { header: { deadline: 5_000, awaited: true } });
      const claimed = await lab().claimOne({ leaseMs: 60_000 });
      await lab().advance(6_000);
      expect(await lab().state("a")).toBe("running");
      expect(await lab().finish(claimed)).toBe("accepted");
      expect(await lab().state("a")).toBe("succeeded");
    });

    rule.timed("an expired call's submit, sent again, is answered with its end", async () => {
      await lab().submit("a", { header: { deadline: 5_000 } });
      await lab().advance(5_001);
      const again = await lab().submit("a", { header: { deadline: 5_000 } });
      expect(again.outcome).toBe("accepted");
      expect(readHeader(again.ended!)?.state).toBe("expired");
    });
  });

  group("retention", () => {
    rule.timed("a reply is kept for its time, and gone after it", async () => {
      await lab().submitAll([submission("short"), submission("long")]);
      const [short, long] = await lab().claim();
      await lab().finish(short!, 1, 40);
      await lab().finish(long!, 1, 600_000);
      await lab().advance(40);
      await lab().eventually(async () => expect(await lab().state("short")).toBe("gone"));
      expect(await lab().state("long")).toBe("succeeded");
      expect(await lab().submit("short")).toEqual({ outcome: "accepted" });
    });

    rule.timed("an open call is kept, however long", async () => {
      await lab().submitAll([submission("queued"), submission("delayed", { delayMs: 40 * 86_400_000 })]);
      await lab().advance(30 * 86_400_000);
      expect(await lab().state("queued")).toBe("queued");
      expect(await lab().state("delayed")).toBe("delayed");
      expect(ids(await lab().claim())).toEqual(["queued"]);
    });

    rule("what was told of an open call is forgotten with its end", async () => {
      await lab().submit("a");
      const claimed = await lab().claimOne();
      await lab().report(claimed, { kind: "progress", value: encode(1) });
      await lab().finish(claimed);
      await lab().submitAll([submission("a")], ["a"]);
      const call = (await lab().read("a"))!;
      expect(call.progress).toBeUndefined();
      expect(readHeader((await lab().claimOne()).record)).toMatchObject({ attempt: 0, deaths: 0 });
    });
  });
}
