import { readReply, readRequest } from "../../envelope.ts";
import { readHeader } from "../../header.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, reply, submission } from "./lab.ts";

/** Storing calls. */
export function submitRules({ lab, rule }: Chapter): void {
  rule("a call is accepted, waits as queued, and keeps what it asks", async () => {
    expect(await lab().submit("a", { params: { x: 1 } })).toEqual({ outcome: "accepted" });
    const call = (await lab().read("a"))!;
    expect(call.state).toBe("queued");
    expect(call.progress).toBeUndefined();
    expect(readRequest(call.record)).toMatchObject({ task: "q.task", params: { x: 1 } });
  });

  rule("a batch is claimed in the order in which it was given", async () => {
    const names = Array.from({ length: 50 }, (_, index) => `call ${index}`);
    await lab().submitAll(names.map((id) => submission(id)));
    expect(ids(await lab().claim())).toEqual(names);
  });

  rule("the same call sent again is accepted and stays one", async () => {
    await lab().submit("a");
    expect(await lab().submit("a")).toEqual({ outcome: "accepted" });
    expect(ids(await lab().claim())).toEqual(["a"]);
    expect(await lab().submit("a")).toEqual({ outcome: "accepted" });
    expect(await lab().claim()).toEqual([]);
  });

  rule("the same call twice in one batch is one", async () => {
    expect(await lab().submitAll([submission("a"), submission("a")])).toEqual([
      { outcome: "accepted" },
      { outcome: "accepted" },
    ]);
    expect(ids(await lab().claim())).toEqual(["a"]);
  });

  rule("an id that belongs to another call is a conflict, and leaves that one alone", async () => {
    const mine = { header: { fingerprint: "00000000000000aa" }, params: "mine" };
    const other = { header: { fingerprint: "00000000000000bb" }, params: "other" };
    await lab().submit("a", mine);
    const answers = await lab().submitAll([submission("b"), submission("a", other), submission("c")]);
    expect(answers.map(({ outcome }) => outcome)).toEqual(["accepted", "conflict", "accepted"]);
    const claimed = await lab().claim();
    expect(ids(claimed)).toEqual(["a", "b", "c"]);
    expect(readRequest(claimed[0]!.record).params).toBe("mine");
    expect((await lab().submit("a", mine)).outcome).toBe("accepted");
  });

  rule(
    "a call that is sent late has what is left of its time, and one whose deadline is past is not stored",
    async () => {
      const at = (lateMs: number) => ({ madeAt: performance.now() - lateMs });
      const timed = (id: string, deadline: number) => submission(id, { header: { awaited: true, deadline } });
      const answers = await lab().submitAll([
        { ...timed("left", 60_000), ...at(40_000) },
        { ...timed("past", 30_000), ...at(30_000) },
        { ...submission("held", { delayMs: 60_000 }), ...at(70_000) },
        { ...submission("unbound"), ...at(1_000_000) },
      ]);
      expect(answers.map(({ outcome }) => outcome)).toEqual(["accepted", "late", "accepted", "accepted"]);
      expect(await lab().read("past")).toBeUndefined();
      const claimed = await lab().claim();
      expect(ids(claimed).toSorted()).toEqual(["held", "left", "unbound"]);
      const { record, now } = claimed.find(({ id }) => id === "left")!;
      const leftMs = readHeader(record)!.deadline - now;
      expect(leftMs > 10_000 && leftMs <= 20_000).toBe(true);
    },
  );

  rule("a full queue takes no new call, but knows those it has", async () => {
    await lab().submit("delayed", { delayMs: 60_000 });
    const low = { priority: "low" as const };
    const answers = await lab().submitAll([submission("a"), submission("b", { header: low }), submission("c")], [], 3);
    expect(answers.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted", "full"]);
    expect(await lab().read("c")).toBeUndefined();
    const again = await lab().submitAll([submission("a"), submission("c"), submission("delayed")], [], 3);
    expect(again.map(({ outcome }) => outcome)).toEqual(["accepted", "full", "accepted"]);
    expect(ids(await lab().claim())).toEqual(["a", "b"]);
    expect(await lab().submitAll([submission("c"), submission("d")], [], 2)).toMatchObject([
      { outcome: "accepted" },
      { outcome: "full" },
    ]);
  });

  rule("a call that has ended answers its submit with its record, and does not run again", async () => {
    const shape = { header: { fingerprint: "00000000000000aa" } };
    await lab().submit("a", shape);
    const claimed = await lab().claimOne();
    await lab().report(claimed, {
      kind: "finish",
      record: reply(42, { fence: claimed.fence, fingerprint: "00000000000000aa" }),
      ttlMs: 60_000,
    });
    const again = await lab().submit("a", shape);
    expect(again.outcome).toBe("accepted");
    expect(readReply(again.ended!)).toEqual({ value: 42 });
    expect(await lab().claim()).toEqual([]);
    expect((await lab().submit("a", { header: { fingerprint: "00000000000000bb" } })).outcome).toBe("conflict");
  });

  rule("a deadline given as a duration becomes a time by the broker's clock", async () => {
    await lab().submit("a", { header: { deadline: 5_000 } });
    await lab().submit("b");
    const [a, b] = await lab().claim();
    const left = readHeader(a!.record)!.deadline - a!.now;
    // The broker's time may go on between the two steps, and the claim may tell it in whole milliseconds.
    expect(left).toBeLessThan(5_001);
    expect(left).toBeGreaterThan(0);
    expect(readHeader(b!.record)!.deadline).toBe(0);
  });

  rule("what was asked with the call stays in its header", async () => {
    const header = {
      awaited: true,
      keepRequest: true,
      priority: "low",
      deadline: 60_000,
      generation: 7,
      fingerprint: "0123456789abcdef",
    } as const;
    await lab().submit("a", { header });
    const claimed = await lab().claimOne();
    expect(readHeader(claimed.record)).toMatchObject({
      ...header,
      deadline: expect.any(Number),
      attempt: 0,
      deaths: 0,
    });
  });

  rule("an acknowledged id is forgotten if it has ended, and else is left alone", async () => {
    await lab().submitAll([submission("ended"), submission("queued"), submission("later", { delayMs: 1_000 })]);
    await lab().finish(await lab().claimOne());
    await lab().submitAll([], ["ended", "queued", "later", "unknown"]);
    expect(await lab().state("ended")).toBe("gone");
    expect(await lab().state("queued")).toBe("queued");
    expect(await lab().state("later")).toBe("delayed");
    const running = await lab().claimOne();
    await lab().submitAll([], ["queued"]);
    expect(await lab().finish(running)).toBe("accepted");
  });

  rule.timed("an acknowledged call that is parked stays, for whoever looks after it", async () => {
    await lab().submit("a");
    await lab().dieWith({}, 1);
    await lab().submitAll([], ["a"]);
    expect(await lab().state("a")).toBe("parked");
  });

  rule("an acknowledged id can be used again in the same batch, for another call", async () => {
    await lab().submit("a");
    await lab().finish(await lab().claimOne());
    expect(await lab().submitAll([submission("a")], ["a"])).toEqual([{ outcome: "accepted" }]);
    expect(ids(await lab().claim())).toEqual(["a"]);
  });

  rule("an id used again is one call, also where its canceled forerunner still stood in the list", async () => {
    await lab().submit("a");
    await lab().broker.cancel(queue, "a");
    await lab().submitAll([submission("b"), submission("a")], ["a"]);
    expect([...ids(await lab().claim())].sort()).toEqual(["a", "b"]);
    expect(await lab().claim()).toEqual([]);
  });

  rule("queues do not know each other's ids", async () => {
    await lab().submit("a", { params: "first" });
    await lab().broker.submit("other", { calls: [submission("a", { params: "second" })], acknowledged: [] });
    const [batch] = await lab().batches({ queues: [{ name: "other", tasks: ["q.task"] }] });
    expect(batch?.queue).toBe("other");
    expect(readRequest(batch!.calls[0]!.record).params).toBe("second");
    expect(await lab().state("a")).toBe("queued");
    expect((await lab().broker.read("nowhere", ["a"]))[0]).toBeUndefined();
  });

  rule("a thousand calls in a batch, and ids of many kinds, are stored", async () => {
    const odd = ["with blanks", "Ünïcödé", "a:b{c}d", "x".repeat(200), "__proto__", "constructor"];
    const names = [...odd, ...Array.from({ length: 994 }, (_, index) => `n${index}`)];
    await lab().submitAll(names.map((id) => submission(id)));
    expect(ids(await lab().claim({ limit: 1_000 }))).toEqual(names);
    const found = await lab().broker.read(queue, names);
    expect(found.every((call) => call?.state === "running")).toBe(true);
  });

  rule("a caller is asked and told before its call is sent, and what it no longer wants is not", async () => {
    const said: string[] = [];
    const caller = (id: string, wanted: boolean) => ({
      wanted: () => wanted,
      sent: () => said.push(id),
    });
    await lab().submitAll([
      { ...submission("a"), caller: caller("a", true) },
      { ...submission("b"), caller: caller("b", false) },
      { ...submission("c"), caller: caller("c", true) },
    ]);
    expect(said).toEqual(["a", "c"]);
    expect(ids(await lab().claim())).toEqual(["a", "c"]);
    expect(await lab().state("b")).toBe("gone");
  });

  rule("a large record arrives as it was sent", async () => {
    const bytes = Buffer.alloc(1_000_000, "seven");
    await lab().submit("a", { params: { bytes } });
    const params = readRequest((await lab().claimOne()).record).params as { bytes: Uint8Array };
    expect(bytes.equals(params.bytes)).toBe(true);
  });
}
