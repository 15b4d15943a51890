import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "../../processes/child.ts";
import type { FaultCase, Run } from "../case.ts";
import type { LoadPlan, LoadTold } from "../plan.ts";
import { Stage } from "../stage.ts";
import { until } from "../until.ts";

const concurrency = 20;
const workMs = 50;
const capacity = (concurrency * 1_000) / workMs;
const times = 10;
const leaseMs = 3_000;
const meter = new URL("../memory-meter.mjs", import.meta.url);

/** What callers and workers may have at the most, bytes: what they have at rest, and twice what their limits allow. */
const mostRss = 400e6;
const mostUsed = 100e6;

export const overload: FaultCase = {
  name: "overload",
  done: "callers at 10 times the capacity of the worker; the same with a worker that sleeps (SIGSTOP)",
  holds:
    "memory stays bounded at both ends and in Redis; what can't be done is refused with a typed error by its deadline; afterwards all is as before",
  async run(run) {
    await play(run, "overload", run.scale === "full" ? 60_000 : 3_000, false);
    await play(run, "sleeping worker", run.scale === "full" ? 30_000 : 6_000, true);
  },
};

async function play(run: Run, what: string, lastsMs: number, sleeps: boolean): Promise<void> {
  const stage = await Stage.open(run, {}, `faults-${what.replace(" ", "-")}`);
  const { child: worker } = await stage.worker({ tasks: ["work"], concurrency, leaseMs }, meter);
  const plan: Omit<LoadPlan, "url" | "namespace" | "folder"> = {
    perSecond: times * capacity,
    lastsMs,
    workMs,
    timeoutMs: 2_000,
    maxPending: 5_000,
  };
  const caller = stage.start("load.ts", plan, meter);
  await caller.said();
  if (sleeps) void nap(run, worker, lastsMs);
  const memory = watchUsed(stage);
  const told = (await caller.said()) as LoadTold;
  await caller.ended();
  // Ghosts and calls that nobody waits for any more are cleared away by the worker, and by time.
  await until("the queue is empty", async () => (await stage.redis.llen(stage.key("queue"))) === 0);
  const mostUsedNow = memory();
  worker.tell("stop");
  await worker.ended();

  const { ok = 0, ...refused } = told.outcomes;
  // The two last say that a submit had no answer by the call's deadline.
  const typed = new Set(["resource_exhausted", "deadline_exceeded", "outcome_unknown", "unavailable"]);
  const strange = Object.keys(refused).filter((code) => !typed.has(code));
  run.must(strange.length === 0, `${what}: refused as ${strange.join(", ")}`);
  run.must(ok > 0, `${what}: no call was answered`);
  const lateMs = Math.round(told.worstMs - told.loopMs);
  run.mustWithin(lateMs, 250, `${what}: a call outlived its deadline by ${lateMs} ms, in which the event loop ran`);
  run.must(told.recovered && told.recoveredMs < 5_000, `${what}: it took ${told.recoveredMs} ms to recover`);
  run.figure(`${what}: calls made, answered`, `${told.made}, ${ok}`);
  run.figure(`${what}: refused`, JSON.stringify(refused).replaceAll('"', ""));
  run.figure(
    `${what}: worst beyond a deadline, and event loop's longest halt, ms`,
    `${Math.round(told.worstMs)}, ${Math.round(told.loopMs)}`,
  );
  run.figure(`${what}: first call after it, ms`, Math.round(told.recoveredMs));
  for (const [name, child] of [
    ["caller", caller],
    ["worker", worker],
  ] as const) {
    const { heap, rss } = await stage.memoryOf(child);
    run.must(rss <= mostRss, `${what}: the ${name} had ${mb(rss)} MB`);
    run.figure(`${what}: ${name}'s most heap, RSS, MB`, `${mb(heap)}, ${mb(rss)}`);
  }
  run.must(mostUsedNow <= mostUsed, `${what}: Redis had ${mb(mostUsedNow)} MB`);
  run.figure(`${what}: used_memory at the most, MB`, mb(mostUsedNow));
}

/** Stops the worker in its tracks for the middle part of a time: longer than its lease. */
async function nap(run: Run, worker: Child, lastsMs: number): Promise<void> {
  run.defer(() => worker.signal("SIGCONT"));
  await sleep(lastsMs / 4);
  worker.signal("SIGSTOP");
  await sleep(Math.max(lastsMs / 2, leaseMs + 500));
  worker.signal("SIGCONT");
}

/** Looks at Redis's memory until it is asked what the most was. */
function watchUsed(stage: Stage): () => number {
  let most = 0;
  const look = async (): Promise<void> => {
    const used = Number(/used_memory:(\d+)/.exec(await stage.redis.info("memory"))?.[1]);
    most = Math.max(most, used);
  };
  const timer = setInterval(() => void look().catch(() => undefined), 250);
  stage.run.defer(() => clearInterval(timer));
  return () => {
    clearInterval(timer);
    return most;
  };
}

function mb(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}
