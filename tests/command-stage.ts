/** A user's project with the package as it would be published, in which the `taskpact` command is run. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";
import { built } from "./built/package.ts";
import { inTerminal, type Terminal } from "./terminal.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));

/** How many tests of a file start commands at a time: more than there are processors only starve each other. */
export const commandsAtOnce = availableParallelism();

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
  /** Reads no more of what it prints, as `head` does when it has enough. */
  deafen(): void;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** What ends a program with its test; a test that runs beside others has its own. */
type Finishing = Pick<TestContext, "onTestFinished">;

/** How a command is run. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The text of standard input. @default none, and it is at its end */
  readonly input?: string | undefined;
  readonly cwd?: string | undefined;
}

/** The project: this repository's contracts, and what is generated of them. */
export class CommandStage {
  readonly root: string;
  /** The same, built for production: a command that knows it by `TASKPACT_PROJECT` needs no tsx, and half the time. */
  readonly builtProject: string;
  /** The command's program. */
  readonly main: string;

  private constructor(root: string, builtProject: string) {
    this.root = root;
    this.builtProject = builtProject;
    this.main = join(root, "node_modules/taskpact/dist/cli/main.js");
  }

  static async open(): Promise<CommandStage> {
    const { modules, project } = await built();
    const root = await mkdtemp(join(tmpdir(), "taskpact-command-"));
    await symlink(modules, join(root, "node_modules"));
    for (const name of ["contracts", "generated", "tsconfig.json"])
      await cp(join(repository, name), join(root, name), { recursive: true });
    const stage = new CommandStage(root, project);
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
  start({ onTestFinished }: Finishing, args: readonly string[], surroundings: Surroundings = {}): Running {
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
    const deafen = (): void => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    return { pid: child.pid!, until, signal: (name) => void child.kill(name), deafen, ended };
  }

  /** Starts it in a terminal; it ends with the test at the latest. */
  inTerminal({ onTestFinished }: Finishing, args: readonly string[], surroundings: Surroundings = {}): Terminal {
    const { env, cwd = this.root } = surroundings;
    const options = { cwd, env: { ...environment(), ...env } };
    const terminal = inTerminal([process.execPath, this.main, ...args], options);
    onTestFinished(async () => {
      terminal.kill();
      await terminal.ended;
    });
    return terminal;
  }

  #spawn(args: readonly string[], { env, cwd = this.root }: Surroundings) {
    return spawn(process.execPath, [this.main, ...args], { cwd, env: { ...environment(), ...env } });
  }
}

/** What vitest sets of its own would silence the log, and colors are for terminals to decide. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, NODE_OPTIONS: __, VITEST: ___, NO_COLOR: ____, FORCE_COLOR: _____, ...inherited } = process.env;
  return inherited;
}
