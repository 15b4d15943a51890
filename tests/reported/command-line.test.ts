import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, vi } from "vitest";
import { createTasks, type Tasks } from "../../generated/index.ts";
import { CommandStage } from "../command-stage.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { reported } from "./reported.ts";

vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

const handlers = `
import { implementMath } from "../generated/index.ts";
export const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});
`;

const exact = `
import { task } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import * as z from "zod";
const echo = task({
  params: { big: z.bigint(), more: z.object({ day: z.date() }).catchall(z.date()).optional() },
  result: z.string(),
});
export const exactContract = contractOf("exact", { echo }, ["echo"]);
export const exact = implement(exactContract, { echo: ({ big, more }) => big + " " + JSON.stringify(more ?? null) });
`;

/** Posts, from every thread and process, what Node 24 with \`--watch\` does when a module is loaded. */
const posting = `
const { parentPort } = require("node:worker_threads");
const message = { "watch:require": [__filename] };
parentPort?.postMessage(message);
parentPort?.postMessage(null);
process.send?.(message);
process.send?.("hello");
`;

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
  await stage.write("handlers/index.ts", handlers);
  await stage.write("generated/exact.ts", exact);
  await stage.write("posting.cjs", posting);
});

afterAll(() => stage.close());

function tasksIn(namespace: string): Pick<Tasks, "addition"> {
  const tasks = createTasks({ broker: sharedRedisUrl(), namespace });
  onTestFinished(() => tasks.client.close());
  return tasks.with({ policy: "remote-only", timeoutMs: 120_000 });
}

describeRedis("the command", () => {
  reported("D4", "JSON on the command line is exact, or refused", async (got) => {
    const namespace = namespaceUntil(onTestFinished);
    const where = ["--broker", sharedRedisUrl(), "--namespace", namespace];
    const worker = stage.start({ onTestFinished }, ["worker", "generated/exact.ts", ...where]);
    await worker.until("listening");
    const call = (json: string) => stage.run(["call", "exact.echo", ...where, json]);
    const [big, more, inherited, rounded] = [
      await call('{"big":9007199254740993}'),
      await call('{"big":1,"more":{"day":"2026-01-02","then":"2026-01-03"}}'),
      await call('{"toString":1}'),
      await stage.run(["call", "math.addition", ...where, '{"a":9007199254740993}']),
    ];
    got([big.stdout.trim(), more.stdout.trim(), inherited.code, rounded.code].join(", "));
    expect(big.stdout).toBe("9007199254740993 null\n");
    expect(more.stdout).toBe('1 {"day":"2026-01-02T00:00:00.000Z","then":"2026-01-03T00:00:00.000Z"}\n');
    expect([inherited.code, inherited.stderr]).toEqual([
      2,
      expect.stringContaining("exact.echo has no parameter toString"),
    ]);
    expect([rounded.code, rounded.stderr]).toEqual([
      2,
      expect.stringContaining("a: 9007199254740993 is more than a number can hold exactly"),
    ]);
  });

  reported("D5", "messages of others between threads and processes are passed over", async (got) => {
    const namespace = namespaceUntil(onTestFinished);
    const args = ["worker", "handlers/index.ts", "--broker", sharedRedisUrl(), "--namespace", namespace];
    const env = { NODE_OPTIONS: `--require ${JSON.stringify(join(stage.root, "posting.cjs"))}`, TASKPACT_LOG: "debug" };
    const worker = stage.start({ onTestFinished }, args, { env });
    const lines: string[] = [];
    lines.push(await worker.until("listening"));
    const tasks = tasksIn(namespace);
    // The thread that keeps leases starts with the first claim.
    for (let call = 0; call < 5; call++) expect(await tasks.addition(call, 1)).toBe(call + 1);
    worker.signal("SIGTERM");
    const said: string[] = [];
    for (;;) {
      const line = await worker.until("").catch(() => undefined);
      if (line === undefined) break;
      said.push(line);
    }
    const wrong = said.filter((line) => /blocked the event loop|takes its place|another one follows/.test(line));
    got(wrong.length === 0 ? "nothing logged" : wrong.join("; "));
    expect(wrong).toEqual([]);
    expect(await worker.ended).toBe(0);
  });

  reported("D6", "a worker that npx started stops when npx is gone", async (got) => {
    const namespace = namespaceUntil(onTestFinished);
    const args = [stage.main, "worker", "handlers/index.ts", "--broker", sharedRedisUrl(), "--namespace", namespace];
    // As npm starts a command: through a shell, which a signal ends.
    const shell = spawn("sh", ["-c", '"$@"; true', "sh", process.execPath, ...args], {
      cwd: stage.root,
      env: { ...process.env, npm_config_user_agent: "npm/11", NODE_OPTIONS: "", NODE_ENV: "", VITEST: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void shell.kill("SIGKILL"));
    const said: string[] = [];
    let heard = (): void => {};
    for (const input of [shell.stdout, shell.stderr])
      createInterface({ input }).on("line", (line) => {
        said.push(line);
        heard();
      });
    const saying = async (text: string): Promise<void> => {
      while (!said.some((line) => line.includes(text))) await new Promise<void>((resolve) => (heard = resolve));
    };
    await saying("listening");
    const closed = Promise.all([once(shell.stdout, "close"), once(shell.stderr, "close")]);
    shell.kill("SIGTERM");
    await once(shell, "exit");
    // The worker has the other end of these pipes: they close with its last process.
    await closed;
    got(said.some((line) => line.includes('"stopped"')) ? "stopped" : said.join("\n"));
    expect(said.join("\n")).toContain('"stopped"');
  });
});
