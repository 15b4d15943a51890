import { expect, onTestFinished } from "vitest";
import type { Broker, ClaimRequest } from "../../runtime/broker.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { ids, queue, reply, submission } from "../../runtime/testing/conformance/lab.ts";
import { connectRedis } from "../redis/external.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { reported, reportedOnBrokers } from "./reported.ts";

const codeOf = (answer: { readonly ok: boolean; readonly error?: { readonly code: string } }): string =>
  answer.ok ? "ok" : answer.error!.code;

const beatOf = (tasks: readonly string[]) => ({
  worker: "w",
  queues: [{ name: queue, tasks, fences: [] }],
  leaseMs: 10_000,
  presenceMs: 60_000,
  maxDeliveries: 3,
  reap: true,
});

async function claimed(broker: Broker, request: Partial<ClaimRequest> = {}) {
  const { signal } = new AbortController();
  const queues = [{ name: queue, tasks: ["q.task"] }];
  const all = { worker: "w", queues, limit: 1_000, waitMs: 0, leaseMs: 10_000, suspect: false, signal };
  return broker.claim({ ...all, ...request });
}

reportedOnBrokers(
  "A1",
  "after 500 unimplemented calls other tasks are accepted",
  async ({ lab, got }) => {
    const tasks = lab.client({ maxQueueLength: 500 });
    await lab.worker({ implementations: [lab.implementation("partial", ["addition"])] });
    const awaiting = tasks.with({ policy: "remote-only", timeoutMs: 60_000 });
    const broker = lab.broker();
    const handles = await Promise.all(Array.from({ length: 500 }, () => tasks.submit.movable([])));
    await expect.poll(async () => (await broker.operator!.census("lab")).aside, { timeout: 30_000 }).toBe(500);
    // As callers do that find no worker for the task, some of them only after a worker has had the call in its hands.
    const revoked = await Promise.all(handles.map(({ id }) => broker.revoke("lab", id, "nonce")));
    expect(new Set(revoked)).toEqual(new Set([true]));
    const more = await Promise.all(Array.from({ length: 300 }, (_, index) => awaiting.safe.addition(index, 1)));
    got(`${more.filter(({ ok }) => ok).length} of 300 answered`);
    expect(new Set(more.map(codeOf))).toEqual(new Set(["ok"]));
  },
  120_000,
);

reportedOnBrokers(
  "A1",
  "after 300 calls of a paused task that timed out other tasks are accepted",
  async ({ lab, got }) => {
    const tasks = lab.client({ maxQueueLength: 300 }).with({ policy: "remote-only", timeoutMs: 60_000 });
    await lab.worker();
    await tasks.client.pause({ task: "movable" });
    const late = Array.from({ length: 300 }, () => tasks.with({ timeoutMs: 5_000 }).safe.movable([]));
    expect(new Set((await Promise.all(late)).map(codeOf))).toEqual(new Set(["deadline_exceeded"]));
    // By the broker's clock their time is up a little later.
    const accepted = async (): Promise<string> => {
      const code = codeOf(await tasks.safe.addition(1, 2));
      got(code);
      return code;
    };
    await expect.poll(accepted, { timeout: 30_000 }).toBe("ok");
  },
  120_000,
);

reportedOnBrokers(
  "A1",
  "put-aside calls of dead callers end by their deadlines",
  async ({ lab, got }) => {
    const broker = lab.broker();
    const header = { awaited: true, deadline: 300 };
    const calls = Array.from({ length: 1_000 }, (_, index) => submission(`c${index}`, { header, task: "q.rare" }));
    await broker.submit(queue, { calls, acknowledged: [] });
    for (const { fence, calls } of await claimed(broker))
      await broker.finish(
        queue,
        calls.map(({ id }) => ({ kind: "aside", id, fence, task: "q.rare" })),
      );
    const more = { calls: [submission("more")], acknowledged: [], maxLength: 1 };
    await expect
      .poll(
        async () => {
          await broker.renew(beatOf(["q.task"]));
          const [first] = await broker.submit(queue, more);
          got(String(first?.outcome));
          return first?.outcome;
        },
        { timeout: 30_000, interval: 50 },
      )
      .toBe("accepted");
  },
  60_000,
);

