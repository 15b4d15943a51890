import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { namespaceUntil } from "./redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "./redis/suite.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

const program = `
import { createWorker, task } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import { redisBroker } from "taskpact/redis";
import * as z from "zod";
const [url, namespace] = process.argv.slice(2);
const spin = task({ params: { ms: z.number() }, result: z.number(), attemptTimeoutMs: 500 });
const contract = contractOf("q", { spin }, ["spin"]);
const block = ({ ms }) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
  return ms;
};
const worker = createWorker({ broker: url, namespace, implementations: [implement(contract, { spin: block })], leaseMs: 900 });
const running = worker.run();
const broker = redisBroker(url, { namespace });
const tasks = createClient({ shape: "flat", contracts: [contract] }, { broker }).with({ policy: "remote-only" });
const { error } = await tasks.safe.spin(1_500);
console.log(error?.message);
await worker.stop();
await running;
await tasks.client.close();
await broker.close();
`;

describeRedis("the built package", () => {
  test("answers for a handler that blocks, in a thread whose program is within it", { timeout: 60_000 }, async () => {
    const namespace = namespaceUntil(onTestFinished);
    const folder = await mkdtemp(join(tmpdir(), "taskpact-built-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const installed = join(folder, "node_modules/taskpact");
    await mkdir(installed, { recursive: true });
    await cp(join(root, "package.json"), join(installed, "package.json"));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const dist = join(installed, "dist");
    await run(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", dist]);
    for (const name of ["zod", "ioredis"]) {
      await symlink(join(root, "node_modules", name), join(folder, "node_modules", name));
    }
    await writeFile(join(folder, "program.mjs"), program);
    const args = [join(folder, "program.mjs"), sharedRedisUrl(), namespace];
    const { stdout } = await run(process.execPath, args, { cwd: folder, timeout: 30_000 });
    expect(stdout).toBe("[deadline_exceeded] q.spin: the attempt's time was up after 500 ms\n");
  });
});
