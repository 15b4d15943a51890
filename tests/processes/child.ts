import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A program of this folder in a process of its own, which ends with ours at the latest. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  #output = "";

  constructor(file: string, args: readonly string[]) {
    this.#name = [file, ...args].join(" ");
    this.#process = fork(new URL(file, import.meta.url), args, {
      execArgv: ["--import", "tsx", "-C", "taskpact-source"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
    this.#ended = once(this.#process, "close").then(([code, signal]) => [code, signal] as const);
  }

  /** The next thing it says. @throws Error with its output if it ends before. */
  async said(): Promise<unknown> {
    const over = new AbortController();
    const message = once(this.#process, "message", { signal: over.signal }).then(([said]) => said as unknown);
    const ended = this.#ended.then(([code, signal]) => {
      over.abort();
      throw new Error(`${this.#name} ended with ${code ?? signal} before it had its say:\n${this.#output}`);
    });
    return Promise.race([message, ended]).finally(() => {
      ended.catch(() => undefined);
      message.catch(() => undefined);
    });
  }

  tell(what: string): void {
    this.#process.send(what);
  }

  signal(name: "SIGTERM" | "SIGINT"): void {
    this.#process.kill(name);
  }

  /** Resolves when it has ended by itself. @throws Error with its output if it did so in another way than with code 0. */
  async ended(): Promise<void> {
    const [code, signal] = await this.#ended;
    if (code !== 0) throw new Error(`${this.#name} ended with ${code ?? signal}:\n${this.#output}`);
  }

  /** Ends it, whatever it does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