describeRedis("what former versions left on Redis", () => {
  reported("A1", "goes with the beats of any worker", async (got) => {
    const namespace = namespaceUntil(onTestFinished);
    const redis = await connectRedis(sharedRedisUrl());
    onTestFinished(() => redis.disconnect());
    const broker = new RedisBroker(sharedRedisUrl(), { namespace });
    onTestFinished(() => broker.close());
    const key = (name: string) => `${namespace}:{${queue}}:${name}`;
    // Ids whose records are gone, open records of callers that have died, and one that still waits; then a task without a list.
    const header = { awaited: true, deadline: 1 };
    const late = Array.from({ length: 300 }, (_, index) => submission(`late${index}`, { header, task: "q.rare" }));
    await broker.submit(queue, { calls: [...late, submission("open", { task: "q.rare" })], acknowledged: [] });
    await redis.del(key("queue"));
    const gone = Array.from({ length: 400 }, (_, index) => `gone${index}`);
    await redis.rpush(key("aside:q.rare"), ...gone.slice(0, 200), ...ids(late), "open", ...gone.slice(200));
    await redis.sadd(key("asides"), "q.rare", "q.empty");
    await expect
      .poll(
        async () => {
          await broker.renew(beatOf(["q.task"]));
          return redis.lrange(key("aside:q.rare"), 0, -1);
        },
        { timeout: 30_000, interval: 50 },
      )
      .toEqual(["open"]);
    const kept = await Promise.all(ids(late).map((id) => redis.pttl(key(`result:${id}`))));
    got(`${kept.filter((ttl) => ttl === -1).length} of 300 records without expiry`);
    expect(kept.filter((ttl) => ttl === -1)).toEqual([]);
    expect(await redis.smembers(key("asides"))).toEqual(["q.rare"]);
    const [batch] = await claimed(broker, { queues: [{ name: queue, tasks: ["q.rare"] }] });
    expect(ids(batch?.calls ?? [])).toEqual(["open"]);
  });

  reported(
    "F3",
    "leftovers of calls that were put aside cost later claims nothing",
    async (got) => {
      const server = await startRedis();
      onTestFinished(() => server.stop());
      const redis = await connectRedis(server.url);
      onTestFinished(() => redis.disconnect());
      const broker = new RedisBroker(server.url, { namespace: "f3" });
      onTestFinished(() => broker.close());
      const key = (name: string) => `f3:{${queue}}:${name}`;
      let made = 0;
      /** What a call costs that is submitted, claimed and answered: commands, those of scripts included. */
      const commandsOf = async (): Promise<number> => {
        const total = async () => {
          const stats = (await redis.info("commandstats")).matchAll(/^cmdstat_(\S+):calls=(\d+)/gm);
          return [...stats].reduce(
            (sum, [, name, calls]) => (/^(info|ping|client)/.test(name!) ? sum : sum + Number(calls)),
            0,
          );
        };
        const before = await total();
        for (let count = 0; count < 20; count++) {
          await broker.submit(queue, { calls: [submission(`c${made++}`)], acknowledged: [] });
          const [batch] = await claimed(broker, { limit: 1 });
          const { fence, calls } = batch!;
          await broker.finish(queue, [
            { kind: "finish", id: calls[0]!.id, fence, record: reply(1, { fence }), ttlMs: 1_000 },
          ]);
        }
        return ((await total()) - before) / 20;
      };
      await commandsOf();
      const clean = await commandsOf();
      await redis.sadd(key("asides"), "q.rare", "q.empty");
      await redis.rpush(key("aside:q.rare"), "gone0", "gone1");
      await broker.renew(beatOf(["q.task"]));
      const leftover = await commandsOf();
      await broker.submit(queue, { calls: [submission("aside", { task: "q.rare" })], acknowledged: [] });
      const [aside] = await claimed(broker);
      await broker.finish(queue, [{ kind: "aside", id: "aside", fence: aside!.fence, task: "q.rare" }]);
      const others = await commandsOf();
      const more = (count: number) => (count - clean).toFixed(1);
      got(`${more(leftover)} more commands a call after leftovers, ${more(others)} beside others' calls`);
      // A fence may take one command more, where the clock stands still.
      expect(leftover - clean).toBeLessThan(1);
      expect(others - clean).toBeLessThan(5);
    },
    60_000,
  );
});
