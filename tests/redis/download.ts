import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { oldestMajor, type ServerBinary } from "./binary.ts";
import { fillCache } from "./cache.ts";
import { type Machine, onPath, run } from "./machine.ts";

/**
 * Whether this is a Debian or Ubuntu, whose packages can be fetched and unpacked without root.
 */
export function canDownload(machine: Machine): boolean {
  return ["apt-get", "apt-cache", "dpkg"].every((name) => onPath(machine, name) !== undefined);
}

/**
 * Fetches the system's own package of Redis (or Valkey) and the libraries that are missing here, checked by apt
 * against its signed lists, and unpacks them into the cache: 1.4 MB, nothing is installed, no root is needed.
 *
 * Package lists that are missing or out of date are fetched too, for this one download (9 MB on Debian 12), and
 * the system's are left alone, so that this works for every user of a fresh container.
 * @throws Error that says what apt or the downloaded server said
 */
export async function downloadServer(machine: Machine, cache: string): Promise<ServerBinary> {
  machine.say(`No Redis server here: fetching one with apt-get, without installing it, into ${cache}`);
  return fillCache(cache, async (folder) => {
    const work = join(folder, "apt");
    await mkdir(work);
    try {
      await unpack(machine, [], work, folder);
    } catch {
      machine.say("Fetching package lists for that first");
      await unpack(machine, await ownLists(machine, work), work, folder);
    }
    await rm(work, { recursive: true });
  });
}

/**
 * Installs the package that holds the server's program, as root, and links it into the cache. `redis-server`
 * itself stays out: installing that one would start a system service on port 6379.
 * @throws Error that says what apt said
 */
export async function installServer(machine: Machine, cache: string): Promise<ServerBinary> {
  await apt(machine, ["update"]);
  const product = await available(machine, []);
  machine.say(`Installing ${product}-tools with apt-get`);
  await apt(machine, ["install", "--yes", "--no-install-recommends", `${product}-tools`]);
  return fillCache(cache, async (folder) => {
    await mkdir(join(folder, "usr/bin"), { recursive: true });
    // The server, and the checker of its files, are one program that goes by the name it is called with.
    const program = onPath(machine, `${product}-check-rdb`) ?? `/usr/bin/${product}-check-rdb`;
    await symlink(program, join(folder, "usr/bin", `${product}-server`));
  });
}

type Product = "redis" | "valkey";

async function unpack(machine: Machine, options: readonly string[], work: string, folder: string): Promise<void> {
  const product = await available(machine, options);
  const names = [`${product}-server`, ...(await missing(machine, options, `${product}-tools`))];
  const packages = join(work, "packages");
  await rm(packages, { recursive: true, force: true });
  await mkdir(packages);
  await apt(machine, [...options, "download", ...names], packages);
  for (const name of await readdir(packages)) {
    await run("dpkg", ["-x", join(packages, name), folder], { env: machine.env, timeoutMs });
  }
}

/** Debian 11 and Ubuntu 22.04 have nothing that is new enough; later ones have one or both. */
async function available(machine: Machine, options: readonly string[]): Promise<Product> {
  const seen: string[] = [];
  for (const product of ["redis", "valkey"] as const) {
    const policy = await run("apt-cache", [...options, "policy", `${product}-tools`], { env: machine.env, timeoutMs });
    const version = /Candidate: (?:\d+:)?(\d\S*)/.exec(policy)?.[1];
    if (version === undefined) continue;
    if (Number.parseInt(version, 10) >= oldestMajor) return product;
    seen.push(`${product} ${version}`);
  }
  throw new Error(
    seen.length === 0
      ? "apt knows no package of Redis or Valkey"
      : `apt offers ${seen.join(" and ")}: ${oldestMajor}.0 or newer is needed`,
  );
}

/** The package with all that installing it would add; a package that would only be upgraded serves as it is. */
async function missing(machine: Machine, options: readonly string[], name: string): Promise<string[]> {
  const plan = await apt(machine, [...options, "--simulate", "install", "--no-install-recommends", name]);
  const added = [...plan.matchAll(/^Inst (\S+) \(/gm)].flatMap(([, each]) => (each === undefined ? [] : [each]));
  return [...new Set([name, ...added])];
}

/** Options that make apt use package lists of its own; apt reads any folder, it is only the system's that needs root. */
async function ownLists(machine: Machine, work: string): Promise<string[]> {
  await mkdir(join(work, "lists/partial"), { recursive: true });
  await mkdir(join(work, "cache/archives/partial"), { recursive: true });
  const options = ["-o", `Dir::State::Lists=${join(work, "lists")}`, "-o", `Dir::Cache=${join(work, "cache")}`];
  await apt(machine, [...options, "update"]);
  return options;
}

/** Long enough for a slow line; a dead one is noticed by apt itself, see below. */
const timeoutMs = 300_000;

function apt(machine: Machine, args: readonly string[], cwd?: string): Promise<string> {
  const patience = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"];
  // As root apt would fetch as a user of its own, who may not enter root's cache; to others this means nothing.
  const user = ["-o", "APT::Sandbox::User=root"];
  const env = { ...machine.env, DEBIAN_FRONTEND: "noninteractive" };
  return run("apt-get", ["-q", ...patience, ...user, ...args], { env, cwd, timeoutMs });
}
