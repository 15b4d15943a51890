import type { CallState } from "../../state.ts";
import { decode, encode } from "../../codec.ts";
import { keptRequest, nextGeneration, readReply, readRequest, writeReply } from "../../envelope.ts";
import { newHeader, readHeader } from "../../header.ts";
import type { Operator } from "../../operator.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { type Claimed, ids, queue, submission } from "./lab.ts";

/** What those who look after queues do: with parked calls, and with finished ones whose request was kept. */
export function operatorRules({ group, lab, rule }: Chapter): void {
  const operator = (): Operator => lab().broker.operator!;

  /** Parks calls as a worker does that can't read them; one after the other. */
  const park = async (...names: readonly string[]): Promise<void> => {
    for (const id of names) {
      await lab().submit(id);
      const claimed = await lab().claimOne();
      const record = writeReply(
        newHeader({ state: "parked", fence: claimed.fence }),
        { error: { code: "internal", message: `can't read ${id}` } },
        claimed.record,
      );
      await lab().report(claimed, { kind: "park", record, ttlMs: 7 * 86_400_000 });
    }
  };

  /** A request as it is to be run again. */
  const nextOf = async (id: string): Promise<Uint8Array> => {
    const { record } = (await operator().inspect(queue, id))!;
    return nextGeneration(keptRequest(record)!, readHeader(record)!)!;
  };

  /** Finishes a call as a worker does, who copies its header, and its request if that is to be kept. */
  const finish = async (claimed: Claimed, value: unknown): Promise<void> => {
    const given = readHeader(claimed.record)!;
    const header = { ...given, state: "succeeded", attempt: 1, fence: claimed.fence } as const;
    const record = writeReply(header, { value }, given.keepRequest ? claimed.record : undefined);
    await lab().report(claimed, { kind: "finish", record, ttlMs: 60_000 });
  };

  const finishKept = async (id: string): Promise<void> => {
    await lab().submit(id, { header: { keepRequest: true } });
    await finish(await lab().claimOne(), "done");
  };

  group("parked", () => {
    rule.timed("calls are listed with their records, those parked last first", async () => {
      expect(await operator().parked(queue, { limit: 10 })).toEqual({ calls: [], next: undefined });
      await park("a");
      await lab().advance(1_000);
      await lab().submit("b", { params: { x: 1 } });
      await lab().dieWith({}, 1);
      const { calls, next } = await operator().parked(queue, { limit: 10 });
      expect(ids(calls)).toEqual(["b", "a"]);
      expect(next).toBeUndefined();
      expect(calls[0]!.parkedAt - calls[1]!.parkedAt).toBeGreaterThan(1_000);
      expect(readRequest(keptRequest(calls[0]!.record)!)).toMatchObject({ task: "q.task", params: { x: 1 } });
      expect(readReply(calls[0]!.record)).toMatchObject({ error: { code: "worker_lost" } });
      expect(readRequest(keptRequest(calls[1]!.record)!)).toMatchObject({ params: { id: "a" } });
      expect(readReply(calls[1]!.record)).toMatchObject({ error: { message: "can't read a" } });
    });

    rule.timed(
      "pages hold each of many once, also of those parked in one step, whatever comes and goes meanwhile",
      async () => {
        const names = Array.from({ length: 320 }, (_, index) => `c${index}`);
        await lab().submitAll(names.map((id) => submission(id)));
        await lab().dieWith({ limit: 1_000 }, 1);
        const seen: string[] = [];
        let after: string | undefined;
        let pages = 0;
        do {
          const page = await operator().parked(queue, { limit: 50, after });
          expect(page.calls.length).toBeLessThanOrEqual(50);
          seen.push(...ids(page.calls));
          after = page.next;
          pages++;
          // The one where this page ended goes, and another comes.
          if (pages === 1) await operator().discard(queue, seen.at(-1)!);
          if (pages === 2) await park("new");
        } while (after !== undefined);
        expect(pages).toBe(7);
        expect([...seen].sort()).toEqual([...names].sort());
        expect(ids((await operator().parked(queue, { limit: 1 })).calls)).toEqual(["new"]);
      },
    );

    rule.timed("a page ends early where records are large, and the next one goes on", async () => {
      const params = { long: "x".repeat(1_000_000) };
      for (let at = 0; at < 7; at++) await lab().submit(`c${at}`, { params });
      for (let at = 0; at < 7; at++) await lab().dieWith({ limit: 1 }, 1);
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await operator().parked(queue, { limit: 100, after });
        seen.push(...ids(page.calls));
        after = page.next;
      } while (after !== undefined);
      expect(seen).toEqual(["c6", "c5", "c4", "c3", "c2", "c1", "c0"]);
    });

    rule.timed("those whose time is over are in it no more", async () => {
      await park("a");
      await lab().advance(6 * 86_400_000);
      await park("b");
      await lab().advance(2 * 86_400_000);
      expect(ids((await operator().parked(queue, { limit: 10 })).calls)).toEqual(["b"]);
      expect(await operator().inspect(queue, "a")).toBeUndefined();
    });

    rule("what is no page's end is refused", async () => {
      for (const after of ["x", "1", "[1]"])
        await expect(operator().parked(queue, { limit: 1, after })).rejects.toMatchObject({ code: "invalid_argument" });
    });
  });

  group("the errors of attempts", () => {
    const failures = async (id: string): Promise<readonly unknown[]> =>
      ((await operator().inspect(queue, id))?.failures ?? []).map((bytes) => decode(bytes));
    const lost = { code: "worker_lost", message: "its worker died", worker: "dying" };

    rule.timed("are kept while the call is open and when it is parked, with who died with it", async () => {
      await lab().submit("a");
      await lab().report(await lab().claimOne(), { kind: "retry", delayMs: 0, failure: encode({ message: "first" }) });
      await lab().dieWith();
      await lab().dieWith({ suspect: true });
      const expected = [{ message: "first" }, { ...lost, attempt: 2 }, { ...lost, attempt: 2 }];
      expect(await failures("a")).toEqual(expected);
      await lab().dieWith({ suspect: true });
      expect((await operator().inspect(queue, "a"))?.state).toBe("parked");
      expect(await failures("a")).toEqual([...expected, { ...lost, attempt: 2 }]);
    });

    rule("are kept of a call that was parked as unreadable at last", async () => {
      await lab().submit("a");
      await lab().retry(await lab().claimOne());
      const claimed = await lab().claimOne();
      const record = writeReply(newHeader({ state: "parked" }), { error: { code: "internal", message: "no" } });
      await lab().report(claimed, { kind: "park", record, ttlMs: 60_000 });
      expect(await failures("a")).toEqual([{ message: "no" }]);
    });

    rule.timed("are not kept of neighbours, who are not charged", async () => {
      await lab().submit("poison");
      await lab().dieWith();
      await lab().submit("neighbour");
      await lab().dieWith({ suspect: true });
      expect(await failures("poison")).toHaveLength(2);
      expect(await failures("neighbour")).toEqual([]);
    });

    rule.timed("go with any other end", async () => {
      const endings: Record<string, (id: string) => Promise<unknown>> = {
        succeeded: async () => lab().finish(await lab().claimOne({ suspect: true })),
        canceled: (id) => lab().broker.cancel(queue, id),
        expired: () => lab().advance(60_000),
      };
      for (const [state, end] of Object.entries(endings)) {
        await lab().submit(state, { header: { awaited: true, deadline: 30_000 } });
        await lab().dieWith();
        expect(await failures(state)).toEqual([{ ...lost, attempt: 1 }]);
        await end(state);
        expect((await operator().inspect(queue, state))?.state).toBe(state);
        expect(await failures(state)).toEqual([]);
      }
    });

    rule("at most the last ten", async () => {
      await lab().submit("a");
      for (let attempt = 1; attempt <= 12; attempt++)
        await lab().report(await lab().claimOne(), { kind: "retry", delayMs: 0, failure: encode(attempt) });
      expect(await failures("a")).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    });
  });

  group("replay", () => {
    rule.timed("a call whose workers died runs again under its id, as a suspect, from its first attempt", async () => {
      await lab().submit("a", { params: { x: 1 }, header: { priority: "high", deadline: 60_000, awaited: true } });
      for (let death = 0; death < 3; death++) await lab().dieWith({ suspect: true });
      expect(await operator().replay(queue, "a", { record: await nextOf("a") })).toEqual({ outcome: "queued" });
      expect(await operator().inspect(queue, "a")).toMatchObject({
        state: "queued",
        failures: [],
        parkedAt: undefined,
      });
      expect((await operator().parked(queue, { limit: 10 })).calls).toEqual([]);
      await lab().advance(8 * 86_400_000);
      expect(await lab().claim()).toEqual([]);
      const claimed = await lab().claimOne({ suspect: true });
      expect(claimed).toMatchObject({ id: "a", suspect: true });
      expect(readRequest(claimed.record)).toMatchObject({ task: "q.task", params: { x: 1 } });
      expect(readHeader(claimed.record)).toMatchObject({
        generation: 1,
        attempt: 0,
        deaths: 0,
        deadline: 0,
        awaited: false,
        priority: "high",
      });
      expect(await lab().finish(claimed, "again")).toBe("accepted");
      expect(readReply((await lab().read("a"))!.record)).toEqual({ value: "again" });
    });

    rule("one that could not be read, and one that has finished, run again in their list", async () => {
      await park("a");
      await finishKept("b");
      for (const id of ["a", "b"]) {
        expect(await operator().replay(queue, id, { record: await nextOf(id) })).toEqual({ outcome: "queued" });
      }
      const claimed = await lab().claim({ suspect: true });
      expect(claimed.map(({ id, suspect }) => [id, suspect])).toEqual([
        ["a", false],
        ["b", false],
      ]);
      for (const { record } of claimed)
        expect(readHeader(record)).toMatchObject({ generation: 1, attempt: 0, fence: 0 });
      expect(readHeader(claimed[1]!.record)?.keepRequest).toBe(true);
    });

    rule.timed("what is replayed does not expire with the record that it replaces", async () => {
      await finishKept("a");
      await operator().replay(queue, "a", { record: await nextOf("a") });
      await lab().advance(30 * 86_400_000);
      expect(ids(await lab().claim())).toEqual(["a"]);
    });

    rule("it wakes a worker that waits, and tells those who wait for it", async () => {
      await park("a");
      const inbox = await lab().client("waiter");
      const waiting = lab().claim({ waitMs: 30_000 });
      await operator().replay(queue, "a", { record: await nextOf("a") });
      await lab().read("a", "waiter");
      const [claimed] = await waiting;
      await lab().finish(claimed!, "again");
      expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
    });

    rule("sent twice, or by two at a time, it is one replay, also after it has ended", async () => {
      await park("a");
      const record = await nextOf("a");
      const replay = () => operator().replay(queue, "a", { record });
      expect(await Promise.all([replay(), replay()])).toEqual([{ outcome: "queued" }, { outcome: "queued" }]);
      const claimed = await lab().claimOne();
      expect(await replay()).toEqual({ outcome: "queued" });
      await finish(claimed, "once");
      expect(await replay()).toEqual({ outcome: "queued" });
      expect(await lab().claim()).toEqual([]);
      expect(readReply((await lab().read("a"))!.record)).toEqual({ value: "once" });
    });

    rule("an open call, one of another generation and one of another fingerprint are left alone", async () => {
      const refused = (state: CallState) => ({ outcome: "refused", state });
      await park("a");
      const first = await nextOf("a");
      const ahead = nextGeneration(first, readHeader(first)!)!;
      const foreign = nextGeneration(first, { ...newHeader({}), fingerprint: "00000000000000ff" })!;
      for (const record of [ahead, foreign])
        expect(await operator().replay(queue, "a", { record })).toEqual(refused("parked"));
      await operator().replay(queue, "a", { record: first });
      expect(await operator().replay(queue, "a", { record: ahead })).toEqual(refused("queued"));
      await lab().claimOne();
      expect(await operator().replay(queue, "a", { record: ahead })).toEqual(refused("running"));
      expect(await operator().replay(queue, "nobody's", { record: first })).toBeUndefined();
    });

    rule.timed("after the last generation comes the first", async () => {
      await lab().submit("a", { header: { generation: 65_535 } });
      await lab().dieWith({}, 1);
      const record = await nextOf("a");
      expect(readHeader(record)?.generation).toBe(0);
      expect(await operator().replay(queue, "a", { record })).toEqual({ outcome: "queued" });
    });

    rule("who had received its end before does not make it forgotten", async () => {
      await park("a");
      await operator().replay(queue, "a", { record: await nextOf("a") });
      await finish(await lab().claimOne(), "again");
      await park("b");
      await lab().submitAll([], ["a", "b"]);
      expect(await lab().state("a")).toBe("succeeded");
      expect(await lab().state("b")).toBe("parked");
    });
  });

  group("replay with a lease", () => {
    const lease = { worker: "here", leaseMs: 10_000 };

    rule("gives the call to its worker at once, once, and to nobody else", async () => {
      await park("a");
      const record = await nextOf("a");
      const given = await operator().replay(queue, "a", { record, lease });
      expect(given).toMatchObject({ outcome: "leased", suspect: false });
      expect(await lab().claim({ suspect: true })).toEqual([]);
      expect(await lab().state("a")).toBe("running");
      const again = await operator().replay(queue, "a", { record, lease });
      expect(again).toMatchObject({ outcome: "leased", fence: (given as { fence: number }).fence });
      const other = await operator().replay(queue, "a", { record, lease: { ...lease, worker: "there" } });
      expect(other).toEqual({ outcome: "refused", state: "running" });
      expect(await lab().finish({ id: "a", fence: (given as { fence: number }).fence })).toBe("accepted");
    });

    rule.timed("its fence is larger than any before, and a beat keeps it", async () => {
      await park("a", "b");
      const [a, b] = [
        await operator().replay(queue, "a", { record: await nextOf("a"), lease }),
        await operator().replay(queue, "b", { record: await nextOf("b"), lease }),
      ] as unknown as readonly [{ fence: number }, { fence: number }];
      expect(b.fence).toBeGreaterThan(a.fence);
      for (let beat = 0; beat < 3; beat++) {
        await lab().advance(8_000);
        const beaten = await lab().beat({ worker: "here", fences: [a.fence, b.fence], presenceMs: 0 });
        expect(beaten.lost).toEqual([]);
        expect(await lab().reap()).toBe(0);
      }
      expect(await lab().state("b")).toBe("running");
      await lab().submit("c");
      expect((await lab().claimOne()).fence).toBeGreaterThan(b.fence);
    });

    rule.timed("if its worker dies, it is taken back as any other", async () => {
      await lab().submit("a");
      await lab().dieWith({}, 1);
      const given = await operator().replay(queue, "a", { record: await nextOf("a"), lease });
      expect(given).toMatchObject({ outcome: "leased", suspect: true });
      await lab().advance(10_001);
      expect(await lab().reap()).toBe(1);
      const claimed = await lab().claimOne({ suspect: true });
      expect(readHeader(claimed.record)).toMatchObject({ generation: 1, deaths: 1 });
      const { failures } = (await operator().inspect(queue, "a"))!;
      expect(decode(failures[0]!)).toMatchObject({ code: "worker_lost", worker: "here", attempt: 1 });
    });
  });

  group("discard", () => {
    rule("forgets a parked call: its id may be used again", async () => {
      await park("a");
      expect(await operator().discard(queue, "a")).toBe("parked");
      expect(await lab().state("a")).toBe("gone");
      expect((await operator().parked(queue, { limit: 10 })).calls).toEqual([]);
      expect(await operator().discard(queue, "a")).toBeUndefined();
      await lab().submit("a");
      expect(ids(await lab().claim())).toEqual(["a"]);
    });

    rule("leaves any other alone, and says what it is", async () => {
      await finishKept("succeeded");
      await lab().submitAll([submission("running"), submission("delayed", { delayMs: 60_000 })]);
      await lab().claimOne();
      for (const state of ["succeeded", "running", "delayed"]) {
        expect(await operator().discard(queue, state)).toBe(state);
        expect(await lab().state(state)).toBe(state);
      }
      expect(await operator().discard(queue, "nobody's")).toBeUndefined();
    });
  });

  group("drop", () => {
    rule.timed("leaves a queue alone in which a call waits, runs or is delayed", async () => {
      await lab().submit("a");
      expect(await operator().drop(queue)).toBe(false);
      const claimed = await lab().claimOne();
      expect(await operator().drop(queue)).toBe(false);
      await lab().retry(claimed, 60_000);
      expect(await operator().drop(queue)).toBe(false);
      expect(await lab().state("a")).toBe("retrying");
      await lab().advance(60_000);
      await lab().report(await lab().claimOne(), { kind: "aside", task: "q.other" });
      expect(await operator().drop(queue)).toBe(false);
      expect(await lab().state("a")).toBe("queued");
    });

    rule("deletes what is left of one, but not what can still be read", async () => {
      await lab().submit("a");
      await lab().submit("b");
      await lab().finish(await lab().claimOne());
      await lab().broker.cancel(queue, "b");
      await lab().claim({ waitMs: 0 });
      expect(await operator().drop(queue)).toBe(true);
      expect((await lab().keys()).filter((key) => !key.startsWith("result:"))).toEqual([]);
      expect([await lab().state("a"), await lab().state("b")]).toEqual(["succeeded", "canceled"]);
      expect(await operator().drop(queue)).toBe(true);
      await lab().submit("c");
      expect(ids(await lab().claim())).toEqual(["c"]);
    });

    rule("keeps parked calls, to be listed and replayed", async () => {
      await park("a");
      const { fence } = readHeader((await operator().inspect(queue, "a"))!.record)!;
      expect(fence).toBeGreaterThan(0);
      expect(await operator().drop(queue)).toBe(true);
      expect(ids((await operator().parked(queue, { limit: 10 })).calls)).toEqual(["a"]);
      const record = await nextOf("a");
      const replayed = await operator().replay(queue, "a", { record, lease: { worker: "here", leaseMs: 60_000 } });
      expect(replayed).toMatchObject({ outcome: "leased" });
      expect(replayed?.outcome === "leased" && replayed.fence > fence).toBe(true);
    });
  });
}
