import { inspect } from "node:util";
import { AbstractConnector, Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  closedPort,
  startRefusing,
  startRude,
  startSilent,
  startVersion,
  startWithoutInfo,
} from "../../../tests/redis/fake-server.ts";
import { type RedisServer, startRedis } from "../../../tests/redis/server.ts";
import { describeRedis } from "../../../tests/redis/suite.ts";
import { writeReply, writeRequest } from "../../envelope.ts";
import { newHeader } from "../../header.ts";
import { TaskError } from "../../errors.ts";
import { RedisBroker } from "./broker.ts";
import { loadDriver } from "./driver.ts";
import type { RedisSource } from "./source.ts";

const patienceMs = 400;
/** How much later than its time an error may come on a busy machine. */
const slackMs = 1_500;

function open(source: RedisSource): RedisBroker {
  const broker = new RedisBroker(source, { namespace: "test", connectTimeoutMs: patienceMs });
  onTestFinished(() => broker.close());
  return broker;
}

async function serve(...config: readonly string[]): Promise<RedisServer> {
  const server = await startRedis({ config });
  onTestFinished(() => server.stop());
  return server;
}

/** Everything that uses a connection of its own kind. */
const uses: Readonly<Record<string, (broker: RedisBroker) => Promise<unknown>>> = {
  submit: (broker) => broker.submit("q", { calls: [call("a")], acknowledged: [] }),
  subscribe: (broker) => broker.subscribe("client:c", () => undefined),
  "a waiting claim": (broker) => claim(broker, 5_000),
};

function call(id: string) {
  const record = writeRequest(newHeader({}), { task: "q.task", params: { secret: "sesame" } });
  return { id, record, priority: "normal" as const, delayMs: 0 };
}

function claim(broker: RedisBroker, waitMs: number, ...more: readonly string[]) {
  const queues = ["q", ...more].map((name) => ({ name, tasks: ["q.task"] }));
  const { signal } = new AbortController();
  return broker.claim({ worker: "w", queues, limit: 10, waitMs, leaseMs: 10_000, suspect: false, signal });
}

async function refusal(act: () => Promise<unknown>): Promise<TaskError> {
  const begun = performance.now();
  const thrown: unknown = await act().then(
    () => "it was not refused",
    (error: unknown) => error,
  );
  if (!(thrown instanceof TaskError)) throw new Error(`no TaskError: ${inspect(thrown)}`);
  expect(performance.now() - begun).toBeLessThan(patienceMs + slackMs);
  const shown = [inspect(thrown, { depth: 10, showHidden: true }), JSON.stringify(thrown), String(thrown.stack)];
  expect(shown.join("\n")).not.toMatch(/sesame|pa55/);
  expect(thrown.cause).toBeUndefined();
  return thrown as TaskError;
}

/** Each use fails so. */
async function allRefused(source: RedisSource, reason: RegExp): Promise<void> {
  for (const use of Object.values(uses)) {
    const error = await refusal(() => use(open(source)));
    expect(error.code).toBe("unavailable");
    expect(error.reason).toMatch(reason);
  }
}

