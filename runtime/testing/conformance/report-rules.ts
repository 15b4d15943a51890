import { decode, encode } from "../../codec.ts";
import { readReply, readRequest, writeReply } from "../../envelope.ts";
import { newHeader, readHeader } from "../../header.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, reply, submission } from "./lab.ts";

/** What workers say of attempts. */
export function reportRules({ group, lab, rule }: Chapter): void {
  rule("a finish ends the call with its reply", async () => {
    await lab().submit("a");
    expect(await lab().finish(await lab().claimOne(), { sum: 10 })).toBe("accepted");
    const call = (await lab().read("a"))!;
    expect(call.state).toBe("succeeded");
    expect(readReply(call.record)).toEqual({ value: { sum: 10 } });
    expect(await lab().claim()).toEqual([]);
  });

  rule("a reply that is a failure ends the call as failed", async () => {
    await lab().submit("a");
    const claimed = await lab().claimOne();
    const record = writeReply(newHeader({ state: "failed", fence: claimed.fence }), {
      error: { code: "failed", message: "no" },
    });
    expect(await lab().report(claimed, { kind: "finish", record, ttlMs: 60_000 })).toBe("accepted");
    expect(await lab().state("a")).toBe("failed");
  });

  rule("only the fence that holds the call may end it, and only once", async () => {
    await lab().submit("a");
    const claimed = await lab().claimOne();
    expect(await lab().finish({ id: "a", fence: claimed.fence - 1 }, "early")).toBe("refused");
    expect(await lab().finish({ id: "a", fence: claimed.fence + 1 }, "late")).toBe("refused");
    expect(await lab().finish(claimed, "first")).toBe("accepted");
    expect(await lab().finish(claimed, "second")).toBe("refused");
    expect(readReply((await lab().read("a"))!.record)).toEqual({ value: "first" });
  });

  rule.timed("a fence from before a redelivery is refused, whatever it reports", async () => {
    await lab().submit("a");
    const [old] = await lab().dieWith();
    const next = await lab().claimOne({ suspect: true });
    expect(await lab().finish(old!)).toBe("refused");
    expect(await lab().retry(old!)).toBe("refused");
    expect(await lab().report(old!, { kind: "release" })).toBe("refused");
    expect(await lab().report(old!, { kind: "aside", task: "x" })).toBe("refused");
    expect(await lab().report(old!, { kind: "progress", value: encode(1) })).toBe("refused");
    expect(await lab().report(old!, { kind: "park", record: reply(1, { state: "parked" }), ttlMs: 1_000 })).toBe(
      "refused",
    );
    expect(await lab().state("a")).toBe("running");
    expect(await lab().finish(next)).toBe("accepted");
  });

  rule("a call that was never claimed or is unknown can't be reported on", async () => {
    await lab().submit("a");
    expect(await lab().finish({ id: "a", fence: 0 })).toBe("refused");
    expect(await lab().finish({ id: "b", fence: 1 })).toBe("refused");
    expect(await lab().state("a")).toBe("queued");
  });

  rule("each report of a batch gets its own verdict", async () => {
    await lab().submitAll([submission("a"), submission("b"), submission("c")]);
    const [a, b, c] = await lab().claim();
    const verdicts = await lab().broker.finish(queue, [
      { id: "a", fence: a!.fence, kind: "finish", record: reply("a"), ttlMs: 60_000 },
      { id: "b", fence: b!.fence + 1, kind: "finish", record: reply("b"), ttlMs: 60_000 },
      { id: "nobody's", fence: b!.fence, kind: "release" },
      { id: "c", fence: c!.fence, kind: "progress", value: encode(1) },
      { id: "b", fence: b!.fence, kind: "retry", delayMs: 0, failure: encode(null) },
      { id: "c", fence: c!.fence, kind: "release" },
    ]);
    expect(verdicts).toEqual(["accepted", "refused", "refused", "accepted", "accepted", "accepted"]);
    expect(await Promise.all(["a", "c"].map((id) => lab().state(id)))).toEqual(["succeeded", "queued"]);
  });

  rule("two attempts of one call in one batch of reports: the first to be told counts", async () => {
    await lab().submit("a");
    const { fence } = await lab().claimOne();
    const verdicts = await lab().broker.finish(queue, [
      { id: "a", fence, kind: "finish", record: reply(1), ttlMs: 60_000 },
      { id: "a", fence, kind: "finish", record: reply(2), ttlMs: 60_000 },
    ]);
    expect(verdicts).toEqual(["accepted", "refused"]);
    expect(readReply((await lab().read("a"))!.record)).toEqual({ value: 1 });
  });

  rule.timed("a late call that is given back, and reported on again in the same batch, has expired once", async () => {
    await lab().submit("a", { header: { deadline: 500 } });
    const first = await lab().claimOne();
    await lab().report(first, { kind: "release" });
    const { fence } = await lab().claimOne();
    await lab().advance(1_000);
    const verdicts = await lab().broker.finish(queue, [
      { id: "a", fence, kind: "release" },
      { id: "a", fence: first.fence, kind: "release" },
    ]);
    expect(verdicts).toEqual(["accepted", "refused"]);
    expect(await lab().claim()).toEqual([]);
    expect(await lab().state("a")).toBe("expired");
    expect(await lab().state("a")).toBe("expired");
  });

  rule.timed("a finish after the lease has lapsed, but before it was taken back, is accepted", async () => {
    await lab().submit("a");
    const claimed = await lab().claimOne({ leaseMs: 1_000 });
    await lab().advance(5_000);
    expect(await lab().finish(claimed)).toBe("accepted");
    expect(await lab().reap()).toBe(0);
    expect(await lab().state("a")).toBe("succeeded");
  });

  group("retry", () => {
    rule.timed("the call waits as retrying, its attempt counted, and comes again when due", async () => {
      await lab().submit("a", { params: { x: 1 } });
      const first = await lab().claimOne();
      expect(readHeader(first.record)?.attempt).toBe(0);
      expect(await lab().retry(first, 2_000)).toBe("accepted");
      expect(await lab().state("a")).toBe("retrying");
      expect(await lab().claim()).toEqual([]);
      await lab().advance(2_001);
      const second = await lab().claimOne();
      expect(second.suspect).toBe(false);
      expect(second.fence).toBeGreaterThan(first.fence);
      expect(readHeader(second.record)).toMatchObject({ attempt: 1, deaths: 0 });
      expect(readRequest(second.record)).toMatchObject({ task: "q.task", params: { x: 1 } });
      expect(await lab().retry(second)).toBe("accepted");
      expect(readHeader((await lab().claimOne()).record)?.attempt).toBe(2);
    });

    rule("without a delay it can be claimed at once", async () => {
      await lab().submit("a");
      await lab().retry(await lab().claimOne());
      expect(ids(await lab().claim())).toEqual(["a"]);
    });

    rule.timed("once due it waits as queued", async () => {
      await lab().submitAll([submission("a"), submission("b"), submission("c")]);
      await lab().retry(await lab().claimOne(), 1_000);
      await lab().advance(1_001);
      expect((await lab().claimOne()).id).toBe("b");
      expect(await lab().state("a")).toBe("queued");
    });
  });

  group("release", () => {
    rule("calls go back to the head of their queue in their order, and no attempt is counted", async () => {
      await lab().submitAll(["a", "b", "c", "d"].map((id) => submission(id)));
      const claimed = await lab().claim({ limit: 3 });
      const reports = claimed.map(({ id, fence }) => ({ id, fence, kind: "release" as const }));
      expect(await lab().broker.finish(queue, reports)).toEqual(["accepted", "accepted", "accepted"]);
      expect(await lab().state("a")).toBe("queued");
      const again = await lab().claim();
      expect(ids(again)).toEqual(["a", "b", "c", "d"]);
      expect(readHeader(again[0]!.record)).toMatchObject({ attempt: 0, deaths: 0 });
      expect(again.some(({ suspect }) => suspect)).toBe(false);
    });

    rule.timed("a suspect that is given back stays a suspect", async () => {
      await lab().submit("a");
      await lab().dieWith();
      await lab().report(await lab().claimOne({ suspect: true }), { kind: "release" });
      expect(await lab().claim({ suspect: false })).toEqual([]);
      expect((await lab().claimOne({ suspect: true })).suspect).toBe(true);
    });
  });

  group("aside", () => {
    const lists = (...tasks: string[]) => [{ name: queue, tasks }];

    rule("a call put aside waits for a worker that lists its task", async () => {
      await lab().submitAll([submission("a", { task: "q.rare" }), submission("b")]);
      const a = await lab().claimOne({ queues: lists("q.task") });
      expect(await lab().report(a, { kind: "aside", task: "q.rare" })).toBe("accepted");
      expect(await lab().state("a")).toBe("queued");
      expect(ids(await lab().claim({ queues: lists("q.task", "q.rar", "rare") }))).toEqual(["b"]);
      const again = await lab().claimOne({ queues: lists("q.task", "q.rare") });
      expect(again.id).toBe("a");
      expect(readHeader(again.record)).toMatchObject({ attempt: 0, deaths: 0 });
      expect(await lab().finish(again)).toBe("accepted");
    });

    rule("a waiting worker that lists the task is woken", async () => {
      await lab().submit("a", { task: "q.rare" });
      const a = await lab().claimOne({ queues: lists("q.task") });
      const claim = lab().claim({ queues: lists("q.rare"), waitMs: 60_000 });
      await lab().settled();
      await lab().report(a, { kind: "aside", task: "q.rare" });
      expect(ids(await claim)).toEqual(["a"]);
    });

    rule.timed("it can be canceled, revoked and expire like any call that waits", async () => {
      const header = { awaited: true, deadline: 5_000 };
      await lab().submitAll(["a", "b", "c"].map((id) => submission(id, { task: "q.rare", header })));
      for (const call of await lab().claim({ queues: lists("q.task") }))
        await lab().report(call, { kind: "aside", task: "q.rare" });
      expect((await lab().broker.cancel(queue, "a"))?.state).toBe("canceled");
      expect(await lab().broker.revoke(queue, "b", "nonce")).toBe(true);
      await lab().advance(5_001);
      expect(await lab().claim({ queues: lists("q.rare") })).toEqual([]);
      expect(await lab().state("c")).toBe("expired");
    });
  });

  group("park", () => {
    rule("the call ends as parked, with the reason as its record", async () => {
      await lab().submit("a", { to: "caller" });
      const inbox = await lab().client("caller");
      const claimed = await lab().claimOne();
      const record = writeReply(newHeader({ state: "parked", fence: claimed.fence }), {
        error: { code: "internal", message: "unreadable" },
      });
      expect(await lab().report(claimed, { kind: "park", record, ttlMs: 60_000 })).toBe("accepted");
      const call = (await lab().read("a"))!;
      expect(call.state).toBe("parked");
      expect(readReply(call.record)).toMatchObject({ error: { message: "unreadable" } });
      expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
      expect(await lab().claim({ suspect: true })).toEqual([]);
    });

    rule.timed("it is kept at least until its deadline, until when it may be submitted again", async () => {
      await lab().submit("a", { header: { deadline: 60_000 } });
      const claimed = await lab().claimOne();
      const record = reply(1, { state: "parked", fence: claimed.fence });
      await lab().report(claimed, { kind: "park", record, ttlMs: 1_000 });
      await lab().advance(30_000);
      expect(await lab().state("a")).toBe("parked");
      await lab().advance(30_001);
      expect(await lab().state("a")).toBe("gone");
    });
  });

  group("progress", () => {
    rule("the last one is kept until the call ends, and told to whoever waits", async () => {
      await lab().submit("a", { to: "caller" });
      const inbox = await lab().client("caller");
      const claimed = await lab().claimOne();
      for (const current of [1, 2]) await lab().report(claimed, { kind: "progress", value: encode({ current }) });
      const running = (await lab().read("a"))!;
      expect(running.state).toBe("running");
      expect(decode(running.progress!)).toEqual({ current: 2 });
      await lab().finish(claimed);
      const notices = await inbox.heard(3);
      expect(notices.map((notice) => (notice.kind === "progress" ? decode(notice.value) : notice.kind))).toEqual([
        { current: 1 },
        { current: 2 },
        "ended",
      ]);
      expect((await lab().read("a"))?.progress).toBeUndefined();
    });

    rule("it survives a retry", async () => {
      await lab().submit("a");
      const claimed = await lab().claimOne();
      await lab().report(claimed, { kind: "progress", value: encode(7) });
      await lab().retry(claimed, 1_000);
      expect(decode((await lab().read("a"))!.progress!)).toBe(7);
    });
  });
}
