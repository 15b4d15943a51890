import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

const repository = resolve(import.meta.dirname, "..");

/** A user's project in a folder of its own, which is gone when the test has finished. */
export interface TemporaryProject {
  readonly root: string;
  write(path: string, text: string): void;
  remove(path: string): void;
  read(path: string): string;
  has(path: string): boolean;
  /** Runs `npm run gen` as it is in this repository, to its end. */
  gen(...args: readonly string[]): SpawnSyncReturns<string>;
  /** Starts it, and hands out the lines that it prints. */
  startGen(...args: readonly string[]): RunningGen;
  /** Runs TypeScript over the project. */
  typeCheck(): SpawnSyncReturns<string>;
}

/** A generator that runs, as with `--watch`. */
export interface RunningGen {
  /** What it prints to either stream, up to and with the next line that holds a text. */
  until(text: string): Promise<string>;
  /** @returns its exit code */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const everyProject: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ type: "module", scripts: { gen: "taskpact-gen" } }),
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      module: "nodenext",
      target: "es2023",
      types: ["node"],
      customConditions: ["taskpact-source"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noUnusedLocals: true,
      noUnusedParameters: true,
      verbatimModuleSyntax: true,
      erasableSyntaxOnly: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck: true,
      noEmit: true,
    },
  }),
};

/** What contracts begin with. */
export const contractHead = `import { task } from "taskpact";\nimport * as z from "zod";\n`;

/** Makes a project of these files, in which `taskpact` is this repository. */
export function temporaryProject(files: Readonly<Record<string, string>> = {}): TemporaryProject {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "taskpact-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const project: TemporaryProject = {
    root,
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    remove: (path) => rmSync(join(root, path), { recursive: true }),
    read: (path) => readFileSync(join(root, path), "utf8"),
    has: (path) => existsSync(join(root, path)),
    gen: (...args) => spawnSync(process.execPath, genArguments(args), { cwd: root, encoding: "utf8" }),
    startGen: (...args) => startGen(root, args),
    typeCheck: () =>
      spawnSync(join(repository, "node_modules/.bin/tsc"), ["--noEmit", "-p", root], { cwd: root, encoding: "utf8" }),
  };
  mkdirSync(join(root, "node_modules/@types"), { recursive: true });
  symlinkSync(repository, join(root, "node_modules/taskpact"));
  for (const name of ["zod", "@types/node"])
    symlinkSync(join(repository, "node_modules", name), join(root, "node_modules", name));
  for (const [path, text] of Object.entries({ ...everyProject, ...files })) project.write(path, text);
  return project;
}

function genArguments(args: readonly string[]): readonly string[] {
  const tsx = import.meta.resolve("tsx");
  return ["--import", tsx, "-C", "taskpact-source", join(repository, "generator/cli.ts"), ...args];
}

function startGen(root: string, args: readonly string[]): RunningGen {
  const child = spawn(process.execPath, genArguments(args), { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  onTestFinished(() => void child.kill("SIGKILL"));
  const printed: string[] = [];
  let onLine = (): void => {};
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      printed.push(line);
      onLine();
    });
  }
  return {
    until: (text) =>
      new Promise((resolve) => {
        onLine = () => {
          const index = printed.findIndex((line) => line.includes(text));
          if (index !== -1) resolve(printed.splice(0, index + 1).join("\n"));
        };
        onLine();
      }),
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
