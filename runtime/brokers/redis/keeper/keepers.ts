import { createRequire } from "node:module";
import { join } from "node:path";
import type { RedisOptions } from "ioredis";
import type { Keepers } from "../../../broker.ts";
import type { ConnectionSettings } from "../connection-settings.ts";
import { instanceOptions } from "../driver.ts";
import { wordsOf } from "../failure.ts";
import { RedisKeeper } from "./keeper.ts";

/** Lease keepers for the workers of a broker, or why a thread of their own can't have the connection that they need. */
export async function keepersOf(
  options: RedisOptions,
  namespace: string,
  settings: ConnectionSettings,
): Promise<Keepers> {
  const given = instanceOptions(options, settings);
  const kept = uncloneable(given);
  if (kept !== undefined) return { missing: `ioredis's option "${kept}" can't be given to another thread` };
  try {
    const driver = await driverPath();
    const { patienceMs, clockOffset, credentials } = settings;
    const own = { namespace, driver, options: given, connectTimeoutMs: patienceMs, credentials };
    return { start: (settings) => new RedisKeeper(settings, { ...own, clockOffset: clockOffset() }) };
  } catch (thrown) {
    // The rest of it tells of paths.
    const words = wordsOf(thrown).split("\n")[0];
    return { missing: `the thread that would keep it needs the package ioredis (${words}): npm install ioredis` };
  }
}

/** Where ioredis is, for another thread to load it. @throws Error where it is missing. */
async function driverPath(): Promise<string> {
  try {
    const { importedDriver } = await import("./package-path.ts");
    return importedDriver();
  } catch {
    // A bundler may have left nothing to resolve from, and a compiler to CommonJS can't read the module.
    return createRequire(join(process.cwd(), "index.js")).resolve("ioredis");
  }
}

/** The name of an option that can't be given to another thread, as it is or holds a function; undefined if all can. */
function uncloneable(options: object): string | undefined {
  return Object.entries(options).find(([, value]) => !isCloneable(value))?.[0];
}

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
