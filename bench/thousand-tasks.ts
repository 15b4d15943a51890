/**
 * What a thousand tasks cost: generating them, and checking a program that uses each.
 *
 *     npm run bench:gen            # 1,000 tasks in 20 contracts, median of 5 runs
 *     npm run bench:gen -- 400 10  # 400 tasks in 10 contracts
 *
 * Makes a project in a temporary folder, and measures whole processes from their start to their end. The peak memory of
 * `gen` is that of its process, read from inside at its end.
 */
import { spawn, spawnSync } from "node:child_process";
import { on, once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const repository = resolve(import.meta.dirname, "..");
const [taskCount = 1_000, contractCount = 20] = process.argv.slice(2).map(Number);
const runs = 5;
const cli = join(repository, "generator/cli.ts");
const tsx = ["--import", "tsx", "-C", "taskpact-source"];

/** Five tasks of everyday shape, over and over: five schemas each, in the middle. */
const templates = [
  (name: string) => `/** Looks up one record of ${name}. */
export const ${name} = task({
  params: { id: z.uuid(), revision: z.int().optional() },
  result: z.object({ id: z.string(), revision: z.number(), title: z.string(), updatedAt: z.date() }),
  errors: { notFound: z.object({ id: z.string() }) },
});`,
  (name: string) => `/** Searches ${name}. */
export const ${name} = task({
  params: { text: z.string().min(1), limit: z.int().max(100).default(20), order: z.enum(["newest", "oldest"]).default("newest") },
  result: z.array(z.object({ id: z.string(), score: z.number() })),
});`,
  (name: string) => `/** Adds two numbers for ${name}. */
export const ${name} = task({
  params: { a: z.number().default(0), b: z.number().default(0) },
  result: z.number(),
});`,
  (name: string) => `/**
 * Places an order of ${name}.
 *
 * @returns its number
 */
export const ${name} = task({
  params: {
    order: z.object({
      customer: z.object({ name: z.string(), email: z.email(), tags: z.set(z.string()) }),
      lines: z.array(z.object({ sku: z.string(), quantity: z.int(), note: z.string().optional() })),
      payment: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("card"), token: z.string() }),
        z.object({ kind: z.literal("invoice"), reference: z.string().nullable() }),
      ]),
    }),
  },
  result: z.object({ number: z.string(), total: z.bigint() }),
  errors: { outOfStock: z.object({ sku: z.string() }), refused: z.object({ reason: z.string() }) },
  retry: { attempts: 3 },
});`,
  (name: string) => `/** Renders ${name}. */
export const ${name} = task({
  params: { source: z.instanceof(Uint8Array), options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional() },
  result: z.object({ bytes: z.instanceof(Uint8Array), pages: z.int() }),
  progress: z.object({ page: z.int() }),
});`,
];

const argumentsOf = [
  `"id"`,
  `"text", 10`,
  "1, 2",
  `{ customer: { name: "", email: "", tags: new Set<string>() }, lines: [], payment: { kind: "card", token: "" } }`,
  "new Uint8Array()",
];

const project = mkdtempSync(join(tmpdir(), "taskpact-bench-"));
try {
  writeProject();
  // One of each in turn, so that what else the machine does falls on all of them.
  const rounds = Array.from({ length: runs }, () => {
    const gen = measureGeneration();
    const warm = generate().seconds;
    const contracts = typeCheck("tsconfig.contracts.json");
    const client = typeCheck("tsconfig.client.json");
    const conformance = typeCheck("tsconfig.json");
    return { gen, warm, contracts, client, conformance };
  });
  const save = median(await measureSaves());
  const figure = (of: (round: (typeof rounds)[number]) => number): string => `${median(rounds.map(of)).toFixed(2)} s`;
  const peak = median(rounds.map(({ gen }) => gen.megabytes)).toFixed(0);
  print([
    ["gen, nothing generated yet", `${figure(({ gen }) => gen.seconds)}, peak ${peak} MB`],
    ["gen, all in step", figure(({ warm }) => warm)],
    ["gen --watch, from a save of one contract to its files", `${(save * 1_000).toFixed(0)} ms`],
    ["tsc, the contracts alone", figure(({ contracts }) => contracts)],
    ["  with the client and a file that uses every task", `+ ${figure(({ client, contracts }) => client - contracts)}`],
    ["  with conformance.ts as well", `+ ${figure(({ conformance, contracts }) => conformance - contracts)}`],
  ]);
} finally {
  rmSync(project, { recursive: true });
}

function writeProject(): void {
  const names = Array.from({ length: taskCount }, (_, index) => `task${index}`);
  mkdirSync(join(project, "contracts"));
  mkdirSync(join(project, "node_modules"));
  symlinkSync(repository, join(project, "node_modules/taskpact"));
  symlinkSync(join(repository, "node_modules/zod"), join(project, "node_modules/zod"));
  symlinkSync(join(repository, "node_modules/@types"), join(project, "node_modules/@types"));
  for (let contract = 0; contract < contractCount; contract++) {
    const tasks = names.flatMap((name, index) =>
      index % contractCount === contract
        ? [templates[Math.floor(index / contractCount) % templates.length]?.(name)]
        : [],
    );
    const text = `import { task } from "taskpact";\nimport * as z from "zod";\n\n${tasks.join("\n\n")}\n`;
    writeFileSync(join(project, `contracts/contract${contract}.ts`), text);
  }
  const calls = names.map((name, index) => {
    const args = argumentsOf[Math.floor(index / contractCount) % argumentsOf.length];
    return `export const answer${index} = await tasks.${name}(${args});`;
  });
  const head = `import { createTasks } from "./generated/index.ts";\nconst tasks = createTasks({ broker: "memory:" });\n`;
  writeFileSync(join(project, "use.ts"), `${head}${calls.join("\n")}\n`);
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  const base = { extends: join(repository, "tsconfig.json"), exclude: [] };
  const write = (file: string, include: readonly string[], files: readonly string[] = []): void =>
    writeFileSync(join(project, file), JSON.stringify({ ...base, include, files }));
  write("tsconfig.json", ["contracts", "generated"], ["use.ts"]);
  write("tsconfig.client.json", ["contracts"], ["use.ts"]);
  write("tsconfig.contracts.json", ["contracts"]);
}

interface Run {
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs the generator as `npm run gen` does, without npm. */
function generate(): Run {
  const report = `data:text/javascript,process.on("exit",()=>process.stderr.write("peak "+process.resourceUsage().maxRSS))`;
  return run(process.execPath, [...tsx, "--import", report, cli, "--project", project]);
}

function measureGeneration(): { readonly seconds: number; readonly megabytes: number } {
  rmSync(join(project, "generated"), { recursive: true, force: true });
  const { seconds, stderr } = generate();
  return { seconds, megabytes: Number(/peak (\d+)/.exec(stderr)?.[1]) / 1024 };
}

/** Saves one contract again and again, and waits each time until it is generated. */
async function measureSaves(): Promise<readonly number[]> {
  const child = spawn(process.execPath, [...tsx, cli, "--watch", "--project", project], { cwd: repository });
  const lines = createInterface({ input: child.stdout });
  const isDone = async (): Promise<void> => {
    for await (const [line] of on(lines, "line")) if (String(line).startsWith("watching")) return;
  };
  await isDone();
  const path = join(project, "contracts/contract0.ts");
  const text = readFileSync(path, "utf8");
  const times: number[] = [];
  for (let count = 0; count < 2 * runs; count++) {
    const done = isDone();
    const start = performance.now();
    writeFileSync(path, count % 2 === 0 ? text.replace("z.number()", "z.string()") : text);
    await done;
    times.push((performance.now() - start) / 1_000);
  }
  child.kill("SIGINT");
  await once(child, "exit");
  return times;
}

function typeCheck(tsconfig: string): number {
  return run(join(repository, "node_modules/.bin/tsc"), ["--noEmit", "-p", join(project, tsconfig)]).seconds;
}

function run(command: string, args: readonly string[]): Run {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: repository, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return { stderr, seconds: (performance.now() - start) / 1_000 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(rows: readonly (readonly [string, string])[]): void {
  console.log(`${taskCount} tasks in ${contractCount} contracts, Node ${process.version}, median of ${runs}`);
  for (const [what, figure] of rows) console.log(`  ${what.padEnd(52)} ${figure}`);
}
