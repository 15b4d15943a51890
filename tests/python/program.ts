import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { describe, onTestFinished } from "vitest";
import { describeRedis } from "../redis/suite.ts";

const folder = fileURLToPath(new URL("../../examples/python/", import.meta.url));

/** Another Python may come first on the path than the one that Debian's packages are for. */
const interpreter = ["python3", "/usr/bin/python3"].find(
  (path) => spawnSync(path, ["-c", "import redis, msgpack"], { stdio: "ignore" }).status === 0,
);

if (interpreter === undefined) {
  process.stderr.write(
    "No Python here has both redis and msgpack: its tests are skipped. apt-get install python3-redis python3-msgpack\n",
  );
}

/** `describe` for suites that run Python: skipped where none has both modules, and told on stderr. */
export const describePython = interpreter === undefined ? describe.skip : describeRedis;

/** A program in Python, that ends with its test at the latest. */
export class Program {
  readonly #child;
  readonly #closed;
  #output = "";
  #errors = "";

  /** @param args - a file of examples/python, and what it is given. */
  constructor(...args: readonly string[]) {
    const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" };
    this.#child = spawn(interpreter!, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout.setEncoding("utf8").on("data", (chunk: string) => (this.#output += chunk));
    this.#child.stderr.setEncoding("utf8").on("data", (chunk: string) => (this.#errors += chunk));
    this.#closed = once(this.#child, "close");
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** What it has printed by now. */
  get output(): string {
    return this.#output;
  }

  /** Resolves as soon as it has printed something. @throws Error if it ends before. */
  async printed(text: string): Promise<void> {
    const ended = this.#closed.then(() => {
      if (!this.#output.includes(text)) throw new Error(`it ended without ${text}:\n${this.#output}${this.#errors}`);
    });
    const seen = new Promise<void>((resolve) => {
      const look = (): void => void (this.#output.includes(text) && resolve());
      this.#child.stdout.on("data", look);
      look();
    });
    await Promise.race([seen, ended]);
  }

  /** Resolves with all that it has printed when it ends. @throws Error if it fails. */
  async ended(): Promise<string> {
    const [code, signal] = (await this.#closed) as [number | null, NodeJS.Signals | null];
    if (code !== 0) throw new Error(`it ended with ${code ?? signal}:\n${this.#output}${this.#errors}`);
    return this.#output;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Runs a text. In it, `say(…)` prints a line at a time, from any number of threads. */
export function python(text: string): Program {
  const prelude = `
import sys
def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()
`;
  return new Program("-c", prelude + text);
}

/** Cuts the connections of all programs in Python. Resolves with how many there were. */
export async function cutPython(url: string): Promise<number> {
  const redis = new Redis(url);
  try {
    const lines = String(await redis.client("LIST")).split("\n");
    const ids = lines.flatMap((line) => (line.includes(" name=taskpact:python ") ? [/^id=(\d+)/.exec(line)![1]!] : []));
    // One may be gone by then.
    for (const id of ids) await redis.client("KILL", "ID", id);
    return ids.length;
  } finally {
    redis.disconnect();
  }
}
