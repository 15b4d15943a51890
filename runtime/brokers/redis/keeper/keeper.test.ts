import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import { connectRedis } from "../../../../tests/redis/external.ts";
import { namespaceUntil } from "../../../../tests/redis/namespace.ts";
import { startRedis } from "../../../../tests/redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../../../../tests/redis/suite.ts";
import type { ClaimedBatch, Keeper } from "../../../broker.ts";
import { decode } from "../../../codec.ts";
import { readReply, writeRequest } from "../../../envelope.ts";
import { type Header, newHeader, readHeader } from "../../../header.ts";
import { LeaseTable, type TableAttempt } from "../../../lease-table.ts";
import type { Logger } from "../../../log.ts";
import { RedisBroker } from "../broker.ts";
import { keeperThread } from "./thread.ts";

const leaseMs = 1_000;
const intervalMs = leaseMs / 3;

/** A worker without an event loop: its keeper sees no beat but those of the test. */
const served = { name: "q", tasks: ["q.task"] };

class Blocked {
  readonly namespace = namespaceUntil(onTestFinished);
  readonly table = new LeaseTable(10);
  readonly lines: string[] = [];
  readonly broker: RedisBroker;
  keeper: Keeper | undefined;
  readonly #url: string;

  constructor(url = sharedRedisUrl()) {
    this.#url = url;
    this.broker = this.connect();
    onTestFinished(() => this.keeper?.stop());
  }

