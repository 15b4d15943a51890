import { expect, onTestFinished, test } from "vitest";
import { connectRedis } from "../../../tests/redis/external.ts";
import { randomNamespace, removeNamespace } from "../../../tests/redis/namespace.ts";
import { startRedis } from "../../../tests/redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../../../tests/redis/suite.ts";
import type { ClaimedBatch, ClaimRequest } from "../../broker.ts";
import { writeRequest } from "../../envelope.ts";
import { newHeader } from "../../header.ts";
import { RedisBroker } from "./broker.ts";

const names = ["q0", "q1", "q2", "q3", "q4"];

/** Connections to one namespace. */
function place(url = sharedRedisUrl()): () => RedisBroker {
  const namespace = randomNamespace();
  onTestFinished(async () => void (await removeNamespace(url, namespace)));
  return () => {
    const broker = new RedisBroker(url, { namespace });
    onTestFinished(() => broker.close());
    return broker;
  };
}

async function submit(broker: RedisBroker, queue: string, count: number, priority: "normal" | "nested" = "normal") {
  const calls = Array.from({ length: count }, (_, index) => {
    const record = writeRequest(newHeader({ priority }), { to: "c", task: "q.task", params: {} });
    return { id: `${queue} ${index}`, record, priority, delayMs: 0 };
  });
  await broker.submit(queue, { calls, acknowledged: [] });
}

function claim(broker: RedisBroker, request: Partial<ClaimRequest> = {}): Promise<readonly ClaimedBatch[]> {
  const queues = names.map((name) => ({ name, tasks: ["q.task"] }));
  const { signal } = new AbortController();
  const all = { worker: "w", queues, limit: 100, waitMs: 10_000, leaseMs: 60_000, suspect: true, signal };
  return broker.claim({ ...all, ...request });
}

/** How many calls of each queue were claimed. */
function counts(batches: readonly ClaimedBatch[]): Readonly<Record<string, number>> {
  return Object.fromEntries(batches.map(({ queue, calls }) => [queue, calls.length]));
}

describeRedis("claims of several queues", () => {
  test.each([false, true])(
    "queues whose bells ring share a claim's limit (of nested calls only: %s)",
    async (nestedOnly) => {
      const open = place();
      const [broker, other] = [open(), open()];
      expect(await claim(broker, { waitMs: 0, nestedOnly })).toEqual([]);
      for (const name of names) await submit(other, name, name === "q1" ? 1 : 50, nestedOnly ? "nested" : "normal");
      expect(counts(await claim(broker, { limit: 22, nestedOnly }))).toEqual({ q0: 5, q1: 1, q2: 4, q3: 4, q4: 4 });
    },
  );

  test("no more bells are taken than can be followed: others hear the rest", async () => {
    const open = place();
    const [broker, other] = [open(), open()];
    for (const one of [broker, other]) expect(await claim(one, { waitMs: 0 })).toEqual([]);
    for (const name of names) await submit(other, name, 1);
    expect(counts(await claim(broker, { limit: 3 }))).toEqual({ q0: 1, q1: 1, q2: 1 });
    const begun = performance.now();
    expect(counts(await claim(other))).toEqual({ q3: 1, q4: 1 });
    // Without a bell it would have waited for a second.
    expect(performance.now() - begun).toBeLessThan(900);
  });

  test("a queue that was empty is heard while another holds calls", async () => {
    const open = place();
    const broker = open();
    expect(await claim(broker, { waitMs: 0 })).toEqual([]);
    await submit(broker, "q0", 900);
    for (let before = 0; before < 100; before++) expect(counts(await claim(broker, { limit: 1 }))).toEqual({ q0: 1 });
    await submit(open(), "q4", 1);
    let claims = 1;
    while (!("q4" in counts(await claim(broker, { limit: 1 })))) claims++;
    expect(claims).toBeLessThan(100);
  });

  test("bells are also heard after the server has forgotten its scripts", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const admin = await connectRedis(server.url);
    onTestFinished(() => admin.disconnect());
    const broker = place(server.url)();
    expect(await claim(broker, { waitMs: 0 })).toEqual([]);
    for (const name of names) await submit(broker, name, 1);
    await admin.script("FLUSH");
    expect(Object.keys(counts(await claim(broker)))).toEqual(names);
  });

  test("what was heard when the claim was called off is claimed all the same", async () => {
    const open = place();
    const [broker, other] = [open(), open()];
    for (let round = 0; round < 20; round++) {
      const giveUp = new AbortController();
      const waits = claim(broker, { signal: giveUp.signal });
      const submits = Promise.all(names.map((name) => submit(other, name, 1)));
      setImmediate(() => giveUp.abort());
      const claimed = Object.keys(counts(await waits));
      await submits;
      const begun = performance.now();
      while (claimed.length < names.length) claimed.push(...Object.keys(counts(await claim(other))));
      expect(claimed.sort()).toEqual(names);
      expect(performance.now() - begun).toBeLessThan(900);
      for (const name of names) await other.cancel(name, `${name} 0`);
      for (const name of names) await other.submit(name, { calls: [], acknowledged: [`${name} 0`] });
    }
  });
});
