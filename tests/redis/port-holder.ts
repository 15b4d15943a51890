import { readdir, readFile, readlink } from "node:fs/promises";
import { connectRedis } from "./external.ts";

/** Says in a few words what listens on a port of 127.0.0.1, as far as this user may know. */
export async function portHolder(port: number): Promise<string> {
  const redis = await redisOn(port);
  const pid = await listenerOn(port);
  const name = pid === undefined ? undefined : (await read(`/proc/${pid}/comm`)).trim();
  const program = name === undefined ? undefined : `${name}, pid ${pid}`;
  if (redis !== undefined) return `${redis}${program === undefined ? "" : ` (${program})`}`;
  return program ?? "another program";
}

async function redisOn(port: number): Promise<string | undefined> {
  let redis: Awaited<ReturnType<typeof connectRedis>> | undefined;
  try {
    redis = await connectRedis(`redis://127.0.0.1:${port}`, 1_000);
    const version = /^redis_version:(\S+)/m.exec(await redis.info("server"))?.[1];
    return version === undefined ? undefined : `a Redis ${version}`;
  } catch (error) {
    return error instanceof Error && error.message.startsWith("NOAUTH") ? "a Redis with a password" : undefined;
  } finally {
    redis?.disconnect();
  }
}

/** The pid that listens on a port; Linux tells it, for other users' programs only to root. */
async function listenerOn(port: number): Promise<string | undefined> {
  const listening = "0A";
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const tables = (await read("/proc/net/tcp")) + (await read("/proc/net/tcp6"));
  const sockets = new Set<string>();
  for (const line of tables.split("\n")) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (local?.endsWith(suffix) === true && state === listening) sockets.add(`socket:[${inode}]`);
  }
  if (sockets.size === 0) return undefined;
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const file of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => "");
      if (sockets.has(target)) return pid;
    }
  }
  return undefined;
}

function read(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
