import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { type RedisServer, startRedis } from "../tests/redis/server.ts";
import { describeRedis } from "../tests/redis/suite.ts";
import { redisBroker } from "./redis.ts";

async function serve(options: Parameters<typeof startRedis>[0] = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  onTestFinished(() => server.stop());
  return server;
}

/** Runs a program in a process of its own, which has to end by itself. @returns what it printed. */
async function run(program: string): Promise<string> {
  const door = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const text = program.replaceAll("DOOR", door("./redis.ts")).replaceAll("INDEX", door("./index.ts"));
  const args = ["--import", "tsx", "-C", "taskpact-source", "--input-type=module", "--eval", text];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  expect(stderr).toBe("");
  return stdout.trim();
}

describeRedis("redisBroker", () => {
  test("takes a URL, options, or an instance, whose connection it leaves alone", async () => {
    const { url, port, socketPath } = await serve();
    const redis = new Redis(url, { db: 0 });
    onTestFinished(() => redis.disconnect());
    await redis.ping();
    for (const source of [url, { port }, redis, `redis+unix://${socketPath}`, { path: socketPath }]) {
      const broker = redisBroker(source, { namespace: "app" });
      expect(await broker.presence("q")).toEqual([]);
      await broker.close();
    }
    expect(redis.status).toBe("ready");
    expect(redis.listenerCount("error")).toBe(0);
    expect(await redis.ping()).toBe("PONG");
  });

  test("uses the database that the URL names, and keys below the namespace alone", async () => {
    const { url } = await serve();
    const broker = redisBroker(`${url}/3`, { namespace: "app" });
    onTestFinished(() => broker.close());
    await broker.renew({
      worker: "w",
      queues: [{ name: "q", tasks: [], fences: [] }],
      leaseMs: 1_000,
      presenceMs: 60_000,
      maxDeliveries: 3,
      reap: true,
    });
    for (const db of [0, 3]) {
      const redis = new Redis(url, { db });
      onTestFinished(() => redis.disconnect());
      const keys = await redis.keys("*");
      expect(keys.every((key) => key.startsWith("app:{q}:"))).toBe(true);
      expect(keys.length > 0).toBe(db === 3);
    }
  });

  test("speaks TLS, and trusts whom it is told to", async () => {
    const folder = await mkdtemp(join(tmpdir(), "taskpact-tls-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const tls = certificate(folder);
    const { url, port } = await serve({ tls });
    const ca = readFileSync(tls.certFile);
    for (const [source, options] of [
      [url, { tls: { ca } }],
      [{ host: "127.0.0.1", port, tls: { ca } }, {}],
      [`redis://127.0.0.1:${port}`, { tls: { ca } }],
      // Over a socket of the user's own, as through a tunnel.
      [{ host: "127.0.0.1", port, tls: { ca, socket: createConnection({ host: "127.0.0.1", port }) } }, {}],
    ] as const) {
      const broker = redisBroker(source, options);
      expect(await broker.presence("q")).toEqual([]);
      await broker.close();
    }
    const trusting = redisBroker(url, { connectTimeoutMs: 200 });
    onTestFinished(() => trusting.close());
    await expect(trusting.presence("q")).rejects.toMatchObject({
      code: "unavailable",
      reason: /self-signed certificate/,
    });
  });

  test("lets its process end when it is closed, whatever it was at", async () => {
    const { url } = await serve();
    const program = `
      import { redisBroker } from DOOR;
      const broker = redisBroker(${JSON.stringify(url)});
      await broker.subscribe("client:c", () => undefined);
      const queues = [{ name: "q", tasks: [] }];
      const { signal } = new AbortController();
      const claim = broker.claim({ worker: "w", queues, limit: 1, waitMs: 60_000, leaseMs: 1_000, suspect: false, signal });
      await broker.presence("q");
      await broker.close();
      console.log(JSON.stringify(await claim));
    `;
    expect(await run(program)).toBe("[]");
  });
});

test("a broker that is closed while it connects ends all the same, and so does its process", async () => {
  const program = `
    import { once } from "node:events";
    import { createServer } from "node:net";
    import { redisBroker } from DOOR;
    // Accepts, and then says nothing.
    const silent = createServer((socket) => socket.unref().on("error", () => undefined)).unref();
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const accepted = once(silent, "connection");
    const broker = redisBroker({ host: "127.0.0.1", port: silent.address().port });
    const asked = Promise.allSettled([broker.presence("q"), broker.subscribe("client:c", () => undefined)]);
    await accepted;
    const begun = performance.now();
    await broker.close();
    const ms = performance.now() - begun;
    const codes = (await asked).map(({ reason }) => reason.code);
    console.log(JSON.stringify({ codes, quick: ms < 1_000 }));
  `;
  expect(JSON.parse(await run(program))).toEqual({ codes: ["unavailable", "unavailable"], quick: true });
});

test("ioredis is loaded only where it has to find the server", async () => {
  const program = `
    import { createRequire } from "node:module";
    await import(INDEX);
    const { redisBroker } = await import(DOOR);
    const loadedBy = async (source) => {
      const broker = redisBroker(source, { connectTimeoutMs: 1 });
      await broker.presence("q").catch(() => undefined);
      await broker.close();
      return Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("ioredis"));
    };
    const named = await loadedBy("redis://127.0.0.1:1");
    const sought = await loadedBy({ sentinels: [{ host: "127.0.0.1", port: 1 }], name: "primary" });
    console.log(JSON.stringify({ named, sought }));
  `;
  const withUrl = program.replace("import.meta.url", JSON.stringify(import.meta.url));
  expect(JSON.parse(await run(withUrl))).toEqual({ named: false, sought: true });
});

function certificate(folder: string): { readonly certFile: string; readonly keyFile: string } {
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, "-out", certFile, ...subject], { stdio: "ignore" });
  return { certFile, keyFile };
}
