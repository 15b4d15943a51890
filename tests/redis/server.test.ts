import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { isAlive, runScript, until } from "./child.ts";
import { connectRedis } from "./external.ts";
import { findRedis } from "./find.ts";
import { thisMachine } from "./machine.ts";
import { PortTaken, type RedisOptions, type RedisServer, startRedis } from "./server.ts";
import { describeRedis } from "./suite.ts";

async function start(options?: RedisOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  onTestFinished(() => server.stop());
  return server;
}

/** What one connection of its own is answered. */
async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = await connectRedis(url);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "taskpact-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describeRedis("a private server", () => {
  test("answers on its port and its socket, and is gone with its folder when stopped", async () => {
    const server = await start();
    expect(await ask(server.url, (redis) => redis.ping())).toBe("PONG");
    expect(await ask(server.socketPath, (redis) => redis.ping())).toBe("PONG");
    expect(await ask(server.url, (redis) => redis.config("GET", "save"))).toEqual(["save", ""]);
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
    expect(existsSync(dirname(server.socketPath))).toBe(false);
    await server.stop();
  });

  test("is empty after a kill and a restart, on the same port", async () => {
    const server = await start();
    await ask(server.url, (redis) => redis.set("a", "1"));
    const before = server.pid;
    await server.kill();
    expect(isAlive(before)).toBe(false);
    expect(await server.ended).toBe(128 + 9);
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await ask(server.url, (redis) => redis.get("a"))).toBeNull();
  });

  test("with an append-only file has its data after a kill and a restart", async () => {
    const server = await start({ config: ["appendonly yes", "appendfsync always"] });
    await ask(server.url, (redis) => redis.set("a", "1"));
    await server.kill();
    await server.restart();
    expect(await ask(server.url, (redis) => redis.get("a"))).toBe("1");
  });

  test("restarts when it still runs, too, and not when it was stopped", async () => {
    const server = await start();
    const before = server.pid;
    await server.restart();
    expect(isAlive(before)).toBe(false);
    expect(await ask(server.url, (redis) => redis.ping())).toBe("PONG");
    await server.stop();
    await expect(server.restart()).rejects.toThrow("was stopped");
  });

  test("keeps a data folder when stopped, for the next server", async () => {
    const dataFolder = join(await temporaryFolder(), "data");
    const first = await start({ dataFolder });
    await ask(first.url, (redis) => redis.set("a", "1"));
    await first.stop();
    const second = await start({ dataFolder });
    expect(await ask(second.url, (redis) => redis.get("a"))).toBe("1");
  });

  test("takes lines of configuration: a password, users", async () => {
    const server = await start({ config: ["requirepass secret", "user ann on >word ~* +@all -set"] });
    await expect(ask(server.url, (redis) => redis.ping())).rejects.toThrow("NOAUTH");
    const ann = server.url.replace("//", "//ann:word@");
    expect(await ask(ann, (redis) => redis.ping())).toBe("PONG");
    await expect(ask(ann, (redis) => redis.set("a", "1"))).rejects.toThrow("NOPERM");
  });

  test.skipIf(!hasOpenssl())("speaks TLS", async () => {
    const { certFile, keyFile } = certificate(await temporaryFolder());
    const server = await start({ tls: { certFile, keyFile } });
    expect(server.url).toMatch(/^rediss:/);
    const redis = new Redis(server.url, {
      lazyConnect: true,
      retryStrategy: () => null,
      tls: { rejectUnauthorized: false },
    });
    onTestFinished(() => redis.disconnect());
    await redis.connect();
    expect(await redis.ping()).toBe("PONG");
  });

  test("answers nothing while paused, and all of it when resumed", async () => {
    const server = await start();
    await ask(server.url, async (redis) => {
      server.pause();
      let answered = false;
      const pong = redis.ping().then(() => (answered = true));
      // A stopped process is one that the kernel says is stopped: nothing can come from it from here on.
      if (process.platform === "linux") await until("paused", () => processState(server.pid) === "T");
      expect(answered).toBe(false);
      server.resume();
      expect(await pong).toBe(true);
    });
  });

  test("passes over ports that are taken, and says so when none is left", async () => {
    const first = await start();
    const second = await start({ ports: [first.port, first.port + 1, first.port + 2, first.port + 3] });
    expect(second.port).toBeGreaterThan(first.port);
    await expect(startRedis({ ports: [first.port] })).rejects.toThrow(PortTaken);
  });

  test("that can't start shows what it said", async () => {
    await expect(startRedis({ config: ["nonsense 1"] })).rejects.toThrow(/nonsense 1/);
  });

  test("starts many times at once", async () => {
    const servers = await Promise.all(Array.from({ length: 8 }, () => start()));
    expect(new Set(servers.map(({ port }) => port)).size).toBe(8);
    await Promise.all(servers.map((server) => server.stop()));
    expect(servers.some(({ pid }) => isAlive(pid))).toBe(false);
  });
});

describeRedis("a runner that dies", { timeout: 20_000 }, () => {
  test.each(["SIGKILL", "SIGTERM"] as const)("by %s leaves no server and no folder", async (signal) => {
    const runner = runScript("orphan.fixture.ts");
    const { pid, folder } = serverOf((await runner.printed(/.*\n/))[0]);
    expect(isAlive(pid)).toBe(true);
    expect(existsSync(folder)).toBe(true);
    runner.process.kill(signal);
    expect(await runner.ended).toEqual([null, signal]);
    await until("the server is gone", () => !isAlive(pid));
    await until("its folder is gone", () => !existsSync(folder));
  });
});

describeRedis("REDIS_URL", () => {
  const machine = (url: string): typeof thisMachine => ({ ...thisMachine, env: { REDIS_URL: url } });

  test("is used as it is", async () => {
    const { url } = await start();
    expect(await findRedis(machine(url))).toEqual({ url });
  });

  test("with a wrong password is refused without telling it", async () => {
    const { url } = await start({ config: ["requirepass secret"] });
    const wrong = findRedis(machine(url.replace("//", "//:wrong-word@")));
    await expect(wrong).rejects.toThrow(/WRONGPASS/);
    await expect(wrong).rejects.not.toThrow(/wrong-word/);
  });
});

function serverOf(line: string): { readonly pid: number; readonly folder: string } {
  const value: unknown = JSON.parse(line);
  if (typeof value === "object" && value !== null && "pid" in value && "folder" in value) {
    return { pid: Number(value.pid), folder: String(value.folder) };
  }
  throw new Error(`not what the runner prints: ${line}`);
}

function processState(pid: number): string | undefined {
  return execFileSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" }).trim()[0];
}

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function certificate(folder: string): { readonly certFile: string; readonly keyFile: string } {
  const certFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, "-out", certFile, ...subject], { stdio: "ignore" });
  return { certFile, keyFile };
}
