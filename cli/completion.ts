import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Command, Option } from "commander";
import { paramsOf, textsOf } from "./docs.ts";
import { flagOf } from "./param-name.ts";
import { program } from "./program.ts";
import { generatedFolder, openProject } from "./project.ts";
import type { CommonOptions } from "./session.ts";

/** What each shell asks, and how: all of it is told by `taskpact complete`, with the words so far. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_taskpact() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(taskpact complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _taskpact taskpact`,
  // A file of $fpath is called at the first tabulator, and is to answer then; what is sourced only announces itself.
  zsh: `#compdef taskpact
_taskpact() {
  local -a candidates
  candidates=(\${(f)"$(taskpact complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)"})
  compadd -a candidates || _files
}
if [[ "$funcstack[1]" == "_taskpact" ]]; then _taskpact "$@"; else compdef _taskpact taskpact; fi`,
  // As the others do, it offers files where nothing else is known, and nowhere besides.
  fish: `function __taskpact_complete
    set -l candidates (taskpact complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
    if set -q candidates[1]
        printf '%s\\n' $candidates
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c taskpact -f -a '(__taskpact_complete)'`,
};

/** Prints the completion of a shell. */
export async function completion(_: object, shell: string): Promise<void> {
  process.stdout.write(`${scripts[shell]!}\n`);
}

/** Prints what may stand for the last of some words, a line each. Loads no contract: it is asked at every tabulator. */
export async function complete(options: CommonOptions, ...words: readonly string[]): Promise<void> {
  const given = words.filter((word, at) => at > 0 || word !== "--");
  const typed = given.at(-1) ?? "";
  const named = given.lastIndexOf("--project", -2);
  const project = named === -1 ? options.project : given[named + 1]!;
  const place = { ...commandOf(program(), given.slice(0, -1)), project };
  const candidates = typed.startsWith("-") ? await flagsAt(place) : await wordsAt(place);
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  if (fitting.length > 0) process.stdout.write(`${fitting.join("\n")}\n`);
}

/** Where a word is typed. */
interface Place {
  readonly command: Command;
  /** The words between the command and this one. */
  readonly rest: readonly string[];
  readonly project: string;
}

/** The innermost command that words name, and those that name none. */
function commandOf(root: Command, words: readonly string[]): Pick<Place, "command" | "rest"> {
  const [word, ...rest] = words;
  const inner = root.commands.find((command) => command.name() === word);
  return inner === undefined ? { command: root, rest: words } : commandOf(inner, rest);
}

/** Those of the command; and of the task that it calls, if one is named. */
async function flagsAt({ command, rest, project }: Place): Promise<readonly string[]> {
  const own = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
  const calls = command.registeredArguments.some((argument) => argument.name() === "params");
  const task = calls
    ? (await tasksIn(project)).find(({ names }) => names.some((name) => rest.includes(name)))
    : undefined;
  return [...new Set([...(task?.params ?? []).map(flagOf), ...own, "--help"])];
}

async function wordsAt({ command, rest, project }: Place): Promise<readonly string[]> {
  if (command.commands.length > 0)
    return command
      .createHelp()
      .visibleCommands(command)
      .map((one) => one.name());
  const before = valuedOption(command, rest.at(-1));
  if (before !== undefined)
    return before.flags.endsWith("<task>") ? await taskNames(project) : (before.argChoices ?? []);
  const argument = command.registeredArguments[0];
  const isGiven = rest.some((word, at) => !word.startsWith("-") && valuedOption(command, rest[at - 1]) === undefined);
  if (argument === undefined || isGiven) return [];
  return argument.name() === "task" ? await taskNames(project) : (argument.argChoices ?? []);
}

/** The option that a word names, if it wants a value. */
function valuedOption(command: Command, word: string | undefined): Option | undefined {
  return command.options.find(({ long, short, required, optional }) => {
    return (required || optional) && word !== undefined && [long, short].includes(word);
  });
}

/** Short names; whole ones where two contracts share one. */
async function taskNames(project: string): Promise<readonly string[]> {
  return (await tasksIn(project)).map(({ names }) => names[0]!).toSorted();
}

/** As the generated texts have them: the names that one is called by, the best first. */
async function tasksIn(
  folder: string,
): Promise<readonly { readonly names: readonly string[]; readonly params: readonly string[] }[]> {
  const project = await openProject(folder);
  const generated = join(project.root, generatedFolder(project));
  const contracts = existsSync(generated)
    ? readdirSync(generated).flatMap((file) => /^(.+?)(?:(?:\.d)?\.ts|\.js)$/.exec(file)?.[1] ?? [])
    : [];
  const tasks = [...new Set(contracts)].flatMap((contract) =>
    [...textsOf(project, contract)].map(([short, { signature }]) => ({ contract, short, signature })),
  );
  const shorts = tasks.map(({ short }) => short);
  return tasks.map(({ contract, short, signature }) => {
    const whole = `${contract}.${short}`;
    const isOnly = shorts.indexOf(short) === shorts.lastIndexOf(short);
    return { names: isOnly ? [short, whole] : [whole], params: signature === undefined ? [] : paramsOf(signature) };
  });
}
