import { resolve } from "node:path";
import { Command, Option } from "commander";
import { hasErrors } from "./diagnostic.ts";
import type { Terminal } from "./run.ts";

interface Options {
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly scaffold?: string;
  readonly prune?: boolean;
  readonly project: string;
}

const terminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  error: (text) => void process.stderr.write(`${text}\n`),
};

/** The command that generates; what it takes is loaded when it runs. */
export function generatorCommand(name: string): Command {
  return new Command(name)
    .description("Writes the typed client and the handler types of a project's contracts.")
    .addOption(
      new Option("--check", "write nothing; fail where the generated files are not what they should be").conflicts([
        "watch",
        "scaffold",
      ]),
    )
    .option("--watch", "generate again whenever a contract changes")
    .option(
      "--scaffold <folder>",
      "also write a handlers file for each contract there, and add the stubs that are missing",
    )
    .option("--prune", "forget removed tasks: their handlers are then told no more to go")
    .option("--project <folder>", "the folder of taskpact.config.ts", ".")
    .showHelpAfterError()
    .action(async (options: Options) => {
      process.once("exit", unfinished);
      const isWell = await start(options);
      process.off("exit", unfinished);
      // A contract may have left something running. What was printed goes out first.
      process.stdout.write("", () => process.stderr.write("", () => process.exit(isWell ? 0 : 1)));
    });
}

/** A contract that ends the process while it is imported must not look like a success. */
function unfinished(): void {
  process.stderr.write(
    "a contract ended the process while it was imported: it declares tasks, and does nothing else\n",
  );
  process.exitCode = 1;
}

async function start({ project, watch: keepsWatching, ...options }: Options): Promise<boolean> {
  const generator = await loadGenerator();
  if (generator === undefined) return false;
  const { openProject, report, run, watch } = generator;
  const root = resolve(project);
  if (keepsWatching === true) return watch(root, options, terminal);
  const { settings, diagnostics } = await openProject(root);
  report(diagnostics, terminal);
  return !hasErrors(diagnostics) && run(settings, options, terminal);
}

/** What generating takes is left out of production installs, and may be missing here. */
async function loadGenerator() {
  try {
    await import("tsx/cjs/api");
    const modules = [import("./project.ts"), import("./run.ts"), import("./watch.ts")] as const;
    const [{ openProject }, { report, run }, { watch }] = await Promise.all(modules);
    return { openProject, report, run, watch };
  } catch (error) {
    const missing = /Cannot find package '(ts-morph|tsx|zod)'/.exec(String(error))?.[1];
    if (missing === undefined) throw error;
    terminal.error(
      `error: ${missing} is not installed\n  run: npm install --save-dev ts-morph tsx, and npm install zod`,
    );
    return undefined;
  }
}
