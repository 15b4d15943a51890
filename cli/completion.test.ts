import { execFile, spawnSync } from "node:child_process";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, test, vi } from "vitest";
import { commandsAtOnce, CommandStage } from "../tests/command-stage.ts";
import { inTerminal, withoutTerminal } from "../tests/terminal.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write("handlers/index.ts", "export {};");
  // As an installation has it on the path.
  await stage.write("bin/taskpact", `#!/bin/sh\nexec "${process.execPath}" "${stage.main}" "$@"\n`);
  await chmod(join(stage.root, "bin/taskpact"), 0o755);
});

afterAll(() => stage.close());

/** What a shell is run with: the command on its path. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return { ...inherited, PATH: `${join(stage.root, "bin")}:${process.env["PATH"]}` };
}

/** Why nothing can be tried in a shell; undefined where it is installed. */
function without(shell: string): string | undefined {
  return spawnSync(shell, ["-c", "exit 0"]).status === 0 ? undefined : `${shell} is not here`;
}

/** Prints the completion of a shell into a file. */
async function script(shell: string, file: string): Promise<string> {
  const { stdout } = await stage.run(["completion", shell]);
  await stage.write(file, stdout);
  return join(stage.root, file);
}

/** The lines that a shell prints for a program of its own. */
async function linesOf(shell: string, args: readonly string[], program: string): Promise<readonly string[]> {
  const options = { cwd: stage.root, env: environment() };
  const { stdout } = await promisify(execFile)(shell, [...args, "-c", program], options);
  return stdout.trimEnd().split("\n");
}

test.concurrent.for([
  [[""], ["worker", "call", "parked", "gen"]],
  [["ca"], ["call", "cancel"]],
  [
    ["parked", ""],
    ["ls", "show", "replay", "discard"],
  ],
  [["call", "add"], ["addition"]],
  [
    ["status", ""],
    ["addition", "wordCount", "asynchronous"],
  ],
  [["parked", "ls", "--task", "add"], ["addition"]],
  [["call", "math.add"], []],
  [["call", "addition", "--pol"], ["--policy"]],
  [
    ["call", "addition", "--"],
    ["--a", "--b", "--policy", "--help"],
  ],
  [["submit", "--delay", "5s", "timing.asynchronous", "--l"], ["--lag-ms"]],
  [["status", "addition", "--a"], []],
  [["call", "addition", ""], []],
  [
    ["call", "--policy", ""],
    ["remote-only", "auto"],
  ],
  [
    ["events", "--kind", "work"],
    ["workerUp", "workerDown"],
  ],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
] as const)("%j is completed with %j", async ([words, candidates], { expect }) => {
  const { code, stdout } = await stage.run(["complete", "--", ...words]);
  expect(code).toBe(0);
  if (candidates.length === 0) expect(stdout).toBe("");
  else expect(stdout.split("\n")).toEqual(expect.arrayContaining([...candidates]));
});

test.concurrent("a project that is named on the line is the one that is asked", async ({ expect }) => {
  const cwd = join(stage.root, "bin");
  const words = ["complete", "--", "call", "--project", "..", "add"];
  expect(await stage.run(words, { cwd })).toMatchObject({ code: 0, stdout: "addition\n" });
});

test.concurrent("bash completes by what taskpact prints for it", async ({ expect, skip }) => {
  skip(without("bash") !== undefined, without("bash"));
  const file = await script("bash", "completion.bash");
  const program = `source ${file}
    COMP_WORDS=(taskpact call add); COMP_CWORD=2; _taskpact; echo "\${COMPREPLY[@]}"
    COMP_WORDS=(taskpact parked ""); COMP_CWORD=2; _taskpact; echo "\${COMPREPLY[@]}"`;
  expect(await linesOf("bash", ["--norc"], program)).toEqual(["addition", "ls show replay discard help"]);
});

test.concurrent("fish does, and offers files only where nothing else is known", async ({ expect, skip }) => {
  skip(without("fish") !== undefined, without("fish"));
  const file = await script("fish", "completion.fish");
  const completed = (line: string): Promise<readonly string[]> =>
    linesOf("fish", ["--no-config"], `source ${file}; complete -C '${line}'`);
  expect(await completed("taskpact ca")).toEqual(["call", "cancel"]);
  expect(await completed("taskpact call --policy ")).toEqual(["auto", "local-first", "remote-only"]);
  expect(await completed("taskpact parked ")).toEqual(["discard", "help", "ls", "replay", "show"]);
  expect(await completed("taskpact worker ha")).toEqual(["handlers/"]);
});

test.concurrent("zsh does from the first tabulator on, and offers files where nothing else is known", async (context) => {
  const { expect, onTestFinished, skip } = context;
  const reason = without("zsh") ?? withoutTerminal;
  skip(reason !== undefined, reason);
  await script("zsh", "functions/_taskpact");
  const rc = `PS1='> '; fpath=(${stage.root}/functions $fpath); autoload -Uz compinit; compinit -u -d ${stage.root}/dump`;
  await stage.write("home/.zshrc", rc);
  const env = { ...environment(), ZDOTDIR: join(stage.root, "home") };
  const zsh = inTerminal(["zsh", "-i"], { cwd: stage.root, env });
  onTestFinished(async () => {
    zsh.kill();
    await zsh.ended;
  });
  await zsh.until("> ");
  zsh.type("taskpact canc\t");
  await zsh.until("el");
  zsh.type("\x15taskpact call add\t");
  await zsh.until("call addition");
  zsh.type("\x15taskpact worker ha\t");
  await zsh.until("worker handlers");
  zsh.type("\x15exit\n");
  await expect(zsh.ended).resolves.toBe(0);
});

test.concurrent("zsh takes it as it is, too, where the start-up file evaluates it", async ({ expect, skip }) => {
  skip(without("zsh") !== undefined, without("zsh"));
  const file = await script("zsh", "evaluated.zsh");
  const program = `autoload -Uz compinit; compinit -u -D; source ${file}; print $_comps[taskpact]`;
  expect(await linesOf("zsh", ["-f"], program)).toEqual(["_taskpact"]);
});
