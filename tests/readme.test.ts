import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBroker } from "../runtime/brokers/open.ts";
import { defaultNamespace } from "../runtime/defaults.ts";
import { writeRequest } from "../runtime/envelope.ts";
import { newHeader } from "../runtime/header.ts";
import { buildInto } from "./built/package.ts";
import { startRedis } from "./redis/server.ts";
import { describeRedis } from "./redis/suite.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

interface Block {
  readonly language: string;
  /** The path in the block's first line, if it has one. */
  readonly file: string | undefined;
  readonly text: string;
}

const readme = await readFile(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]): Block => {
  const file = /^\/\/ (\S+\.\w+)\n/.exec(text)?.[1];
  return { language, file, text: file === undefined ? text : text.slice(text.indexOf("\n") + 1) };
});
const files = blocks.filter(({ file }) => file !== undefined);
const snippets = blocks.filter(({ language, file }) => language === "ts" && file === undefined);
const shell = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
const output = blocks.find(({ language }) => language === "text")?.text ?? "";

/** A new user's folder with the package as it would be published, and the README's files as far as they are asked for. */
let folder: string;

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

/** Runs a program of the folder's packages, as npx does. */
async function npx(bin: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(folder, "node_modules", bin), ...args], {
    cwd: folder,
    timeout: 60_000,
  });
  return stdout;
}

const gen = "taskpact/dist/generator/cli.js";
const command = "taskpact/dist/cli/main.js";
const tsx = "tsx/dist/cli.mjs";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "taskpact-readme-"));
  await buildInto(join(folder, "node_modules/taskpact/dist"));
  await writeFile(join(folder, "node_modules/taskpact/package.json"), await readFile(join(root, "package.json")));
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  for (const name of ["zod", "ioredis", "ts-morph", "tsx", "typescript", "commander", "croner", "@types/node"]) {
    await symlink(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  await write("package.json", '{ "type": "module" }');
  for (const { file, text } of files) if (file !== "handlers/math.ts") await write(file!, text);
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a new user who follows the README", { timeout: 60_000 }, () => {
  it("installs what the package asks for", async () => {
    const { peerDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
      peerDependencies: Record<string, string>;
    };
    const installed = shell.flatMap((text) =>
      [...text.matchAll(/npm install (.*)/g)].flatMap(([, names = ""]) => names.split(" ")),
    );
    expect(installed).toEqual(expect.arrayContaining(["taskpact", ...Object.keys(peerDependencies)]));
  });

  it("generates a client and handlers to fill in", async () => {
    const command = shell.find((text) => text.startsWith("npx taskpact-gen"));
    await npx(gen, ...command!.trim().split(" ").slice(2));
    await expect(readFile(join(folder, "handlers/math.ts"), "utf8")).resolves.toContain("unimplemented");
    await npx("typescript/bin/tsc", "--noEmit", "-p", ".");
  });

  it("fills them in, and all of it compiles", async () => {
    for (const { file, text } of files) await write(file!, text);
    const prelude =
      'import { createTasks } from "./generated/index.ts";\nimport { math } from "./handlers/math.ts";\n' +
      'const tasks = createTasks({ broker: "memory:", implementations: [math] });\n';
    for (const [index, { text }] of snippets.entries()) {
      await write(`snippet-${index}.ts`, `${prelude}${text}\nawait tasks.client.close();\n`);
    }
    await npx(gen, "--check");
    await npx("typescript/bin/tsc", "--noEmit", "-p", ".");
  });

  it("runs it without Redis", async () => {
    await expect(npx(tsx, "alone.ts")).resolves.toBe("23\n");
    await expect(npx(tsx, "cleaner.ts")).resolves.toBe("logs: 30 days\nforget false true\n");
    for (const index of snippets.keys()) await expect(npx(tsx, `snippet-${index}.ts`)).resolves.toBe("1\n");
  });

  it("tests it", async () => {
    await expect(npx(tsx, "--test", "math.test.ts")).resolves.toMatch(/^. pass 3$/m);
  });
});

describeRedis("a new user with a Redis", () => {
  it("runs worker and caller in two processes, and a parked call again", { timeout: 60_000 }, async () => {
    await using redis = await startRedis();
    await parkDivision(redis.url);
    for (const name of ["worker.ts", "caller.ts", "operator.ts"]) {
      const text = await readFile(join(folder, name), "utf8");
      expect(text).toContain("redis://127.0.0.1:6379");
      await write(name, text.replaceAll("redis://127.0.0.1:6379", redis.url));
    }
    const worker = spawn(process.execPath, [join(folder, "node_modules", tsx), "worker.ts"], {
      cwd: folder,
      stdio: "ignore",
    });
    try {
      await expect(npx(tsx, "caller.ts")).resolves.toBe(output);
      await expect(npx(tsx, "operator.ts")).resolves.toBe(
        "[worker_lost] math.division: 3 workers died with the call; it is parked\n" +
          "{ dividend: 1, divisor: 4 } 3\n" +
          "0.25\n",
      );
    } finally {
      worker.kill();
      if (worker.exitCode === null) await once(worker, "exit");
    }
  });
});

describeRedis("a new user at a terminal", () => {
  it("starts workers, and calls them", { timeout: 60_000 }, async () => {
    await using redis = await startRedis();
    const block = shell.find((text) => text.startsWith("npx taskpact worker"))!;
    const lines = block.trim().replaceAll("redis://127.0.0.1:6379", redis.url).split("\n");
    const [worker = [], ...others] = lines.map((line) => line.split(" ").slice(2));
    const running = spawn(process.execPath, [join(folder, "node_modules", command), ...worker], {
      cwd: folder,
      stdio: "ignore",
    });
    try {
      const printed = await Promise.all(others.map((args) => npx(command, ...args)));
      expect(printed).toEqual([expect.stringMatching(/^math\.addition +math +local-first +Adds/m), "10\n"]);
    } finally {
      running.kill();
      if (running.exitCode === null) await once(running, "exit");
    }
    expect(running.exitCode).toBe(0);
  });
});

/** Leaves a call behind with which three workers have died. */
async function parkDivision(url: string): Promise<void> {
  const broker = openBroker(url, { namespace: defaultNamespace });
  try {
    const record = writeRequest(newHeader({}), { task: "math.division", params: { dividend: 1, divisor: 4 } });
    const calls = [{ id: "parked", record, priority: "normal", delayMs: 0 }] as const;
    await broker.submit("math", { calls, acknowledged: [] });
    const queues = [{ name: "math", tasks: ["math.division"], fences: [] }];
    const { signal } = new AbortController();
    for (const worker of ["first", "second", "third"]) {
      await broker.claim({ worker, queues, limit: 1, waitMs: 0, leaseMs: 1, suspect: true, signal });
      const beat = { worker: "reaper", queues, leaseMs: 1_000, presenceMs: 0, maxDeliveries: 3, reap: true };
      await expect.poll(async () => (await broker.renew(beat)).reaped).toBe(1);
    }
  } finally {
    await broker.close();
  }
}
