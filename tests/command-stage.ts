/** A user's project with the package as it would be published, in which the `taskpact` command is run. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const repository = fileURLToPath(new URL("..", import.meta.url));
const peers = ["zod", "ioredis", "ts-morph", "tsx", "commander", "croner"];

/** What a command that has ended leaves. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly pid: number;
  /** The next line of either stream that holds a text; those before it are forgotten. */
  until(text: string): Promise<string>;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** How a command is run. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The text of standard input. @default none, and it is at its end */
  readonly input?: string | undefined;
  readonly cwd?: string | undefined;
}

/** The project: this repository's contracts, what is generated of them, and a handler for each. */
export class CommandStage {
  readonly root: string;
  readonly #main: string;

  private constructor(root: string) {
    this.root = root;
    this.#main = join(root, "node_modules/taskpact/dist/cli/main.js");
  }

  static async open(): Promise<CommandStage> {
    const root = await mkdtemp(join(tmpdir(), "taskpact-command-"));
    const installed = join(root, "node_modules/taskpact");
    await mkdir(installed, { recursive: true });
    const tsc = join(repository, "node_modules/typescript/bin/tsc");
    const project = join(repository, "tsconfig.build.json");
    await promisify(execFile)(process.execPath, [tsc, "-p", project, "--outDir", join(installed, "dist")]);
    await cp(join(repository, "package.json"), join(installed, "package.json"));
    for (const name of peers) await symlink(join(repository, "node_modules", name), join(root, "node_modules", name));
    for (const name of ["contracts", "generated", "tsconfig.json"])
      await cp(join(repository, name), join(root, name), { recursive: true });
    const stage = new CommandStage(root);
    await stage.write("package.json", JSON.stringify({ type: "module" }));
    return stage;
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), text);
  }

  async close(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  /** Runs it to its end. */
  async run(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
    const child = this.#spawn(args, surroundings);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.end(surroundings.input ?? "");
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout, stderr };
  }

  /** Starts it; it ends with the test at the latest. */
  start(args: readonly string[], surroundings: Surroundings = {}): Running {
    const child = this.#spawn(args, surroundings);
    child.stdin.end();
    const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
    const lines: string[] = [];
    const said: string[] = [];
    let heard = (): void => {};
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        lines.push(line);
        said.push(line);
        heard();
      });
    }
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const until = async (text: string): Promise<string> => {
      for (;;) {
        const at = lines.findIndex((line) => line.includes(text));
        if (at !== -1) return lines.splice(0, at + 1).at(-1)!;
        const next = new Promise<void>((resolve) => (heard = resolve));
        const end = await Promise.race([next, ended]);
        if (end !== undefined) throw new Error(`it ended with ${end} before it said "${text}":\n${said.join("\n")}`);
      }
    };
    return { pid: child.pid!, until, signal: (name) => void child.kill(name), ended };
  }

  #spawn(args: readonly string[], { env, cwd = this.root }: Surroundings) {
    // What vitest sets of its own would silence the log.
    const { NODE_ENV: _, NODE_OPTIONS: __, VITEST: ___, ...inherited } = process.env;
    return spawn(process.execPath, [this.#main, ...args], { cwd, env: { ...inherited, ...env } });
  }
}
