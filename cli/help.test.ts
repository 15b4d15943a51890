import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { CommandStage } from "../tests/command-stage.ts";
import { program } from "./program.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** Tells of each module that is loaded. */
const hook = `import { writeSync } from "node:fs";
export const load = (url, context, next) => {
  writeSync(2, url + "\\n");
  return next(url, context);
};`;
const register = `import { register } from "node:module"; register("data:text/javascript,${encodeURIComponent(hook)}");`;

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

test("help loads nothing but the commands' names", async () => {
  const env = { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(register)}"` };
  const { code, stdout, stderr } = await stage.run(["ls", "--help"], { env });
  expect([code, stdout]).toEqual([0, expect.stringContaining("Usage: taskpact ls [options] [task]")]);
  const loaded = stderr.split("\n").filter((line) => line.startsWith("file:"));
  const own = loaded.flatMap((url) => /\/taskpact\/dist\/(.+)$/.exec(url)?.[1] ?? []).toSorted();
  expect(own).toEqual([
    "cli/command-parts.js",
    "cli/exit-code.js",
    "cli/flag-value.js",
    "cli/main.js",
    "cli/program.js",
    "generator/command.js",
    "generator/diagnostic.js",
    "runtime/errors.js",
  ]);
  expect(loaded.filter((url) => !url.includes("/taskpact/dist/") && !url.includes("/commander/"))).toEqual([]);
});

test("every command has a description, and an example or commands of its own", () => {
  const commands = (of = program()): ReturnType<typeof program>[] =>
    of.commands.flatMap((one) => [one, ...commands(one)]);
  const described = commands().filter((command) => command.name() !== "complete");
  expect(described.length).toBeGreaterThan(20);
  expect(described.filter((command) => command.description() === "")).toEqual([]);
});

test.for([
  [["lss"], "Did you mean ls?"],
  [["ls", "--jsn"], "Did you mean --json?"],
  [["completion", "tcsh"], "Allowed choices are bash, zsh, fish"],
] as const)("taskpact %j ends with code 2, and says: %s", async ([args, reason]) => {
  const { code, stderr } = await stage.run(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
});

test.for([
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
  [["call", "addition", "--pol"], ["--policy"]],
  [
    ["call", "--policy", ""],
    ["remote-only", "auto"],
  ],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
] as const)("completes %j with %j", async ([words, candidates]) => {
  const { code, stdout } = await stage.run(["complete", "--", ...words]);
  expect(code).toBe(0);
  expect(stdout.split("\n")).toEqual(expect.arrayContaining([...candidates]));
});

test("completes nothing where a parameter's value stands", async () => {
  expect(await stage.run(["complete", "--", "call", "addition", ""])).toMatchObject({ code: 0, stdout: "" });
});

test("bash completes by what taskpact prints for it", async () => {
  const { stdout } = await stage.run(["completion", "bash"]);
  await stage.write("completion.bash", stdout);
  await stage.write(
    "try.bash",
    `taskpact() { ${process.execPath} ${stage.root}/node_modules/taskpact/dist/cli/main.js "$@"; }
     source ${stage.root}/completion.bash
     COMP_WORDS=(taskpact call add); COMP_CWORD=2; _taskpact; echo "\${COMPREPLY[@]}"
     COMP_WORDS=(taskpact parked ""); COMP_CWORD=2; _taskpact; echo "\${COMPREPLY[@]}"`,
  );
  const { execFileSync } = await import("node:child_process");
  const printed = execFileSync("bash", [`${stage.root}/try.bash`], { cwd: stage.root, encoding: "utf8" });
  expect(printed).toBe("addition\nls show replay discard help\n");
});
