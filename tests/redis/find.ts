import { oldestMajor, readBinary, type ServerBinary } from "./binary.ts";
import { cacheFolder, readCache } from "./cache.ts";
import { canDownload, downloadServer, installServer } from "./download.ts";
import { checkUrl } from "./external.ts";
import { type Machine, onPath, thisMachine } from "./machine.ts";

/** A server program, and where it was found. */
export interface FoundServer extends ServerBinary {
  readonly source: "REDIS_SERVER_BIN" | "PATH" | "cache" | "apt-get download" | "apt-get install";
}

/** A Redis for the tests: one that runs already and is not ours, or a program to start. */
export type FoundRedis = { readonly url: string } | { readonly server: FoundServer };

/** Why there is no Redis, and every way to get one, in one message. */
export class RedisMissing extends Error {
  override readonly name = "RedisMissing";
}

/**
 * Finds a Redis: `REDIS_URL`, else what {@link findServer} finds.
 * @throws RedisMissing also when `REDIS_URL` is set and can't be used: nothing else is tried then
 */
export async function findRedis(machine: Machine = thisMachine): Promise<FoundRedis> {
  const url = machine.env["REDIS_URL"];
  if (!url) return { server: await findServer(machine) };
  try {
    await checkUrl(url);
  } catch (error) {
    throw missing([["REDIS_URL", reason(error)]]);
  }
  return { url };
}

/**
 * Finds a server program: `REDIS_SERVER_BIN`; `redis-server`, then `valkey-server` on PATH; the copy in the cache;
 * on Debian and Ubuntu the system's package, fetched without installing it; as root installed, if that failed.
 * @throws RedisMissing also when `REDIS_SERVER_BIN` is set and can't be used: nothing else is tried then
 */
export async function findServer(machine: Machine = thisMachine): Promise<FoundServer> {
  const looked: Looked[] = [];
  const named = machine.env["REDIS_SERVER_BIN"];
  if (named) {
    const found = await attempt(looked, "REDIS_SERVER_BIN", async () => from("REDIS_SERVER_BIN", named));
    if (found !== undefined) return found;
    throw missing(looked);
  }
  looked.push(["REDIS_URL, REDIS_SERVER_BIN", "not set"]);

  for (const name of ["redis-server", "valkey-server"]) {
    const path = onPath(machine, name);
    if (path === undefined) looked.push([`${name} on PATH`, "none"]);
    else {
      const found = await attempt(looked, path, async () => from("PATH", path));
      if (found !== undefined) return found;
    }
  }

  const cache = await cacheFolder(machine);
  const cached = await readCache(cache);
  if (cached !== undefined) return { ...cached, source: "cache" };
  looked.push([cache, "no server"]);

  if (!canDownload(machine)) {
    looked.push(["apt-get download", "no apt here"]);
    throw missing(looked);
  }
  const downloaded = await attempt(looked, "apt-get download", async () => ({
    ...(await downloadServer(machine, cache)),
    source: "apt-get download" as const,
  }));
  if (downloaded !== undefined) return downloaded;
  if (machine.root) {
    const installed = await attempt(looked, "apt-get install", async () => ({
      ...(await installServer(machine, cache)),
      source: "apt-get install" as const,
    }));
    if (installed !== undefined) return installed;
  }
  throw missing(looked);
}

/** A place, and what was seen there. */
type Looked = readonly [place: string, seen: string];

async function from(source: FoundServer["source"], path: string): Promise<FoundServer> {
  return { ...(await readBinary(path)), source };
}

async function attempt(
  looked: Looked[],
  place: string,
  find: () => Promise<FoundServer>,
): Promise<FoundServer | undefined> {
  try {
    return await find();
  } catch (error) {
    looked.push([place, reason(error)]);
    return undefined;
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function missing(looked: readonly Looked[]): RedisMissing {
  return new RedisMissing(
    `No Redis ${oldestMajor}.0 or newer was found, and what is to run needs a real one. Looked at:
${looked.map(([place, seen]) => `  ${place}: ${seen}`).join("\n")}
Get one in one of these ways:
  Debian, Ubuntu   apt-get install redis-server
  macOS            brew install redis
  Docker           docker run --rm --publish 6379:6379 redis:7, and set REDIS_URL=redis://127.0.0.1:6379
  your own         set REDIS_SERVER_BIN=/path/to/redis-server (or valkey-server), or REDIS_URL=redis://…
or set SKIP_REDIS=1 to run the tests without those that need it.`,
  );
}
