import { readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { cacheFolder } from "./cache.ts";
import { findRedis, findServer, RedisMissing } from "./find.ts";
import { StubMachine } from "./stub-machine.ts";

async function machine(): Promise<StubMachine> {
  const made = await StubMachine.create();
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

/** The message of the failure that the search must end in. */
async function failure(search: Promise<unknown>): Promise<string> {
  const error: unknown = await search.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RedisMissing);
  return error instanceof Error ? error.message : "";
}

describe("the order of finding", () => {
  test("REDIS_SERVER_BIN comes before PATH", async () => {
    const here = await machine();
    await here.server("redis-server", "7.4.0");
    here.env["REDIS_SERVER_BIN"] = await here.server("elsewhere/my-redis", "7.2.1");
    expect(await findServer(here)).toMatchObject({ source: "REDIS_SERVER_BIN", version: "7.2.1" });
  });

  test("redis-server on PATH comes before valkey-server, and that before the cache", async () => {
    const here = await machine();
    await here.server(relative(here.folder, join(await cacheFolder(here), "usr/bin/redis-server")), "7.0.0");
    expect(await findServer(here)).toMatchObject({ source: "cache", version: "7.0.0" });
    const valkey = await here.script("valkey-server", 'echo "Valkey server v=8.0.1 sha=0"');
    expect(await findServer(here)).toEqual({ source: "PATH", path: valkey, product: "Valkey", version: "8.0.1" });
    const redis = await here.server("redis-server", "7.4.0");
    expect(await findServer(here)).toMatchObject({ source: "PATH", path: redis, product: "Redis" });
  });

  test("a server on PATH that is too old is passed over", async () => {
    const here = await machine();
    await here.server("redis-server", "6.0.16");
    await here.script("valkey-server", 'echo "Valkey server v=7.2.5 sha=0"');
    expect(await findServer(here)).toMatchObject({ product: "Valkey", version: "7.2.5" });
  });

  test("a download comes last, and then the cache holds it", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15" });
    expect(await findServer(here)).toMatchObject({ source: "apt-get download", version: "7.0.15" });
    const calls = await here.calls();
    expect(await findServer(here)).toMatchObject({ source: "cache", version: "7.0.15" });
    expect(await here.calls()).toEqual(calls);
  });

  test("XDG_CACHE_HOME moves the cache", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15" });
    here.env["XDG_CACHE_HOME"] = join(here.folder, "xdg");
    const { path } = await findServer(here);
    expect(path).toBe(join(await cacheFolder(here), "usr/bin/redis-server"));
    expect(path.startsWith(join(here.folder, "xdg/taskpact/redis/"))).toBe(true);
  });
});

describe("when there is none", () => {
  test("one message says where it looked and every way to get one", async () => {
    const here = await machine();
    const message = await failure(findServer(here));
    expect(message).toContain("No Redis 7.0 or newer was found");
    for (const seen of ["redis-server on PATH: none", "valkey-server on PATH: none", "apt-get download: no apt here"]) {
      expect(message).toContain(seen);
    }
    for (const way of [
      "apt-get install",
      "brew install",
      "docker run",
      "REDIS_SERVER_BIN=",
      "REDIS_URL=",
      "SKIP_REDIS=1",
    ]) {
      expect(message).toContain(way);
    }
  });

  test("a REDIS_SERVER_BIN that is too old is refused, and nothing else is tried", async () => {
    const here = await machine();
    await here.server("redis-server", "7.4.0");
    here.env["REDIS_SERVER_BIN"] = await here.server("old/redis-server", "6.2.0");
    expect(await failure(findServer(here))).toContain(
      "REDIS_SERVER_BIN: Redis 6.2.0 is too old: 7.0 or newer is needed",
    );
  });

  test.each([
    ["is not there", "/nowhere/redis-server", "ENOENT"],
    ["is another program", "/bin/echo", "doesn't answer --version"],
  ])("a REDIS_SERVER_BIN that %s is refused", async (_, path, reason) => {
    const here = await machine();
    here.env["REDIS_SERVER_BIN"] = path;
    expect(await failure(findServer(here))).toContain(reason);
  });

  test("what apt said is told, and half of a download is not kept", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15", download: "echo 'E: no route to the mirror' >&2; exit 100" });
    expect(await failure(findServer(here))).toContain("apt-get download: E: no route to the mirror");
    expect(await readdir(join(await cacheFolder(here), ".."))).toEqual([]);
  });

  test("a system whose packages are too old is told so", async () => {
    const here = await machine();
    await here.packages({ offers: "6.0.16" });
    expect(await failure(findServer(here))).toContain("apt offers redis 6.0.16-1: 7.0 or newer is needed");
  });
});

