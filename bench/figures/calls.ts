import type { Figure } from "../figure.ts";
import type { Ask } from "../contestants/loads.ts";

const warmUpMs = 2_000;
/** Of lone calls: as many for each contestant, lest a slow one is measured cold. */
const warmUpCalls = 10_000;
const ms = 2_000;

/** Calls that a caller awaits, some in flight: their rate, or how long one takes, and what CPU they cost. */
function callsFigure(inFlight: number, kind: "calls" | "latencies"): Figure {
  const load = (ms: number): Ask => ({ kind, inFlight, ms });
  const cost = [
    { key: "nodeUs", label: `Node CPU a call, both sides, ${inFlight} in flight, µs`, digits: 1 },
    { key: "redisUs", label: `Redis CPU a call, ${inFlight} in flight, µs`, digits: 1 },
  ];
  const speed =
    kind === "calls"
      ? [{ key: "perSecond", label: `calls/s, ${inFlight.toLocaleString("en")} in flight`, digits: 0 }]
      : [
          { key: "p50", label: "p50, 1 in flight, µs", digits: 0 },
          { key: "p99", label: "p99, 1 in flight, µs", digits: 0 },
        ];
  return {
    name: `calls-${inFlight}`,
    metrics: [...speed, ...cost],
    async measure(lab, name) {
      const worker = await lab.start(name, "worker");
      const caller = await lab.start(name, "caller");
      // A call is slow for as long as the code that it runs is not compiled. So there are many calls first, and then those
      // of the measured kind, for a lone call runs much that a batch runs once.
      await caller.ask({ kind: "calls", inFlight: Math.max(100, inFlight), ms: warmUpMs });
      await caller.ask(inFlight === 1 ? { kind, inFlight, count: warmUpCalls } : load(warmUpMs));
      const [workerBefore, redisBefore] = await Promise.all([worker.ask({ kind: "usage" }), lab.redisCpuUs()]);
      const seen = await caller.ask(load(ms));
      const [workerAfter, redisAfter] = await Promise.all([worker.ask({ kind: "usage" }), lab.redisCpuUs()]);
      const { calls = 0, ms: took = 0, cpuUs: callerUs = 0, ...rest } = seen;
      const workerUs = workerAfter["cpuUs"]! - workerBefore["cpuUs"]!;
      return {
        ...rest,
        calls,
        ...(kind === "calls" && { perSecond: (1_000 * calls) / took }),
        callerUs: callerUs / calls,
        workerUs: workerUs / calls,
        nodeUs: (callerUs + workerUs) / calls,
        redisUs: (redisAfter - redisBefore) / calls,
      };
    },
  };
}

export const calls1 = callsFigure(1, "latencies");
export const calls100 = callsFigure(100, "calls");
export const calls1000 = callsFigure(1_000, "calls");
