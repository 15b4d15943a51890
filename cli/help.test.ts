import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { sourcesOf, telling } from "../tests/built/loaded.ts";
import { commandsAtOnce, CommandStage } from "../tests/command-stage.ts";
import { program } from "./program.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

test.concurrent("help loads nothing but the commands' names", async ({ expect }) => {
  const env = { NODE_OPTIONS: telling.map((argument) => JSON.stringify(argument)).join(" ") };
  const { code, stdout, stderr } = await stage.run(["ls", "--help"], { env });
  expect([code, stdout]).toEqual([0, expect.stringContaining("Usage: taskpact ls [options] [task]")]);
  expect(sourcesOf(stderr).toSorted()).toEqual([
    "cli/command-parts.ts",
    "cli/exit-code.ts",
    "cli/flag-value.ts",
    "cli/main.ts",
    "cli/program.ts",
    "generator/command.ts",
    "generator/diagnostic.ts",
    "generator/launcher.ts",
    "runtime/errors.ts",
    "runtime/events.ts",
    "runtime/redaction.ts",
    "runtime/thrown.ts",
    "runtime/version.ts",
  ]);
  const loaded = stderr.split("\n").filter((line) => line.startsWith("file:"));
  expect(loaded.filter((url) => !url.includes("/taskpact/dist/") && !url.includes("/commander/"))).toEqual([]);
});

test.concurrent("tells the package's version", async ({ expect }) => {
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  expect(await stage.run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test("every command has a description, and an example or commands of its own", () => {
  const commands = (of = program()): ReturnType<typeof program>[] =>
    of.commands.flatMap((one) => [one, ...commands(one)]);
  const described = commands().filter((command) => command.name() !== "complete");
  expect(described.length).toBeGreaterThan(20);
  expect(described.filter((command) => command.description() === "")).toEqual([]);
});

test.concurrent.for([
  [["lss"], "Did you mean ls?"],
  [["ls", "--jsn"], "Did you mean --json?"],
  [["completion", "tcsh"], "Allowed choices are bash, zsh, fish"],
] as const)("taskpact %j ends with code 2, and says: %s", async ([args, reason], { expect }) => {
  const { code, stderr } = await stage.run(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
});