describe("REDIS_URL", () => {
  test("that nobody answers at is a failure without its password, and nothing else is tried", async () => {
    const here = await machine();
    await here.server("redis-server", "7.4.0");
    here.env["REDIS_URL"] = "redis://ann:secret@127.0.0.1:1/2";
    const message = await failure(findRedis(here));
    expect(message).toContain("REDIS_URL: redis://127.0.0.1:1/2: connect ECONNREFUSED");
    expect(message).not.toContain("secret");
  });
});

describe("the download", () => {
  test("takes the packages that installing would add, not those it would upgrade", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15" });
    await findServer(here);
    expect(await here.calls()).toContain("apt-get download redis-server redis-tools libnew1");
    expect(here.said).toHaveLength(1);
  });

  test("fetches package lists of its own when the system's don't do", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15", download: 'case "$*" in *Dir::State::Lists*) ;; *) exit 100;; esac' });
    expect(await findServer(here)).toMatchObject({ source: "apt-get download" });
    expect((await here.calls()).some((call) => /Dir::State::Lists=\S+ .*update$/.test(call))).toBe(true);
  });

  test("by two runs at the same time leaves one whole copy that both use", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15" });
    const [one, two] = await Promise.all([findServer(here), findServer(here)]);
    expect(one?.path).toBe(two?.path);
    expect(await readdir(join(await cacheFolder(here), ".."))).toHaveLength(1);
  });

  test("replaces a cached copy that no longer runs", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15" });
    const { path } = await findServer(here);
    await rm(path);
    expect(await findServer(here)).toMatchObject({ source: "apt-get download", path });
    expect(await findServer(here)).toMatchObject({ source: "cache", path });
    expect(await readdir(join(await cacheFolder(here), ".."))).toHaveLength(1);
  });

  test("that holds an old server is thrown away", async () => {
    const here = await machine();
    await here.packages({ offers: "7.0.15", unpacks: "6.2.0" });
    expect(await failure(findServer(here))).toContain("apt-get download: Redis 6.2.0 is too old");
    expect(await readdir(join(await cacheFolder(here), ".."))).toEqual([]);
  });

  test("that fails makes root install the package without the service, and nobody else", async () => {
    const here = await machine();
    const checker = join(here.folder, "bin/redis-check-rdb");
    await here.packages({
      offers: "7.0.15",
      download: "exit 100",
      install: `printf '%s\\n' '#!/bin/sh' 'echo "Redis server v=7.0.15 sha=0"' > ${checker}; chmod +x ${checker}`,
    });
    await failure(findServer(here));
    expect((await here.calls()).some((call) => call.startsWith("apt-get install"))).toBe(false);

    here.root = true;
    expect(await findServer(here)).toMatchObject({ source: "apt-get install", version: "7.0.15" });
    expect(await here.calls()).toContain("apt-get install --yes --no-install-recommends redis-tools");
    expect(await findServer(here)).toMatchObject({ source: "cache" });
  });
});

test.skipIf(process.env["TEST_REDIS_DOWNLOAD"] !== "1")(
  "the real download works, twice at once",
  async () => {
    const here = await machine();
    // The system's own tools, but not a server that may be among them.
    for (const name of ["apt-get", "apt-cache", "dpkg"]) {
      await here.script(name, `PATH=${process.env["PATH"] ?? ""} exec ${name} "$@"`);
    }
    const [one, two] = await Promise.all([findServer(here), findServer(here)]);
    expect(one?.source).toBe("apt-get download");
    expect(two).toEqual(one);
    expect(await readdir(join(await cacheFolder(here), ".."))).toHaveLength(1);
  },
  120_000,
);
