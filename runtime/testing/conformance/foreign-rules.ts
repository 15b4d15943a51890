import { encode } from "../../codec.ts";
import { keptRequest, readReply, readRequest, writeReply } from "../../envelope.ts";
import { headerOffset, newHeader, readHeader } from "../../header.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, submission } from "./lab.ts";

/** Records that our client did not write. */
export function foreignRules({ lab, rule }: Chapter): void {
  const put = (id: string, record: Uint8Array) =>
    lab().broker.submit(queue, { calls: [{ id, record, priority: "normal", delayMs: 0 }], acknowledged: [] });

  rule("a record without a header is a first attempt, and its reply can be read", async () => {
    const record = encode({ to: "caller", task: "q.task", params: { a: 1 } });
    const inbox = await lab().client("caller");
    await put("a", record);
    expect(await lab().state("a")).toBe("queued");
    const claimed = await lab().claimOne();
    expect(readRequest(claimed.record)).toMatchObject({ to: "caller", task: "q.task", params: { a: 1 } });
    expect(readHeader(claimed.record)?.attempt ?? 0).toBe(0);
    expect(await lab().state("a")).toBe("running");
    expect(
      await lab().report(claimed, {
        kind: "finish",
        record: writeReply(newHeader({ state: "succeeded" }), { value: 5 }),
        ttlMs: 60_000,
      }),
    ).toBe("accepted");
    expect(readReply((await lab().read("a"))!.record)).toEqual({ value: 5 });
    expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
  });

  rule("a record without a header can be given back, put aside and repeated, and stays what it was", async () => {
    await put("a", encode({ task: "q.task", params: [1, 2] }));
    await lab().report(await lab().claimOne(), { kind: "release" });
    await lab().report(await lab().claimOne(), { kind: "aside", task: "q.task" });
    await lab().retry(await lab().claimOne());
    const claimed = await lab().claimOne();
    expect(readRequest(claimed.record)).toMatchObject({ task: "q.task", params: [1, 2] });
    expect(await lab().finish(claimed)).toBe("accepted");
  });

  const strange: readonly (readonly [string, Uint8Array])[] = [
    ["no bytes", Buffer.alloc(0)],
    ["one byte", Buffer.from([0x80])],
    ["text", Buffer.from("hello, is this a queue?")],
    ["the begin of a header", Buffer.concat([Buffer.from([0x82, 0xa1, 0x68, 0xc4, 40]), Buffer.alloc(10)])],
    ["a header in a state that does not exist", mangled(1, 200)],
    ["a header in a state that has ended", mangled(1, 4)],
  ];
  for (const [what, record] of strange) {
    rule(`${what} as a record is claimed, parked with its reason, and harms no neighbour`, async () => {
      await put("before", submission("before").record);
      await put("foreign", record);
      await put("after", submission("after").record);
      const claimed = await lab().claim();
      expect(claimed.map(({ id }) => id)).toEqual(["before", "foreign", "after"]);
      const reason = writeReply(newHeader({ state: "parked" }), {
        error: { code: "invalid_argument", message: "no record" },
      });
      expect(await lab().report(claimed[1]!, { kind: "park", record: reason, ttlMs: 60_000 })).toBe("accepted");
      const call = (await lab().read("foreign"))!;
      expect(call.state).toBe("parked");
      expect(readReply(call.record)).toMatchObject({ error: { message: "no record" } });
      for (const id of [0, 2]) expect(await lab().finish(claimed[id]!)).toBe("accepted");
    });
  }

  for (const number of [Number.NaN, Infinity, -Infinity]) {
    rule(`a deadline of ${number} is carried to its worker, who parks it, and harms no neighbour`, async () => {
      const record = Buffer.from(submission("odd", { header: { awaited: true } }).record);
      record.writeDoubleBE(number, headerOffset + 16);
      await put("odd", record);
      await put("after", submission("after").record);
      const claimed = await lab().claim();
      const odd = claimed.find(({ id }) => id === "odd");
      if (odd !== undefined) {
        const reason = writeReply(newHeader({ state: "parked" }), {
          error: { code: "internal", message: "no deadline" },
        });
        expect(await lab().report(odd, { kind: "park", record: reason, ttlMs: 60_000 })).toBe("accepted");
        expect(await lab().state("odd")).toBe("parked");
      }
      expect(await lab().finish(claimed.find(({ id }) => id === "after")!)).toBe("accepted");
    });
  }

  rule("a record larger than a claim allows is not given, or left to the worker to refuse", async () => {
    await lab().submit("awaited", { header: { awaited: true }, params: "x".repeat(5_000) });
    await lab().submit("submitted", { params: "x".repeat(5_000) });
    await lab().submit("small");
    const claimed = await lab().claim({ maxRecordBytes: 1_000 });
    expect(claimed.some(({ id }) => id === "small")).toBe(true);
    if (claimed.length > 1) return; // It leaves that to the worker.
    expect(await lab().state("awaited")).toBe("failed");
    expect(await lab().state("submitted")).toBe("parked");
    const told = { error: { code: "resource_exhausted" } };
    expect(readReply((await lab().read("awaited"))!.record)).toMatchObject(told);
    const parked = (await lab().read("submitted"))!.record;
    expect(readReply(parked)).toMatchObject(told);
    expect(readRequest(keptRequest(parked)!)).toMatchObject({ task: "q.task" });
    expect(ids(await lab().claim())).toEqual([]);
  });

  rule.timed("the calls that a dead worker held besides foreign bytes are tried again", async () => {
    await put("foreign", Buffer.from("hello, is this a queue?"));
    await put("neighbour", submission("neighbour").record);
    expect(ids(await lab().dieWith())).toEqual(["foreign", "neighbour"]);
    expect(await lab().state("neighbour")).toBe("queued");
  });

  rule.timed("random bytes as records can be read, canceled and claimed without a crash", async () => {
    let seed = 42;
    const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
    for (let count = 0; count < 100; count++) {
      const record = Buffer.from(Array.from({ length: Math.floor(random() * 80) }, () => Math.floor(random() * 256)));
      if (count % 2 === 0)
        submission("x")
          .record.slice(0, 10)
          .forEach((byte, index) => (record[index] = byte));
      await put(`r${count}`, record);
    }
    await lab().broker.read(
      queue,
      Array.from({ length: 100 }, (_, count) => `r${count}`),
      { waiter: "someone" },
    );
    for (let count = 0; count < 100; count += 3) await lab().broker.cancel(queue, `r${count}`);
    await lab().dieWith();
    const claimed = await lab().claim();
    for (const call of claimed) await lab().retry(call);
    await put("sound", submission("sound").record);
    const rest = await lab().claim({ limit: 1_000 });
    expect(rest.some(({ id }) => id === "sound")).toBe(true);
  });

  rule("a record of a newer protocol version is carried as any other, for its worker to judge", async () => {
    const record = Buffer.from(submission("a").record);
    record[headerOffset] = 2;
    await put("a", record);
    const claimed = await lab().claimOne();
    expect(readHeader(claimed.record)?.version).toBe(2);
    expect(await lab().report(claimed, { kind: "aside", task: "@protocol-2" })).toBe("accepted");
    expect(await lab().claim()).toEqual([]);
    const [newer] = await lab().claim({ queues: [{ name: queue, tasks: ["@protocol-2"] }] });
    expect(readHeader(newer!.record)?.version).toBe(2);
    expect(await lab().finish(newer!)).toBe("accepted");
  });

  rule("a reply that says of itself that it has not ended is refused as a fault, and changes nothing", async () => {
    await lab().submit("a");
    const claimed = await lab().claimOne();
    const record = writeReply(newHeader({ state: "running" }), { value: 1 });
    await expect(lab().report(claimed, { kind: "finish", record, ttlMs: 1_000 })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expect(await lab().state("a")).toBe("running");
    expect(await lab().finish(claimed)).toBe("accepted");
  });
}

/** A request with one byte of its header changed. */
function mangled(at: number, byte: number): Buffer {
  const record = Buffer.from(submission("mangled").record);
  record[headerOffset + at] = byte;
  return record;
}
