import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { describeError } from "./describe-error.ts";
import { implement, contractOf } from "./codegen.ts";
import { task } from "./contract.ts";
import { boundTasks } from "./implementation.ts";
import { Attempt } from "./invoke.ts";
import { streamLogger } from "./log.ts";
import * as z from "zod";

const settings = {
  queue: "q",
  callId: "c",
  origin: undefined,
  holder: {},
  nest: { tasksFor: () => ({}), lend: () => {} },
  attempt: 1,
  fence: 1,
  limitedByCall: false,
  log: streamLogger("silent"),
  dependencies: {},
  describe: describeError,
  locks: { take: () => Promise.reject(new Error("it has none")) },
};

test("the time that a handler blocks before it gives its promise is part of its limit", async () => {
  const contract = contractOf("q", { blocking: task({ params: {}, result: z.void() }) }, ["blocking"]);
  let returnedAt = 0;
  let signal: AbortSignal | undefined;
  const blocking = (_: unknown, context: { readonly signal: AbortSignal }) => {
    signal = context.signal;
    const until = performance.now() + 400;
    while (performance.now() < until);
    returnedAt = performance.now();
    return new Promise<void>(() => {});
  };
  const bound = boundTasks([implement(contract, { blocking })]).get("q.blocking")!;
  const attempt = new Attempt(bound, {}, { ...settings, limitMs: 380, onProgress: () => {} });
  await expect(attempt.outcome).resolves.toMatchObject({ ok: false, error: { code: "deadline_exceeded" } });
  expect(performance.now() - returnedAt).toBeLessThan(300);
  expect(signal?.aborted).toBe(true);
});

test("a handler's signal takes as many listeners as the handler makes calls, without a warning of Node's", async () => {
  const contract = contractOf("q", { listening: task({ params: {}, result: z.void() }) }, ["listening"]);
  const listening = (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
    for (let count = 0; count < 20; count++) signal.addEventListener("abort", () => {});
  };
  const warned = vi.fn<(warning: Error) => void>();
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));
  const bound = boundTasks([implement(contract, { listening })]).get("q.listening")!;
  const attempt = new Attempt(bound, {}, { ...settings, limitMs: 1_000, onProgress: () => {} });
  expect(attempt.outcome).toMatchObject({ ok: true });
  await turn();
  expect(warned.mock.calls).toEqual([]);
});