  connect(): RedisBroker {
    const broker = new RedisBroker(this.#url, { namespace: this.namespace });
    onTestFinished(() => broker.close());
    return broker;
  }

  async submit(id: string, header: Partial<Header> = {}): Promise<void> {
    const record = writeRequest(newHeader(header), { to: "c", task: "q.task", params: { a: 1 } });
    await this.broker.submit("q", {
      calls: [{ id, record, priority: "normal", delayMs: 0 }],
      acknowledged: [],
    });
  }

  /** For longer than its keeper will: that has yet to start, which takes a slow machine a second. */
  async claim(claimedMs = 60_000): Promise<ClaimedBatch> {
    const { signal } = new AbortController();
    const queues = [{ name: "q", tasks: ["q.task"] }];
    const [batch] = await this.broker.claim({
      worker: "w",
      queues,
      limit: 10,
      waitMs: 0,
      leaseMs: claimedMs,
      suspect: true,
      signal,
    });
    this.table.hold(0, batch!.fence);
    return batch!;
  }

  begin({ fence }: ClaimedBatch, id: string, more: Partial<TableAttempt> = {}): number {
    const begunAt = performance.now();
    const usual = { queue: 0, number: 1, limitMs: 60_000, limitedByCall: false, ttlMs: 60_000, retryMs: undefined };
    return this.table.begin({ id, fence, begunAt, ...usual, ...more })!;
  }

  async start(): Promise<void> {
    const line = (fields: object, message: string) => void this.lines.push(`${message} ${JSON.stringify(fields)}`);
    const log: Logger = { debug: line, info: line, warn: line, error: line };
    const keepers = await this.broker.keepers();
    if ("missing" in keepers) throw new Error(keepers.missing);
    this.keeper = keepers.start({
      worker: "w",
      table: this.table,
      queues: [served],
      leaseMs,
      presenceMs: 60_000,
      intervalMs,
      log,
    });
  }

  /** Resolves when the keeper has renewed a lease for the first time. */
  async renewed(fence: number): Promise<void> {
    const admin = await adminUntil(this.#url);
    const left = async () => Number(await admin.zscore(`${this.namespace}:{q}:expiry`, String(fence))) - Date.now();
    await expect.poll(left, { interval: 20, timeout: 10_000 }).toBeLessThan(30_000);
  }

  /** How many calls another worker takes back. */
  async reap(): Promise<number> {
    const queues = [{ name: "q", tasks: ["q.task"], fences: [] }];
    const beat = { worker: "other", queues, leaseMs, presenceMs: 1_000, maxDeliveries: 3, reap: true };
    return (await this.broker.renew(beat)).reaped;
  }

  async stateOf(id: string): Promise<string | undefined> {
    return (await this.broker.read("q", [id]))[0]?.state;
  }
}

/** The ids of keepers' connections. */
async function connections(admin: Redis): Promise<readonly string[]> {
  const list = String(await admin.client("LIST"));
  return [...list.matchAll(/id=(\d+) [^\n]*name=taskpact:keeper:/g)].map(([, id]) => id!);
}

async function adminUntil(url = sharedRedisUrl()): Promise<Redis> {
  const admin = await connectRedis(url);
  onTestFinished(() => admin.disconnect());
  return admin;
}

describeRedis("the keeper of a worker whose event loop is blocked", { timeout: 20_000 }, () => {
  test("renews its leases, those of calls that have not begun, too", async () => {
    const worker = new Blocked();
    for (const id of ["a", "b"]) await worker.submit(id);
    const batch = await worker.claim();
    worker.begin(batch, "a");
    await worker.start();
    await worker.renewed(batch.fence);
    const until = performance.now() + 4 * leaseMs;
    while (performance.now() < until) {
      expect(await worker.reap()).toBe(0);
      await sleep(20);
    }
    expect([await worker.stateOf("a"), await worker.stateOf("b")]).toEqual(["running", "running"]);
    const present = await worker.broker.presence("q");
    expect(present.find((presence) => presence.worker === "w")).toMatchObject({ tasks: ["q.task"] });
    await worker.keeper!.stop();
    await expect.poll(() => worker.reap(), { timeout: 5_000 }).toBe(2);
  });

  test("keeps no lease that another worker has by now", async () => {
    const worker = new Blocked();
    await worker.submit("a");
    const batch = await worker.claim(leaseMs);
    await expect.poll(() => worker.reap(), { timeout: 5_000 }).toBe(1);
    worker.begin(batch, "a", { limitMs: 1 });
    await worker.start();
    const admin = await adminUntil();
    const until = performance.now() + 3 * leaseMs;
    while (performance.now() < until) {
      expect(await admin.zcard(`${worker.namespace}:{q}:expiry`)).toBe(0);
      expect(await worker.stateOf("a")).toBe("queued");
      await sleep(20);
    }
  });

  test("answers an attempt whose time is up, as the worker would, and what the worker says then is refused", async () => {
    const worker = new Blocked();
    const inbox: unknown[] = [];
    await worker.connect().subscribe("client:c", (notice) => inbox.push(notice));
    await worker.submit("a", { keepRequest: true });
    await worker.submit("b");
    const batch = await worker.claim();
    const begunAt = performance.now();
    worker.begin(batch, "a", { limitMs: 300, number: 1 });
    worker.begin(batch, "b", { limitMs: 300.4, number: 300, limitedByCall: true });
    await worker.start();
    await expect.poll(() => worker.stateOf("a"), { interval: 5, timeout: 5_000 }).toBe("failed");
    await expect.poll(() => worker.stateOf("b"), { interval: 5, timeout: 5_000 }).toBe("failed");
    const tookMs = performance.now() - begunAt;
    expect(tookMs).toBeGreaterThan(300);
    expect(tookMs).toBeLessThan(1_300);
    const [a, b] = await worker.broker.read("q", ["a", "b"]);
    expect(readHeader(a!.record)).toEqual(
      newHeader({ state: "failed", attempt: 1, fence: batch.fence, keepRequest: true }),
    );
    expect(readReply(a!.record)).toEqual({
      error: { code: "deadline_exceeded", message: "the attempt's time was up after 300 ms", attempt: 1 },
    });
    expect(decode((decode(a!.record) as { request: Uint8Array }).request)).toMatchObject({ task: "q.task" });
    expect(readReply(b!.record)).toEqual({
      error: { code: "deadline_exceeded", message: "the call's time was up after 300 ms", attempt: 300 },
    });
    await expect.poll(() => inbox.length).toBe(2);
    const { record } = a!;
    const late = batch.calls.map(({ id }) => ({
      kind: "finish" as const,
      id,
      fence: batch.fence,
      record,
      ttlMs: 60_000,
    }));
    expect(await worker.broker.finish("q", late)).toEqual(["refused", "refused"]);
    expect(inbox.length).toBe(2);
  });

  test("has an attempt repeated if another is to follow it", async () => {
    const worker = new Blocked();
    await worker.submit("a");
    const batch = await worker.claim();
    worker.begin(batch, "a", { limitMs: 50, retryMs: 60_000 });
    await worker.start();
    await expect.poll(() => worker.stateOf("a"), { timeout: 5_000 }).toBe("retrying");
    const [a] = await worker.broker.read("q", ["a"]);
    expect(readHeader(a!.record)).toMatchObject({ attempt: 1, deaths: 0 });
    const failures = await (await adminUntil()).lrangeBuffer(`${worker.namespace}:{q}:failures:a`, 0, -1);
    expect(failures.map((failure) => decode(failure))).toEqual([
      { code: "deadline_exceeded", message: "the attempt's time was up after 50 ms", attempt: 1 },
    ]);
  });

  test("answers no attempt that has an outcome", async () => {
    const worker = new Blocked();
    for (const id of ["a", "b"]) await worker.submit(id);
    const batch = await worker.claim();
    worker.table.end(worker.begin(batch, "a", { limitMs: 50 }));
    worker.begin(batch, "b", { limitMs: 100 });
    await worker.start();
    await expect.poll(() => worker.stateOf("b"), { timeout: 5_000 }).toBe("failed");
    expect(await worker.stateOf("a")).toBe("running");
  });

  test("lets the other calls go a lease after the last attempt's time", async () => {
    const worker = new Blocked();
    for (const id of ["a", "b"]) await worker.submit(id);
    const batch = await worker.claim();
    worker.begin(batch, "a", { limitMs: 3 * leaseMs });
    const begunAt = performance.now();
    await worker.start();
    await expect.poll(() => worker.reap(), { interval: 20, timeout: 10_000 }).toBe(1);
    expect(performance.now() - begunAt).toBeGreaterThan(4 * leaseMs);
    expect(await worker.stateOf("a")).toBe("failed");
    expect(await worker.stateOf("b")).toBe("queued");
  });

  test("goes on when its connection is cut, and has none while the event loop runs", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const admin = await adminUntil(server.url);
    const worker = new Blocked(server.url);
    await worker.submit("a");
    const batch = await worker.claim();
    worker.begin(batch, "a");
    worker.table.beat();
    await worker.start();
    for (let cut = 0; cut < 3; cut++) {
      const connected = async () => {
        const found = await connections(admin);
        return found.length > 0 ? found : Promise.reject(new Error("no connection"));
      };
      const [id] = await vi.waitFor(connected, { timeout: 10_000 });
      await admin.client("KILL", "ID", id!);
      await sleep(leaseMs);
      expect(await worker.reap()).toBe(0);
    }
    const beats = setInterval(() => worker.table.beat(), 20);
    onTestFinished(() => clearInterval(beats));
    await expect.poll(() => connections(admin)).toEqual([]);
    await expect.poll(() => worker.lines.join()).toContain("blocked the event loop");
    await worker.broker.renew({
      worker: "w",
      leaseMs: 60_000,
      presenceMs: 0,
      maxDeliveries: 3,
      reap: false,
      queues: [{ name: "q", tasks: [], fences: [batch.fence] }],
    });
    await sleep(2 * leaseMs);
    expect(await connections(admin)).toEqual([]);
  });
});

test("a thread that fails is told of once, and costs nothing else", async () => {
  const lines: object[] = [];
  const line = (fields: object) => void lines.push(fields);
  const log: Logger = { debug: line, info: line, warn: line, error: line };
  const keepers = await new RedisBroker("redis://user:hunter2@localhost:1", { namespace: "n" }).keepers();
  if ("missing" in keepers) throw new Error(keepers.missing);
  // It says that it has more rows than there are.
  const table = Object.assign(new LeaseTable(1), { attempts: 1_000 });
  const keeper = keepers.start({ worker: "w", table, queues: [served], leaseMs, presenceMs: 60_000, intervalMs, log });
  await expect.poll(() => lines, { timeout: 5_000 }).toEqual([{ error: "Invalid atomic access index" }]);
  await keeper.stop();
});

test("the thread's program has no function that a bundler would wrap to keep its name", () => {
  const body = keeperThread.toString().replace(/^function \w+/, "");
  expect(body.match(/\bfunction \w+|\bclass\b|\w+ ?[:=] ?(?:async )?(?:\([^()]*\)|\w+) =>/g)).toBeNull();
});

test("options that can't be given to another thread are named, and nothing of them told", async () => {
  const secret = { host: "secret.example", password: "hunter2" };
  const withConnector = { ...secret, Connector: (() => {}) as never };
  expect(await new RedisBroker(withConnector, { namespace: "n" }).keepers()).toEqual({
    missing: `ioredis's option "Connector" can't be given to another thread`,
  });
  const tls = { checkServerIdentity: () => undefined };
  expect(await new RedisBroker(secret, { namespace: "n", tls }).keepers()).toEqual({
    missing: `ioredis's option "tls" can't be given to another thread`,
  });
});

test("a URL's options, ioredis's own and those of an instance can", async () => {
  const instance = new Redis({ lazyConnect: true, retryStrategy: () => 5, tls: { ca: Buffer.from("ca") } });
  const sources = ["redis://user:secret@localhost:1/2", { port: 1, reconnectOnError: () => true }, instance];
  for (const source of sources)
    expect(await new RedisBroker(source, { namespace: "n" }).keepers()).toHaveProperty("start");
});