// ioredis warns on the console of some of these, if it is let.
const spies = ["log", "info", "warn", "error"] as const;
beforeEach(() => {
  for (const name of spies) vi.spyOn(console, name).mockImplementation(() => undefined);
});
afterEach(() => {
  for (const name of spies) expect(vi.mocked(console[name])).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

describe("where there is no Redis", () => {
  test("a refused connection", async () => {
    const port = await closedPort();
    await allRefused(
      `redis://ann:pa55@127.0.0.1:${port}`,
      new RegExp(`^can't reach Redis at 127\\.0\\.0\\.1:${port}: connect ECONNREFUSED`),
    );
  });

  test("a host that accepts, and never answers", async () => {
    const { port } = await startSilent();
    await allRefused(`redis://:pa55@127.0.0.1:${port}/3`, /^can't reach Redis at .*: no answer within 400 ms$/);
  });

  test("a host that hangs up", async () => {
    const { port } = await startRude();
    await allRefused(
      { host: "127.0.0.1", port },
      /^can't reach Redis at .*: (Connection is closed|read ECONNRESET|it hung up)/,
    );
  });

  test("a host that refuses at once", async () => {
    const { port } = await startRefusing("ERR max number of clients reached");
    await allRefused({ host: "127.0.0.1", port }, /^can't reach Redis at .*: ERR max number of clients reached$/);
  });

  test("a connector that never answers", async () => {
    class Connector extends AbstractConnector {
      constructor() {
        super(100);
      }
      connect(): Promise<never> {
        return new Promise(() => undefined);
      }
    }
    await allRefused({ Connector }, /^can't reach Redis at .*: no answer within 400 ms$/);
  });

  test("a host that does not exist", async () => {
    await allRefused("redis://nowhere.invalid", /^can't reach Redis at nowhere\.invalid:6379: getaddrinfo/);
  });

  test("a socket that does not exist", async () => {
    await allRefused(
      "redis+unix:///nowhere/redis.sock",
      /^can't reach Redis at \/nowhere\/redis\.sock: connect ENOENT/,
    );
  });

  test("ioredis, which is not installed", async () => {
    const missing = Object.assign(new Error("Cannot find package 'ioredis'"), { code: "ERR_MODULE_NOT_FOUND" });
    const error = await refusal(() => loadDriver(() => Promise.reject(missing)));
    expect(error.reason).toBe("a Redis that ioredis is to find needs that package: npm install ioredis");
    const broken = await refusal(() => loadDriver(() => Promise.reject(new Error("half of it"))));
    expect(broken.reason).toBe("can't load ioredis: half of it");
  });
});

test("a Redis that is too old is named, with what is needed", async () => {
  const { port } = await startVersion("6.2.0");
  await allRefused({ host: "127.0.0.1", port }, /^Redis at .* is version 6\.2\.0; Taskpact needs 7\.0 or later$/);
});

test("a Redis that is too old is named also where it has no INFO", async () => {
  const { port } = await startWithoutInfo("6.2.0");
  await allRefused({ host: "127.0.0.1", port }, /^Redis at .* is version 6\.2\.0; Taskpact needs 7\.0 or later$/);
});

describeRedis("a Redis that refuses", () => {
  test("a wrong password, a missing one, a wrong user", async () => {
    const { port } = await serve("requirepass sesame");
    await allRefused(`redis://:pa55@127.0.0.1:${port}`, /WRONGPASS/);
    await allRefused({ port, password: "pa55" }, /WRONGPASS/);
    await allRefused({ port }, /NOAUTH/);
    await allRefused({ port, db: 1 }, /NOAUTH/);
    await allRefused(`redis://ann:sesame@127.0.0.1:${port}`, /WRONGPASS/);
    await open(`redis://:sesame@127.0.0.1:${port}`).presence("q");
  });

  test("a server that knows no login repeats it, and nobody else does", async () => {
    const { port } = await serve('rename-command AUTH ""');
    await allRefused(`redis://ann:pa55@127.0.0.1:${port}`, /: ERR unknown command 'AUTH'$/);
  });

  test("a password that is not asked for does no harm", async () => {
    const { port } = await serve();
    await open(`redis://:pa55@127.0.0.1:${port}`).presence("q");
    await open({ port, password: "pa55" }).presence("q");
  });

  test("a database that does not exist", async () => {
    const { url, port } = await serve();
    await allRefused(`${url}/99`, /DB index is out of range/);
    await allRefused({ port, db: 99 }, /DB index is out of range/);
  });

  test.each([
    ["submit", "evalsha", /refused a command: NOPERM/],
    ["subscribe", "subscribe", /refused a command: NOPERM/],
    ["a waiting claim", "blpop", /refused a command: NOPERM/],
  ])("a user for whom %s fails, as he may not %s", async (use, command, reason) => {
    const { port } = await serve(`user ann on >sesame ~* &* +@all -${command}`);
    const error = await refusal(() => uses[use]!(open(`redis://ann:sesame@127.0.0.1:${port}`)));
    expect(error.code).toBe("unavailable");
    expect(error.reason).toMatch(reason);
  });

  test("a user who may run a script, and not a command in it, is not told that nothing was done", async () => {
    const { port } = await serve("user ann on >sesame ~* &* +@all -msetnx");
    const error = await refusal(() => uses["submit"]!(open(`redis://ann:sesame@127.0.0.1:${port}`)));
    expect(error.code).toBe("outcome_unknown");
    expect(error.reason).toMatch(/stopped a script halfway.*(can't run|permission)/);
  });

  test("a waiting claim that is refused its wait strands no call", async () => {
    const { port, url } = await serve("user ann on >sesame ~* &* +@all -blpop");
    await open(url).submit("q", { calls: [], acknowledged: [] });
    const broker = open(`redis://ann:sesame@127.0.0.1:${port}`);
    expect(await claim(broker, 0)).toEqual([]);
    const waits = refusal(() => claim(broker, 5_000));
    await open(url).submit("q", { calls: [call("a")], acknowledged: [] });
    await waits;
    expect((await claim(broker, 0)).flatMap(({ calls }) => calls.map(({ id }) => id))).toEqual(["a"]);
  });

  test("a user without the rights to INFO, PING and CLIENT is served all the same", async () => {
    const { port } = await serve("user ann on >sesame ~* &* +@all -info -ping -client");
    const broker = open(`redis://ann:sesame@127.0.0.1:${port}`);
    await broker.subscribe("client:c", () => undefined);
    const waits = claim(broker, 5_000);
    await broker.submit("q", { calls: [call("a")], acknowledged: [] });
    expect((await waits).length).toBe(1);
  });

  test("a server over its memory limit refuses new calls, and lets running ones end", async () => {
    const { url } = await serve("maxmemory-policy noeviction");
    const broker = open(url);
    await broker.submit("q", { calls: [call("a"), call("b")], acknowledged: [] });
    const [batch] = await claim(broker, 0);
    const admin = new Redis(url);
    await admin.config("SET", "maxmemory", "1mb");
    admin.disconnect();
    const error = await refusal(() => broker.submit("q", { calls: [call("c")], acknowledged: [] }));
    expect(error.code).toBe("resource_exhausted");
    const record = writeReply(newHeader({ state: "succeeded" }), { value: 1 });
    const finish = { fence: batch!.fence, kind: "finish" as const, record, ttlMs: 60_000 };
    expect(await broker.finish("q", [{ id: "a", ...finish }])).toEqual(["accepted"]);
    expect((await broker.cancel("q", "b"))?.state).toBe("canceled");
  });

  test("a server in cluster mode is told so", async () => {
    const { url } = await serve("cluster-enabled yes");
    const error = await refusal(() => open(url).presence("q"));
    expect(error.code).toBe("unavailable");
    expect(error.reason).toMatch(/cluster mode|CLUSTERDOWN/);
  });

  test("a read-only replica is told so", async () => {
    const { port } = await serve();
    const replica = await serve(`replicaof 127.0.0.1 ${port}`);
    await allRefused(replica.url, /^Redis at \S+ is a read-only replica of 127\.0\.0\.1; Taskpact needs the primary$/);
  });

  test("a primary that becomes a replica is left: its address may lead to another by then", async () => {
    const [first, second] = [await serve(), await serve()];
    const admin = new Redis(first.url);
    onTestFinished(() => admin.disconnect());
    const connections = async () => String(await admin.client("LIST")).match(/^id=\d+(?=.* name=taskpact:)/gm) ?? [];
    const broker = open(first.url);
    await uses["submit"]!(broker);
    const [before] = await connections();
    await admin.replicaof("127.0.0.1", second.port);
    const error = await refusal(() => uses["submit"]!(broker));
    expect([error.code, error.reason]).toEqual(["unavailable", expect.stringMatching(/READONLY/)]);
    await expect.poll(connections).not.toContain(before);
    await admin.replicaof("NO", "ONE");
    const submits = () =>
      uses["submit"]!(broker).then(
        () => true,
        () => false,
      );
    await expect.poll(submits).toBe(true);
  });

  test("a server that may delete waiting calls is named, once", async () => {
    const { url } = await serve("maxmemory-policy allkeys-lru");
    const warn = vi.fn<(fields: object, message: string) => void>();
    const log = { debug() {}, info() {}, warn, error() {} };
    const broker = new RedisBroker(url, { namespace: "test", log });
    onTestFinished(() => broker.close());
    for (const use of Object.values(uses)) await use(broker);
    expect(warn.mock.calls).toEqual([
      [{}, expect.stringMatching(/maxmemory-policy allkeys-lru: .*Set it to noeviction$/)],
    ]);
  });
});
