import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { temporaryProject } from "../temporary-project.ts";
import { reported } from "./reported.ts";

const contract = `import { task } from "taskpact";
import * as z from "zod";
export const addition = task({ params: { a: z.number(), b: z.number().default(0) }, result: z.number() });
export const division = task({
  params: { dividend: z.number(), divisor: z.number() },
  result: z.number(),
  errors: { divisionByZero: z.object({ dividend: z.number() }) },
});
`;

/** Everything that a package may export of what the generated index gives it, with inferred types. */
const app = `import { createWorker, task } from "taskpact";
import { createTasks, implementMath, isDeclared } from "@acme/contracts";
import { defineConfig } from "taskpact/config";
import { redisBroker } from "taskpact/redis";
import { runTask, testBroker } from "taskpact/testing";
import * as z from "zod";
export const math = implementMath({ addition: ({ a, b }) => a + b, division: () => 1 });
export const withDependencies = implementMath(
  { addition: ({ a }, { dependencies }) => a + dependencies.one, division: () => 1 },
  { dependencies: () => ({ one: 1 }) },
);
export const tasks = createTasks({ broker: "memory:" });
export const { safe, submit, client, addition } = tasks;
export const patient = tasks.with({ timeoutMs: 60_000 });
export const later = tasks.with({ delayMs: 1_000 });
export const local = tasks.with({ policy: "local-only" });
export const reporting = tasks.with({ onProgress: (progress: { current: number; total: number }) => progress.total });
export const handle = () => submit.addition(1, 2);
export const answer = () => safe.division(1, 2);
export const fails = (error: unknown) => (isDeclared(error, "division", "divisionByZero") ? error.data : undefined);
export const implementations = [math] as const;
export const { events, parked, schedules } = client;
export const queues = () => client.queues();
export const workers = () => client.workers();
export const descriptions = () => client.describeTasks();
export const status = async () => (await handle()).status();
export const result = async () => (await handle()).safeResult();
export const listening = () => events.on("failed", { task: "addition" }, ({ error }) => error);
export const worker = createWorker({ broker: "memory:", implementations: [math] });
export const health = () => worker.health();
export const broker = testBroker();
export const { clock } = broker;
export const redis = redisBroker("redis://127.0.0.1:6379");
export const ran = () => runTask(math, "addition", { a: 1, b: 2 });
export const config = defineConfig({ client: "flat" });
export const subtraction = task({ params: { a: z.number() }, result: z.number(), tags: ["x"] });
export class Service {
  readonly math = math;
  readonly tasks = tasks;
  readonly add = tasks.addition;
}
`;

reported("S1", "a package that uses another's contracts declares its types", async (got) => {
  const contracts = temporaryProject({
    "package.json": JSON.stringify({
      name: "@acme/contracts",
      type: "module",
      exports: { ".": "./generated/index.ts" },
    }),
    "contracts/math.ts": contract,
  });
  expect(contracts.gen().stderr).toBe("");
  const worker = temporaryProject({ "main.ts": app });
  worker.write("node_modules/@acme/.keep", "");
  symlinkSync(contracts.root, join(worker.root, "node_modules/@acme/contracts"));
  const settings = JSON.parse(worker.read("tsconfig.json")) as { compilerOptions: object };
  worker.write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        ...settings.compilerOptions,
        noEmit: false,
        emitDeclarationOnly: true,
        outDir: "dist",
        composite: true,
        rootDir: ".",
      },
      include: ["main.ts"],
    }),
  );
  const { stdout } = worker.typeCheck();
  got(stdout === "" ? "no type error" : stdout);
  expect(stdout).toBe("");
});
