import type { Asked } from "../contestants/loads.ts";
import type { Figure, Metric } from "../figure.ts";
import type { Stream } from "../mixed/mixed.ts";

const warmUpMs = 1_000;

/** How a mixed load is made. */
interface Mix {
  readonly name: string;
  readonly metrics: readonly Metric[];
  readonly streams: readonly Stream[];
  /** @default 1 */
  readonly workers?: number;
  /** How many each worker listens to. @default 1 */
  readonly queues?: number;
  /** @default 2_000 */
  readonly ms?: number;
}

/** Loads that batches could make worse: ours beside the same protocol without a batch, and BullMQ's. */
function mixedFigure({ name, metrics, streams, workers: count = 1, queues = 1, ms = 2_000 }: Mix): Figure {
  return {
    name,
    metrics,
    only: ["taskpact", "unbatched", "bullmq"],
    async measure(lab, contestant) {
      const workers = await Promise.all(
        Array.from({ length: count }, () => lab.startMixed(contestant, "worker", queues)),
      );
      const caller = await lab.startMixed(contestant, "caller", queues);
      await caller.ask({ kind: "mix", ms: warmUpMs, streams });
      const handled = async (): Promise<number[]> =>
        (await Promise.all(workers.map((worker) => worker.ask({ kind: "handled" })))).map((told) => told["handled"]!);
      const before = await handled();
      const asked: Asked = await caller.ask({ kind: "mix", ms, streams });
      const each = (await handled()).map((all, index) => all - before[index]!);
      return { ...asked, busiest: (Math.max(...each) * count) / each.reduce((sum, one) => sum + one, 0) };
    },
  };
}

const small: Stream = { name: "small", inFlight: 10 };

export const big = mixedFigure({
  name: "big",
  // As much as fits below the limit of 1 MiB with the rest of its record.
  streams: [small, { name: "big", inFlight: 2, length: 2 ** 20 - 1_024 }],
  metrics: [
    { key: "big.perSecond", label: "calls/s of 1 MiB there and back, 2 in flight", digits: 0 },
    { key: "big.p50", label: "… their p50, ms", digits: 1 },
    { key: "small.p50", label: "p50 of small calls beside them, 10 in flight, ms", digits: 1 },
    { key: "small.p99", label: "… their p99, ms", digits: 1 },
  ],
});

export const slow10 = mixedFigure({
  name: "slow-10",
  streams: [{ name: "slow", inFlight: 100, waitMs: 10 }],
  metrics: [
    { key: "slow.perSecond", label: "calls/s of handlers that take 10 ms, 100 in flight", digits: 0 },
    { key: "slow.p50", label: "… p50, ms", digits: 1 },
    { key: "slow.p99", label: "… p99, ms", digits: 1 },
  ],
});

export const slow1000 = mixedFigure({
  name: "slow-1000",
  streams: [small, { name: "slow", inFlight: 50, waitMs: 1_000 }],
  ms: 2_500,
  metrics: [
    { key: "slow.p99", label: "p99 of handlers that take 1 s, 50 in flight, ms", digits: 0 },
    { key: "small.p50", label: "p50 of short calls beside them, 10 in flight, ms", digits: 2 },
    { key: "small.p99", label: "… their p99, ms", digits: 2 },
  ],
});

export const queues100 = mixedFigure({
  name: "queues-100",
  queues: 100,
  streams: [{ name: "spread", inFlight: 100, queues: [0, 100] }],
  metrics: [
    { key: "spread.perSecond", label: "calls/s over 100 queues of one worker, 100 in flight", digits: 0 },
    { key: "spread.p50", label: "… p50, ms", digits: 1 },
    { key: "spread.p99", label: "… p99, ms", digits: 1 },
  ],
});

export const queuesMixed = mixedFigure({
  name: "queues-mixed",
  queues: 2,
  streams: [
    { name: "busy", inFlight: 300, waitMs: 1 },
    { name: "quiet", inFlight: 1, queues: [1, 2] },
  ],
  metrics: [
    { key: "quiet.p50", label: "p50 of a quiet queue beside one with 300 in flight, 1 worker, ms", digits: 1 },
    { key: "quiet.p99", label: "… p99, ms", digits: 1 },
    { key: "busy.perSecond", label: "… calls/s of the busy one", digits: 0 },
  ],
});

export const workers8 = mixedFigure({
  name: "workers-8",
  workers: 8,
  streams: [{ name: "shared", inFlight: 100, waitMs: 10 }],
  metrics: [
    { key: "shared.perSecond", label: "calls/s of 10 ms on 8 workers of one queue, 100 in flight", digits: 0 },
    { key: "shared.p99", label: "… p99, ms", digits: 1 },
    { key: "busiest", label: "… the busiest worker's calls, of the mean", digits: 2 },
  ],
});
