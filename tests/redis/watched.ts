import { spawn } from "node:child_process";
import { Readable } from "node:stream";

/**
 * Runs a program so that it can't outlive this process, not even when that is killed with SIGKILL.
 *
 * A shell stands between the two and reads the pipe that only this process can write to. However this process ends,
 * the kernel closes the pipe; the shell then kills the program and removes its folder. It is the program's parent
 * from the first instant, so there is no moment at which nobody watches, and the program's pid stays its own until
 * the shell is told to let go. (Linux could do a part of it, PR_SET_PDEATHSIG, macOS could not; a second Node would
 * cost 40 MB and 40 ms.) Killing the shell itself with SIGKILL is the one way around it.
 */
const watcher = `
folder=$1
shift
"$@" </dev/null 3>&- &
program=$!
echo "$program" >&3
exec >/dev/null 2>&1 3>&-
read -r word
kill -KILL "$program"
wait "$program"
code=$?
[ "$word" = keep ] || rm -rf -- "$folder"
exit "$code"`;

/** How to run a program. */
export interface WatchedOptions {
  /** What is removed if this process dies before the program has ended. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A program that ends no later than this process. */
export interface Watched {
  readonly pid: number;
  /** Resolves with its exit code (128 + its number for a signal) when it has ended; its folder is still there then. */
  readonly ended: Promise<number>;
  /** What it wrote to stdout and stderr, the last 64 KiB of it. */
  output(): string;
  /** Calls back with {@link output} whenever there is more of it. */
  onOutput(listener: (output: string) => void): void;
  /** Sends a signal, unless it has ended. */
  signal(name: NodeJS.Signals): void;
}

/**
 * Starts a program under the watcher.
 * @throws Error when there is no shell to run it
 */
export async function spawnWatched(
  command: string,
  args: readonly string[],
  { folder, env }: WatchedOptions,
): Promise<Watched> {
  const child = spawn("/bin/sh", ["-c", watcher, "redis-watcher", folder, command, ...args], {
    env,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    // A session of its own: Ctrl-C in a terminal is for us to handle, and must not end the server under the tests.
    detached: true,
  });
  const { promise: ended, resolve, reject } = withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => resolve(code ?? -1));
  // The shell may be gone already when it is let go.
  child.stdin.on("error", () => undefined);

  let output = "";
  const listeners: ((output: string) => void)[] = [];
  let over = false;
  let open = 2;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      output = (output + chunk).slice(-65_536);
      for (const listener of listeners) listener(output);
    });
    // The shell has closed its own ends, so these end with the program.
    stream.on("end", () => {
      open -= 1;
      if (open > 0) return;
      over = true;
      child.stdin.end("keep\n");
    });
  }

  const pid = await readPid(child.stdio[3], ended);
  return {
    pid,
    ended,
    output: () => output,
    onOutput: (listener) => {
      listeners.push(listener);
      listener(output);
    },
    signal: (name) => {
      if (!over) process.kill(pid, name);
    },
  };
}

async function readPid(pipe: unknown, ended: Promise<number>): Promise<number> {
  if (!(pipe instanceof Readable)) throw new Error("a pipe was not opened");
  const line = new Promise<string>((resolve) => pipe.setEncoding("utf8").once("data", resolve));
  const first = await Promise.race([line, ended]);
  if (typeof first === "number") throw new Error(`/bin/sh ended with ${first}`);
  return Number.parseInt(first, 10);
}

/** `Promise.withResolvers` came with Node 22. */
function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  return { promise, resolve, reject };
}
