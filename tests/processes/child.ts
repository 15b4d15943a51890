import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A program in a process of its own, which ends with ours at the latest. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  readonly #said: unknown[] = [];
  #heard: (() => void) | undefined;
  #output = "";

  /**
   * @param file - of this folder, or a URL
   * @param preload - URL of a module that is loaded before the program
   */
  constructor(file: string | URL, args: readonly string[], preload?: URL) {
    this.#name = [file, ...args].join(" ");
    const preloaded = preload === undefined ? [] : ["--import", preload.href];
    this.#process = fork(new URL(file, import.meta.url), args, {
      execArgv: [...preloaded, "--import", "tsx", "-C", "taskpact-source"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
    });
    this.#process.on("message", (said) => {
      this.#said.push(said);
      this.#heard?.();
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
    this.#ended = once(this.#process, "close").then(([code, signal]) => [code, signal] as const);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The next thing it says, or has said. @throws Error with its output if it ends before. */
  async said(): Promise<unknown> {
    if (this.#said.length === 0) {
      const heard = new Promise<void>((resolve) => (this.#heard = resolve));
      const end = await Promise.race([heard, this.#ended]);
      if (this.#said.length === 0) {
        const [code, signal] = end ?? [];
        throw new Error(`${this.#name} ended with ${code ?? signal} before it had its say:\n${this.#output}`);
      }
    }
    return this.#said.shift();
  }

  /** One that is just gone hears nothing. */
  tell(what: string): void {
    this.#process.send(what, () => undefined);
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(name);
  }

  /** Resolves when it has ended by itself. @throws Error with its output if it did so in another way than with code 0. */
  async ended(): Promise<void> {
    const [code, signal] = await this.#ended;
    if (code !== 0) throw new Error(`${this.#name} ended with ${code ?? signal}:\n${this.#output}`);
  }

  /** Resolves when it has ended, in whichever way, with its code or the signal that ended it. */
  async gone(): Promise<number | NodeJS.Signals | null> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }

  /** Ends it, whatever it does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** What it has written. */
  output(): string {
    return this.#output;
  }
}
