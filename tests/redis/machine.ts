import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What the search for a Redis may see and use; a test gives one of its own. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether system packages may be installed. */
  readonly root: boolean;
  /** Tells a person what takes its time. */
  readonly say: (line: string) => void;
}

/** The machine that this process runs on; it speaks on stderr. */
export const thisMachine: Machine = {
  env: process.env,
  root: process.getuid?.() === 0,
  say: (line) => process.stderr.write(`${line}\n`),
};

/** The first executable file of that name on the machine's PATH. */
export function onPath({ env }: Machine, name: string): string | undefined {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (folder !== "" && isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** How to run a command. */
export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @default the present folder */
  readonly cwd?: string | undefined;
  readonly timeoutMs: number;
}

/**
 * What a command printed on stdout.
 * @throws Error with the command's own last words, when it can't be run, fails or takes longer than `timeoutMs`
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  // C: the output is parsed, so it must not be translated.
  const env = { ...options.env, LC_ALL: "C" };
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      { cwd: options.cwd, env, timeout: options.timeoutMs, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const reason = error.killed === true ? `took longer than ${options.timeoutMs} ms` : lastLines(stderr);
        reject(new Error(reason === "" ? error.message : reason, { cause: error }));
      },
    );
    // A question asked on a terminal would be waited for until the timeout.
    child.stdin?.end();
  });
}

function lastLines(output: string): string {
  return output.trim().split("\n").slice(-3).join("; ");
}
