import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { sourcesOf, telling } from "./built/loaded.ts";
import { built } from "./built/package.ts";
import { namespaceUntil } from "./redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "./redis/suite.ts";

const run = promisify(execFile);

/** What all programs begin with: a client and, if they run it, a worker of one task. */
const head = `
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
const implementations = [implement(contract, { spin: block })];
const broker = redisBroker(url, { namespace });
const tasks = createClient({ shape: "flat", contracts: [contract] }, { broker, implementations });
const end = async () => {
  await tasks.client.close();
  await broker.close();
};
`;

const blocking = `${head}
const worker = createWorker({ broker: url, namespace, implementations, leaseMs: 900 });
const running = worker.run();
const { error } = await tasks.with({ policy: "remote-only" }).safe.spin(1_500);
console.log(error?.message);
await worker.stop();
await running;
await end();
`;

const calling = `${head}
const handle = await tasks.submit.spin(1);
console.log(await tasks.spin(2), (await handle.status()).state, await handle.cancel());
await tasks.client.parked.list({ task: "spin" });
await tasks.client.schedules.list();
await end();
`;

const working = `${head}
const worker = createWorker({ broker: url, namespace, implementations });
const running = worker.run();
console.log(await tasks.with({ policy: "remote-only" }).spin(2));
await worker.stop();
await running;
await end();
`;

/** What an author's own test does, by Node's runner, of a broker whose clock can't be moved. */
const judging = `
import assert from "node:assert";
import { test } from "node:test";
import { registerBroker, TaskError, readHeader } from "taskpact/broker";
import { redisBroker } from "taskpact/redis";
import { brokerConformance } from "taskpact/testing";
const [url, namespace] = process.argv.slice(2);
let count = 0;
const open = () => {
  const brokers = [];
  const own = namespace + ":" + count++;
  const connect = () => {
    const broker = redisBroker(url, { namespace: own });
    brokers.push(broker);
    return broker;
  };
  return { connect, dispose: () => Promise.all(brokers.map((broker) => broker.close())) };
};
for (const rule of brokerConformance({ open, offers: ["operator", "timetable", "locks"] }))
  if (["submit", "locks", "what it offers"].includes(rule.group)) test(rule.group + ": " + rule.name, rule.run);
test("the door of authors", () => {
  assert.equal(readHeader(new Uint8Array()), undefined);
  assert.throws(() => registerBroker("redis", () => {}), TaskError);
});
`;

/** One call there and back, watched by whatever the global provider is. */
const watched = `${head}
import { trace } from "@opentelemetry/api";
import { telemetry } from "taskpact/otel";
const told = [];
trace.setGlobalTracerProvider({
  getTracer: (scope, version) => ({
    startSpan(name) {
      told.push(\`\${scope} \${name}\`);
      return trace.wrapSpanContext({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 });
    },
  }),
});
const hooks = [telemetry()];
const worker = createWorker({ broker: url, namespace, implementations, hooks });
const running = worker.run();
const watched = createClient({ shape: "flat", contracts: [contract] }, { broker, hooks });
await watched.spin(2);
console.log(told.join(", "));
await watched.client.close();
await worker.stop();
await running;
await end();
`;

/** What a worker needs and a client does not, of the adapter for Redis, too. */
const workersOwn = Object.entries({
  "": "worker claims executions execution reports leases lease-table reaper health scheduler slots signals",
  "brokers/redis/": "worker-side claims asking bells beats reports",
  "brokers/redis/keeper/": "keeper keepers thread",
  "brokers/redis/scripts/": "claim finish report renew reap",
}).flatMap(([place, names]) => names.split(" ").map((name) => `runtime/${place}${name}.ts`));

