/**
 * One side of a contestant, as a process of its own: `process.js <module> worker|caller <url>`. It does what its
 * parent asks for, one thing after the other, and answers with what it has measured.
 */
import { type Caller, type Contestant } from "./contestants/contestant.ts";
import { type Ask, type Asked, latencies, throughput, submissions } from "./contestants/loads.ts";

const [module = "", side, url = ""] = process.argv.slice(2);
const { contestant } = (await import(module)) as { readonly contestant: Contestant };

/** What the handler has seen: a worker answers it. */
const handled = { count: 0, sum: 0, before: 0, first: 0 };
let notify: { readonly count: number; readonly reached: () => void } | undefined;
let caller: Caller | undefined;

function handle({ a, b }: { readonly a: number; readonly b: number }): number {
  if (handled.count++ === handled.before) handled.first = performance.now();
  handled.sum += a + b;
  if (handled.count === notify?.count) notify.reached();
  return a + b;
}

async function start(): Promise<void> {
  if (side === "worker") await contestant.startWorker(url, { handle });
  else caller = await contestant.openCaller(url);
}

async function answer(ask: Ask): Promise<Asked> {
  switch (ask.kind) {
    case "start":
      await start();
      return {};
    case "usage": {
      const { user, system } = process.cpuUsage();
      return { cpuUs: user + system, handled: handled.count, sum: handled.sum };
    }
    case "heap": {
      for (let round = 0; round < 4; round++) globalThis.gc?.();
      return { heapBytes: process.memoryUsage().heapUsed };
    }
    case "drain": {
      const count = handled.before + ask.count;
      if (handled.count < count) await new Promise<void>((reached) => (notify = { count, reached }));
      handled.before = count;
      return { ms: performance.now() - handled.first };
    }
    case "calls":
      return throughput(caller!, ask);
    case "latencies":
      return latencies(caller!, ask);
    case "submit":
      return submissions(caller!, ask);
    case "stop":
      await caller?.close();
      setImmediate(() => process.disconnect());
      return {};
  }
}

process.on("message", (ask: Ask) => {
  answer(ask).then(
    (asked) => process.send?.({ asked }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ asked: {} });
