import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { Logger } from "../runtime/log.ts";
import { Crew } from "./crew.ts";
import type { WorkerOrder } from "./worker-message.ts";

const order: WorkerOrder = {
  module: "/handlers.js",
  broker: "redis://127.0.0.1:1",
  config: undefined,
  namespace: undefined,
  nodeQueue: undefined,
  concurrency: undefined,
  maxCalls: undefined,
  graceMs: 100,
  schedule: true,
  logFormat: undefined,
};

/** A process that ends as soon as it has said that it could run. */
const dies = `process.once("message", () => process.send({ kind: "fit" }, () => process.exit(3)));`;

test("a process that dies is started again, after twice the time each", { timeout: 30_000 }, async () => {
  const waits: number[] = [];
  let enough = (): void => {};
  const deaths = new Promise<void>((resolve) => (enough = resolve));
  const log: Logger = {
    debug() {},
    info() {},
    warn(fields) {
      const { restartInMs, code } = fields as { readonly restartInMs: number; readonly code: number };
      expect(code).toBe(3);
      if (waits.push(restartInMs) === 4) enough();
    },
    error() {},
  };
  const folder = await mkdtemp(join(tmpdir(), "taskpact-crew-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const program = pathToFileURL(join(folder, "dies.mjs"));
  await writeFile(program, dies);
  const crew = new Crew({ order, workers: 1, program, execArgv: [], log });
  const began = performance.now();
  const ended = crew.run();
  await deaths;
  expect(waits).toEqual([100, 200, 400, 800]);
  expect(performance.now() - began).toBeGreaterThan(700);
  crew.stop();
  expect(await ended).toBe(0);
});