describeRedis("the built package", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "taskpact-built-"));
    await symlink((await built()).modules, join(folder, "node_modules"));
  }, 60_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Runs a program beside the package; resolves with what it printed. */
  async function play(
    program: string,
    nodeArgs: readonly string[] = [],
    place = folder,
  ): Promise<{ stdout: string; stderr: string }> {
    const namespace = namespaceUntil(onTestFinished);
    await writeFile(join(place, "program.mjs"), program);
    const args = [...nodeArgs, join(place, "program.mjs"), sharedRedisUrl(), namespace];
    const env = { ...process.env, TASKPACT_LOG: "warn" };
    return run(process.execPath, args, { cwd: place, timeout: 60_000, env });
  }

  /** Runs a program; resolves with what it printed, and the sources and packages that it loaded. */
  async function loadedBy(program: string): Promise<{ stdout: string; own: string[]; packages: Set<string> }> {
    const { stdout, stderr } = await play(program, telling);
    const packages = [...stderr.matchAll(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)].map(([, name]) => name!);
    return { stdout, own: sourcesOf(stderr), packages: new Set(packages) };
  }

  test("answers for a handler that blocks, in a thread whose program is within it", { timeout: 60_000 }, async () => {
    const { stdout } = await play(blocking);
    expect(stdout).toBe("[deadline_exceeded] q.spin: the attempt's time was up after 500 ms\n");
  });

  test("judges a broker without any test runner but Node's", { timeout: 120_000 }, async () => {
    const { stdout, packages } = await loadedBy(judging);
    expect(stdout).toMatch(/^. pass 34$/m);
    expect(stdout).toMatch(/^. fail 0$/m);
    expect(stdout).toMatch(/^. skipped 5$/m);
    expect(stdout).toMatch(/it moves the broker's time, which this test can't/);
    for (const name of ["vitest", "fast-check"]) expect(packages).not.toContain(name);
  });

  test("loads nothing for sockets before there is one to open", async () => {
    const { stderr } = await play(`import "taskpact"; import "taskpact/redis";`, telling);
    expect(sourcesOf(stderr)).toContain("runtime/brokers/redis/dial.ts");
    expect(stderr).not.toMatch(/^node:(net|tls)$/m);
  });

  test("loads for a client nothing that only workers or the generator need", { timeout: 60_000 }, async () => {
    const client = await loadedBy(calling);
    expect(client.stdout).toBe("2 queued canceled\n");
    expect(client.own).toContain("runtime/brokers/redis/scripts/submit.ts");
    expect(client.own.filter((path) => workersOwn.includes(path) || path.startsWith("generator/"))).toEqual([]);
    expect([...client.packages]).toEqual(expect.arrayContaining(["taskpact", "zod"]));
    for (const name of ["ioredis", "ts-morph", "tsx", "commander", "croner"])
      expect(client.packages).not.toContain(name);
    // Lest it were the names that have changed.
    const worker = await loadedBy(working);
    expect(worker.stdout).toBe("2\n");
    expect(worker.own).toEqual(expect.arrayContaining(workersOwn));
  });

  test("serves and calls without ioredis, and says what the worker lacks", { timeout: 60_000 }, async () => {
    const bare = await mkdtemp(join(tmpdir(), "taskpact-bare-"));
    onTestFinished(() => rm(bare, { recursive: true, force: true }));
    const { modules } = await built();
    await cp(join(modules, "taskpact"), join(bare, "node_modules/taskpact"), { recursive: true });
    await symlink(join(modules, "zod"), join(bare, "node_modules/zod"));
    const { stdout, stderr } = await play(working.replace("createWorker({", "createWorker({ leaseMs: 400,"), [], bare);
    expect(stdout).toBe("2\n");
    expect(stderr).toMatch(/may lose its lease.*needs the package ioredis \(Cannot find .*\): npm install ioredis/);
  });

  test(
    "loads OpenTelemetry's API, and nothing else of it, through taskpact/otel alone",
    { timeout: 60_000 },
    async () => {
      const isTelemetry = (name: string) => name.startsWith("@opentelemetry/") || name.startsWith("runtime/otel");
      for (const program of [calling, working]) {
        const { own, packages } = await loadedBy(program);
        expect([...own, ...packages].filter(isTelemetry)).toEqual([]);
      }
      const { stdout, own, packages } = await loadedBy(watched);
      expect(stdout).toBe("taskpact call q.spin, taskpact process q.spin\n");
      expect(own.filter(isTelemetry)).toContain("runtime/otel/telemetry.ts");
      expect([...packages].filter(isTelemetry)).toEqual(["@opentelemetry/api"]);
    },
  );
});
