import { createConnection, Socket } from "node:net";
import { AbstractConnector, type RedisOptions } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import { Proxy } from "../../../tests/protocol/proxy.ts";
import { startSentinel } from "../../../tests/redis/sentinel.ts";
import { startRedis } from "../../../tests/redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../../../tests/redis/suite.ts";
import { openWire } from "./open-wire.ts";
import { optionsOf } from "./source.ts";
import type { Wire } from "./wire.ts";

async function connect(source: string | RedisOptions = sharedRedisUrl()): Promise<Wire> {
  const settings = { name: "wire", patienceMs: 5_000, silenceMs: 5_000, clockOffset: () => 0, warn: () => {} };
  const wire = await openWire(optionsOf(source), "", settings, new AbortController().signal);
  onTestFinished(() => wire.close());
  return wire;
}

describeRedis("a connection that is written and read here", () => {
  test("a connection stays known to the network, and holds nothing back", async () => {
    const [keepAlive, noDelay] = [vi.spyOn(Socket.prototype, "setKeepAlive"), vi.spyOn(Socket.prototype, "setNoDelay")];
    onTestFinished(() => void vi.restoreAllMocks());
    await connect();
    expect([keepAlive.mock.calls, noDelay.mock.calls]).toEqual([[[true, 30_000]], [[true]]]);
    await connect({ ...optionsOf(sharedRedisUrl()), keepAlive: 5_000, noDelay: false });
    expect([keepAlive.mock.calls, noDelay.mock.calls]).toEqual([
      [
        [true, 30_000],
        [true, 5_000],
      ],
      [[true], [false]],
    ]);
  });

  test("commands that wait for the socket go out as they were", { timeout: 30_000 }, async () => {
    const wire = await connect();
    // More than a socket takes at once: the small ones between are written later than the next ones are made.
    const words = Array.from({ length: 9 }, (_, n) => (n % 2 === 0 ? `small ${n}` : `large ${n} `.repeat(1_500_000)));
    const replies = await Promise.all(words.map((word) => wire.send(["ECHO", word])));
    expect(replies.map(String)).toEqual(words);
  });

  test("a connection is taken over whole, also where everything comes in pieces of one byte", async () => {
    const proxy = await Proxy.to(sharedRedisUrl(), onTestFinished);
    proxy.slow({ latencyMs: 0, pieceBytes: 1 });
    for (let time = 0; time < 5; time++) {
      const wire = await connect(proxy.url);
      expect(String(await wire.send(["ECHO", "hello"]))).toBe("hello");
    }
  });

  test("what was answered stays as it was, whatever is read into the same memory later", async () => {
    const wire = await connect();
    const words = Array.from({ length: 5 }, (_, n) => `${n}`.repeat(10 ** n));
    const replies: unknown[] = [];
    for (const word of words) replies.push(await wire.send(["ECHO", word]));
    expect(replies.map(String)).toEqual(words);
  });

  test("whoever gives ioredis a connector of his own is connected by that", async () => {
    const { host, port } = optionsOf(sharedRedisUrl());
    const made: Socket[] = [];
    class Connector extends AbstractConnector {
      constructor() {
        super(100);
      }
      async connect(): Promise<Socket> {
        const socket = createConnection({ host: host ?? "localhost", port: port! });
        made.push(socket);
        return (this.stream = socket);
      }
    }
    const wire = await connect({ Connector });
    expect(String(await wire.send(["ECHO", "hello"]))).toBe("hello");
    expect(made).toHaveLength(1);
  });

  test("a server is found by its sentinels, also where its login comes in pieces of one byte", async () => {
    const server = await startRedis({ config: ["requirepass sesame"] });
    onTestFinished(() => server.stop());
    const port = await startSentinel(server, "primary", onTestFinished);
    const found = { sentinels: [{ host: "127.0.0.1", port }], name: "primary", password: "sesame", db: 3 };
    const wire = await connect(found);
    expect(String(await wire.send(["CLIENT", "LIST", "ID", String(await wire.send(["CLIENT", "ID"]))]))).toMatch(
      / name=taskpact:wire .* db=3 /,
    );
    const proxy = await Proxy.to(server.url, onTestFinished);
    proxy.slow({ latencyMs: 0, pieceBytes: 1 });
    const natMap = { [`127.0.0.1:${server.port}`]: { host: "127.0.0.1", port: Number(new URL(proxy.url).port) } };
    for (let time = 0; time < 5; time++) {
      const slow = await connect({ ...found, natMap });
      expect(String(await slow.send(["ECHO", "hello"]))).toBe("hello");
    }
  });

  test("a name, a user and a database are told to a server, and its first refusal is told", async () => {
    const server = await startRedis({ config: ["user ann on >sesame ~* &* +@all"] });
    onTestFinished(() => server.stop());
    const wire = await connect({ port: server.port, username: "ann", password: "sesame", db: 2 });
    const told = String(await wire.send(["CLIENT", "LIST"]));
    expect(told).toMatch(/ name=taskpact:wire .* db=2 .* user=ann /);
    await expect(connect({ port: server.port, username: "ann", password: "pa55", db: 99 })).rejects.toThrow(
      /^WRONGPASS/,
    );
    await expect(connect({ port: server.port, db: 99 })).rejects.toThrow(/^ERR DB index/);
  });

  test("commands that go out together are answered each by itself", async () => {
    const wire = await connect();
    const replies = wire.together(() => ["a", "b"].map((word) => wire.send(["ECHO", word])));
    const [error, pong] = await wire.sendTogether([["NOSUCH"], ["PING"]]);
    expect((await Promise.all(replies)).map(String)).toEqual(["a", "b"]);
    expect(error).toMatchObject({ message: expect.stringMatching(/^ERR unknown command/) });
    expect(pong).toBe("PONG");
  });

  test("what was on its way when it ends is told so, and nothing is sent after", async () => {
    const wire = await connect();
    const lost = wire.send(["BLPOP", "nobody's list", 5]).catch((error: unknown) => error);
    await wire.close();
    expect(await lost).toMatchObject({ message: "Connection is closed." });
    expect(wire.usable).toBe(false);
    await expect(wire.send(["PING"])).rejects.toThrow("isn't writeable");
  });
});
