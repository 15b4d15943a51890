import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { openProject } from "./project.ts";
import { textsOf } from "./docs.ts";
import { program } from "./program.ts";
import type { CommonOptions } from "./session.ts";

/** What each shell asks, and how: all of it is told by `taskpact complete`, with the words so far. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_taskpact() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(taskpact complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _taskpact taskpact`,
  zsh: `#compdef taskpact
_taskpact() {
  local -a candidates
  candidates=(\${(f)"$(taskpact complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)"})
  compadd -a candidates || _files
}
compdef _taskpact taskpact`,
  fish: `complete -c taskpact -a '(taskpact complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
};

/** Prints the completion of a shell. */
export async function completion(_: object, shell: string): Promise<void> {
  process.stdout.write(`${scripts[shell]!}\n`);
}

/** Prints what may stand for the last of some words, a line each. Loads no contract: it is asked at every tabulator. */
export async function complete(options: CommonOptions, ...words: readonly string[]): Promise<void> {
  const given = words.filter((word, at) => at > 0 || word !== "--");
  const typed = given.at(-1) ?? "";
  const { command, rest } = commandOf(program(), given.slice(0, -1));
  const candidates = typed.startsWith("-") ? flagsOf(command) : await wordsOf(command, rest, options);
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  if (fitting.length > 0) process.stdout.write(`${fitting.join("\n")}\n`);
}

/** The innermost command that words name, and those that name none. */
function commandOf(root: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  const [word, ...rest] = words;
  const inner = root.commands.find((command) => command.name() === word);
  return inner === undefined ? { command: root, rest: words } : commandOf(inner, rest);
}

function flagsOf(command: Command): readonly string[] {
  return [...command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long])), "--help"];
}

async function wordsOf(command: Command, rest: readonly string[], options: CommonOptions): Promise<readonly string[]> {
  if (command.commands.length > 0)
    return command
      .createHelp()
      .visibleCommands(command)
      .map((one) => one.name());
  const before = command.options.find(({ long, short }) => [long, short].includes(rest.at(-1) ?? ""));
  if (before !== undefined && (before.required || before.optional)) return before.argChoices ?? [];
  const argument = command.registeredArguments[0];
  if (argument === undefined || rest.some((word) => !word.startsWith("-"))) return [];
  return argument.name() === "task" ? await taskNames(options) : (argument.argChoices ?? []);
}

/** As the generated texts have them. Short names; whole ones where two contracts share one. */
async function taskNames(options: CommonOptions): Promise<readonly string[]> {
  const project = await openProject(options.project);
  const folder = join(project.root, project.config.generated ?? "generated");
  const contracts = existsSync(folder)
    ? readdirSync(folder).flatMap((file) => /^(.+?)(?:\.d)?\.ts$/.exec(file)?.[1] ?? [])
    : [];
  const names = contracts.flatMap((contract) => [...textsOf(project, contract).keys()].map((task) => [contract, task]));
  const short = names.map(([, task]) => task!);
  return names
    .map(([contract, task]) => (short.indexOf(task!) === short.lastIndexOf(task!) ? task! : `${contract}.${task}`))
    .toSorted();
}
