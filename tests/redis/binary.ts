import { run } from "./machine.ts";

/** The oldest version that Taskpact works with (it needs script flags); Valkey, forked from 7.2, is never older. */
export const oldestMajor = 7;

/** A server program that was asked for its version. */
export interface ServerBinary {
  readonly path: string;
  /** Where its shared libraries lie, when the system has none: an LD_LIBRARY_PATH. */
  readonly libraryPath?: string | undefined;
  readonly product: "Redis" | "Valkey";
  /** Such as `7.0.15`. */
  readonly version: string;
}

/**
 * Asks a program for its version.
 * @throws Error that says why it can't serve: it doesn't run, is no Redis, is too old
 */
export async function readBinary(path: string, libraryPath?: string): Promise<ServerBinary> {
  const answer = await run(path, ["--version"], { env: binaryEnv({ libraryPath }), timeoutMs: 10_000 });
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(answer)?.[1];
  if (version === undefined) throw new Error("doesn't answer --version as a Redis server does");
  const product = /^valkey/i.test(answer) ? "Valkey" : "Redis";
  refuseOld(product, version);
  return { path, libraryPath, product, version };
}

/** @throws Error when that version is too old */
export function refuseOld(product: string, version: string): void {
  if (Number.parseInt(version, 10) < oldestMajor) {
    throw new Error(`${product} ${version} is too old: ${oldestMajor}.0 or newer is needed`);
  }
}

/** The environment in which a server program runs. */
export function binaryEnv({ libraryPath }: Pick<ServerBinary, "libraryPath">): NodeJS.ProcessEnv {
  if (libraryPath === undefined) return process.env;
  return { ...process.env, LD_LIBRARY_PATH: libraryPath };
}
