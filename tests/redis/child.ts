import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A script of this folder, in a process of its own. */
export interface Script {
  readonly process: ChildProcess;
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match as soon as stdout has one; rejects with what it wrote when it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Runs a TypeScript file of this folder. */
export function runScript(name: string, args: readonly string[] = []): Script {
  const file = new URL(name, import.meta.url).pathname;
  const child = spawn(process.execPath, ["--import", "tsx", file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const ended = once(child, "close").then(([code, signal]) => [code, signal] as const);
  return {
    process: child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stdout);
          if (match !== null) resolve(match);
        };
        child.stdout.on("data", look);
        look();
        ended.then(() => reject(new Error(`ended without printing ${pattern}:\n${stdout}${stderr}`)), reject);
      }),
  };
}

/** Whether a process of that id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Waits until something holds, looking every 5 ms: for what no event tells, such as the end of another's child.
 * @throws Error after 5 s
 */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 5 s`);
    await sleep(5);
  }
}
