import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { readBinary, type ServerBinary } from "./binary.ts";
import type { Machine } from "./machine.ts";

/**
 * Where a downloaded server is kept: one folder for each release of a system, as in
 * `~/.cache/taskpact/redis/debian-12-x64`, so that a home shared by several systems never mixes their libraries.
 *
 * In the user's cache and not in `node_modules/.cache`, because `npm ci` empties that one, and because all clones
 * share this one.
 */
export async function cacheFolder({ env }: Machine): Promise<string> {
  const base = env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache");
  return join(base, "taskpact", "redis", await systemName());
}

/** The server kept in that folder, unless there is none or it no longer runs. */
export async function readCache(folder: string): Promise<ServerBinary | undefined> {
  for (const name of ["redis-server", "valkey-server"]) {
    const binary = await readBinary(join(folder, "usr/bin", name), await libraryPath(folder)).catch(() => undefined);
    if (binary !== undefined) return binary;
  }
  return undefined;
}

/**
 * Fills a cache folder with what `fill` puts into the folder that it is given, whole or not at all.
 *
 * No lock, which a killed run would leave behind: each run fills a folder of its own and renames it, so that two
 * runs at the same time cost a second download and nothing else.
 * @throws what `fill` throws, or Error when what it made doesn't run
 */
export async function fillCache(folder: string, fill: (into: string) => Promise<void>): Promise<ServerBinary> {
  const parent = join(folder, "..");
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const made = await mkdtemp(join(parent, unfinished));
  try {
    await fill(made);
    await probe(made);
    return await publish(made, folder);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

const unfinished = ".unfinished-";

/** @throws Error that says why the server in there doesn't run */
async function probe(folder: string): Promise<ServerBinary> {
  const names = await readdir(join(folder, "usr/bin"));
  const name = names.find((each) => /^(redis|valkey)-server$/.test(each));
  if (name === undefined) throw new Error("the packages hold no server");
  return readBinary(join(folder, "usr/bin", name), await libraryPath(folder));
}

async function publish(made: string, folder: string): Promise<ServerBinary> {
  for (;;) {
    try {
      await rename(made, folder);
      return await probe(folder);
    } catch (error) {
      if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    }
    const others = await readCache(folder);
    if (others !== undefined) return others;
    // What stands there doesn't run: out of the way with it.
    const broken = `${made}-broken`;
    await rename(folder, broken).catch((error: unknown) => {
      // Another run was quicker.
      if (!hasCode(error, "ENOENT")) throw error;
    });
    await rm(broken, { recursive: true, force: true });
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Removes what killed runs left; a young folder may still be at work. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(unfinished)) continue;
    const path = join(parent, name);
    const changed = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - changed > 3_600_000) await rm(path, { recursive: true, force: true });
  }
}

/** Debian keeps libraries in a folder for each architecture, as `usr/lib/x86_64-linux-gnu`; some below `lib` still. */
async function libraryPath(folder: string): Promise<string> {
  const found: string[] = [];
  for (const lib of [join(folder, "usr/lib"), join(folder, "lib")]) {
    const names = await readdir(lib).catch(() => []);
    found.push(...names.filter((name) => name.includes("-linux-gnu")).map((name) => join(lib, name)), lib);
  }
  return found.join(":");
}

async function systemName(): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([\\w.]+)"?$`, "m").exec(release)?.[1];
  return [field("ID") ?? process.platform, field("VERSION_ID") ?? "any", process.arch].join("-");
}
