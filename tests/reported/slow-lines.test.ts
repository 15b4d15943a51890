import { expect, onTestFinished } from "vitest";
import { writeRequest } from "../../runtime/envelope.ts";
import { newHeader } from "../../runtime/header.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { optionsOf, type RedisSource } from "../../runtime/brokers/redis/source.ts";
import { CallLab } from "../calls/lab.ts";
import { type Passed, Proxy, type Rates } from "../protocol/proxy.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { startSentinel } from "../redis/sentinel.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { type Got, reported } from "./reported.ts";

const kilobyte = 1_000;

/** One side of some calls is behind a slow line, and the other one is not. */
async function behind(
  rates: Rates,
  side: "client" | "worker",
  sourceOf: (proxy: Proxy) => RedisSource = ({ url }) => url,
  url = sharedRedisUrl(),
) {
  const namespace = namespaceUntil(onTestFinished);
  const proxy = await Proxy.to(url, onTestFinished);
  proxy.rate(rates);
  const slow = new CallLab(() => new RedisBroker(sourceOf(proxy), { namespace }));
  const quick = new CallLab(() => new RedisBroker(url, { namespace }));
  return { proxy, client: side === "client" ? slow : quick, worker: side === "worker" ? slow : quick };
}

/** Makes calls at once and has them answered, and looks at what passed meanwhile. */
async function allAnswered(
  got: Got,
  calls: readonly (() => Promise<unknown>)[],
  proxy: Proxy,
  way: "up" | "down",
  payload: number,
): Promise<void> {
  const before = proxy.passed;
  const answers = await Promise.allSettled(calls.map((call) => call()));
  const after: Passed = proxy.passed;
  const answered = answers.filter(({ status }) => status === "fulfilled").length;
  const reconnects = after.connections - before.connections;
  const ratio = (after[way] - before[way]) / payload;
  got(`${answered} of ${calls.length}, ${reconnects} reconnects, ${ratio.toFixed(2)} x the payload`);
  const failed = answers.find(({ status }) => status === "rejected");
  expect(failed).toBeUndefined();
  expect(reconnects).toBe(0);
  expect(ratio).toBeLessThanOrEqual(1.2);
}

function repeated<Value>(count: number, make: (index: number) => Value): readonly Value[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

describeRedis("behind a slow line", () => {
  reported("E1", "a claim of large records ends early, and the rest wait in their order", async (got) => {
    const broker = new RedisBroker(sharedRedisUrl(), { namespace: namespaceUntil(onTestFinished) });
    onTestFinished(() => broker.close());
    const names = repeated(10, (n) => `call-${n}`);
    const params = { text: "x".repeat(200 * kilobyte) };
    const record = writeRequest(newHeader({}), { task: "q.task", params });
    const calls = names.map((id) => ({ id, record, priority: "normal" as const, delayMs: 0 }));
    await broker.submit("q", { calls, acknowledged: [] });
    const claims: (readonly string[])[] = [];
    const { signal } = new AbortController();
    const asked = { worker: "w", queues: [{ name: "q", tasks: ["q.task"] }], limit: 10, waitMs: 0, leaseMs: 60_000 };
    while (claims.flat().length < names.length) {
      const batches = await broker.claim({ ...asked, suspect: false, signal });
      claims.push(batches.flatMap(({ calls: claimed }) => claimed.map(({ id }) => id)));
    }
    got(claims.map(({ length }) => length).join(", "));
    expect(claims.flat()).toEqual(names);
    expect(Math.max(...claims.map(({ length }) => length))).toBeLessThanOrEqual(3);
  });

  reported(
    "E1",
    "40 of 40 calls of 100 KB over an uplink of 400 KB/s",
    async (got) => {
      const { proxy, client, worker } = await behind({ up: 400 * kilobyte }, "client");
      await worker.worker();
      const tasks = client.client().with({ timeoutMs: 60_000 });
      await tasks.addition(1, 2);
      const text = "x".repeat(100 * kilobyte);
      const calls = repeated(40, (n) => async () => expect(await tasks.anything(`${n}${text}`)).toBe(`${n}${text}`));
      await allAnswered(got, calls, proxy, "up", 40 * text.length);
    },
    90_000,
  );

  reported(
    "E1",
    "15 of 15 results of 100 KB from a worker with an uplink of 200 KB/s",
    async (got) => {
      const { proxy, client, worker } = await behind({ up: 200 * kilobyte }, "worker");
      await worker.worker();
      const tasks = client.client().with({ timeoutMs: 60_000 });
      await tasks.addition(1, 2);
      const calls = repeated(15, () => () => tasks.long(100 * kilobyte));
      await allAnswered(got, calls, proxy, "up", 15 * 100 * kilobyte);
    },
    90_000,
  );

  reported(
    "E1",
    "8 of 8 requests of 250 KB reach a worker with a downlink of 300 KB/s",
    async (got) => {
      const { proxy, client, worker } = await behind({ down: 300 * kilobyte }, "worker");
      await worker.worker({ leaseMs: 3_000 });
      const tasks = client.client().with({ timeoutMs: 60_000 });
      await tasks.addition(1, 2);
      const text = "x".repeat(250 * kilobyte);
      worker.acts["count"] = (_, { length }: string) => length;
      const calls = repeated(8, () => () => tasks.acting("count", text));
      await allAnswered(got, calls, proxy, "down", 8 * text.length);
      expect(worker.ran).toHaveLength(8);
    },
    90_000,
  );

  reported(
    "E1",
    "20 of 20 results of 100 KB reach a caller with a downlink of 250 KB/s, each once",
    async (got) => {
      const { proxy, client, worker } = await behind({ down: 250 * kilobyte }, "client");
      await worker.worker();
      const tasks = client.client().with({ timeoutMs: 60_000 });
      await tasks.addition(1, 2);
      const calls = repeated(20, () => () => tasks.long(100 * kilobyte));
      await allAnswered(got, calls, proxy, "down", 20 * 100 * kilobyte);
    },
    90_000,
  );

  reported(
    "E1",
    "15 of 15 calls of 100 KB over an uplink of 200 KB/s to a server that sentinels know",
    async (got) => {
      const server = await startRedis();
      onTestFinished(() => server.stop());
      const port = await startSentinel(server, "primary", onTestFinished);
      const source = (proxy: Proxy): RedisSource => ({
        sentinels: [{ host: "127.0.0.1", port }],
        name: "primary",
        natMap: { [`127.0.0.1:${server.port}`]: { host: "127.0.0.1", port: optionsOf(proxy.url).port! } },
      });
      const { proxy, client, worker } = await behind({ up: 200 * kilobyte }, "client", source, server.url);
      await worker.worker();
      const tasks = client.client().with({ timeoutMs: 60_000 });
      await tasks.addition(1, 2);
      const text = "x".repeat(100 * kilobyte);
      const calls = repeated(15, (n) => () => tasks.anything(`${n}${text}`));
      await allAnswered(got, calls, proxy, "up", 15 * text.length);
    },
    90_000,
  );
});
