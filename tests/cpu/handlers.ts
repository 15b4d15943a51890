import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, threadId } from "node:worker_threads";
import type { Context, TaskError } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import * as declared from "./contract.ts";

export const contract = contractOf("cpu-lab", declared, Object.keys(declared) as (keyof typeof declared)[]);

/** The thread or process, so that a test sees which one it was. */
const here = `${process.pid}/${threadId}`;

async function act(deed: string, name: string, context: Context): Promise<string> {
  if (deed !== "nothing") context.log.info({ name, here }, "begun");
  switch (deed) {
    case "spin":
      for (;;) Math.random();
    case "exit":
      return process.exit(3);
    case "throwLater":
      setTimeout(() => {
        throw new Error("out of nowhere");
      });
      return sleep(60_000, "");
    case "fillMemory": {
      const kept: unknown[] = [];
      for (;;) kept.push(Array.from({ length: 100_000 }, () => kept.length));
    }
    case "kill":
      process.kill(process.pid, "SIGKILL");
      return sleep(60_000, "");
    case "abort":
      return process.abort();
    case "heed":
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      context.log.info({ code: (context.signal.reason as TaskError).code, name }, "heeded");
      return "";
    case "dieLater":
      setTimeout(() => process.exit(0), 10);
      return here;
    default:
      return here;
  }
}

const handlers = {
  inThread: ({ deed, name }: { deed: string; name: string }, context: Context) => act(deed, name, context),
  inProcess: ({ deed, name }: { deed: string; name: string }, context: Context) => act(deed, name, context),
  rich: (params: object) => params,
  told: (_: unknown, context: Context) => {
    for (let step = 1; step <= 100_000; step++) context.progress({ step });
    context.log.warn({ big: 1n, odd: () => 1 }, "said in a thread");
    const { task, callId, attempt, fence, idempotencyKey, metadata, rootId } = context;
    const inTime = context.remainingMs > 0 && context.deadline > Date.now();
    return { task, callId, attempt, fence, idempotencyKey, metadata, rootId, inTime, isMainThread };
  },
  fails: async ({ how }: { how: string }, context: Context<{ odd: { at: Date; size: bigint } }>) => {
    if (how === "declared") throw context.errors.odd({ at: new Date(5), size: 7n });
    if (how === "thrown") throw new Error("boom");
    if (how === "lying") return "four";
    if (how === "uncarried") return { f: () => 4 };
    if (how === "largeProgress") context.progress({ text: "x".repeat(2_000_000) });
    if (how === "nested") void context.tasks;
    if (how === "dependent") void context.dependencies;
    if (how === "wish") throw context.fail({ reason: "closed", retry: false, cause: new Error("deep") });
    for (let step = 0; ; step++) {
      context.progress({ text: String(step) });
      await sleep(1);
    }
  },
  mends: ({ deaths }: { deaths: number }, { attempt }: Context) => {
    if (attempt <= deaths) process.kill(process.pid, "SIGKILL");
    return attempt;
  },
  plain: () => 1,
  among: ({ text }: { text: string }) => (text === "where" ? here : text),
};

/** What every test's workers and clients run; their pools find it in a module. */
export function labIn(module: string) {
  return implement(contract, handlers, undefined, {}, module);
}

export const lab = labIn(import.meta.url);
