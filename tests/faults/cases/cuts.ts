import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { FaultCase, Run } from "../case.ts";
import { Deadlines } from "../deadlines.ts";
import { Halts } from "../halts.ts";
import { Lot } from "../lot.ts";
import { Oracle } from "../oracle.ts";
import { Proxy } from "../../protocol/proxy.ts";
import { Stage } from "../stage.ts";

const leaseMs = 3_000;
/** Within which work is to go on, once Redis is back, ms. */
const resumeMs = 5_000;
/** How long a connection may be silent until it is taken for dead, ms: as the runtime has it. */
const silenceMs = 5_000;

export const cuts: FaultCase = {
  name: "cuts",
  done: "CLIENT KILL storms; Redis gone for 1, 10 and 60 s; half-open connections; links with latency and pieces of one byte",
  holds:
    "no accepted call is lost; work resumes within 5 s of Redis being back; no call outlives deadline + 250 ms, while its caller's event loop runs",
  async run(run) {
    const full = run.scale === "full";
    await killStorm(run, full ? 20_000 : 1_000);
    for (const [seconds, times] of full
      ? ([
          [1, 100],
          [10, 10],
          [60, 3],
        ] as const)
      : ([[1, 1]] as const))
      await gone(run, seconds, times);
    await halfOpen(run, full ? 5 : 1);
    await slow(run, full ? 400 : 10);
  },
};

/** All connections but the harness's own are killed again and again. */
async function killStorm(run: Run, lastsMs: number): Promise<void> {
  const stage = await Stage.open(run, {}, "faults-killed");
  const play = await begin(stage);
  let kills = 0;
  const end = performance.now() + lastsMs;
  while (performance.now() < end) {
    kills += Number(await stage.redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"));
    if (run.random.next() < 0.5) kills += Number(await stage.redis.call("CLIENT", "KILL", "TYPE", "pubsub"));
    await sleep(run.random.between(20, 400));
  }
  await play.end("CLIENT KILL");
  run.figure("connections killed", kills);
}

/** Redis is gone for a time, and comes back with all that it had: with `everysec`, it may not have written all it promised. */
async function gone(run: Run, seconds: number, times: number): Promise<void> {
  const place = { dataFolder: join(run.folder, `gone-${seconds}`), config: ["appendfsync always"] };
  const stage = await Stage.open(run, place, `faults-gone-${seconds}`);
  const play = await begin(stage);
  const resumed: number[] = [];
  for (let time = 0; time < times; time++) {
    await sleep(run.random.between(100, 500));
    await stage.server.kill();
    const meanwhile = [
      play.deadlines.wait(seconds * 1_000 + resumeMs),
      play.deadlines.wait(seconds * 1_000 + resumeMs),
    ];
    await sleep(seconds * 1_000);
    await stage.server.restart();
    resumed.push(await resume(play, performance.now(), meanwhile));
    await stage.reconnect();
  }
  await play.end(`gone for ${seconds} s`);
  tellResumed(run, `gone for ${seconds} s`, resumed, resumeMs);
}

/** Nothing passes on the connections that there are, and nobody is told; new ones are good. */
async function halfOpen(run: Run, times: number): Promise<void> {
  const stage = await Stage.open(run, {}, "faults-half-open");
  const proxy = await Proxy.to(stage.server.url, run.defer);
  const play = await begin(stage, proxy.url);
  const resumed: number[] = [];
  const prompt: number[] = [];
  for (let time = 0; time < times; time++) {
    await sleep(run.random.between(200, 1_000));
    proxy.freeze();
    const frozen = performance.now();
    resumed.push(await resume(play, frozen, []));
    // By a message, that is, and not by a look, of which the first comes after a second.
    while (!(await play.deadlines.wait(500)) && performance.now() < frozen + 60_000);
    prompt.push(Math.round(performance.now() - frozen));
  }
  await play.end("half open");
  const worst = Math.max(...prompt);
  run.mustWithin(worst, silenceMs + resumeMs, `half open: answers were not prompt for ${worst} ms`);
  run.figure("half open: until answers were prompt, worst, ms", worst);
  tellResumed(run, "half open", resumed, silenceMs + resumeMs);
}

/** Links on which everything takes its time, and comes in pieces of one byte. */
async function slow(run: Run, calls: number): Promise<void> {
  for (const [what, slowness] of [
    ["100 ms latency", { latencyMs: 100, pieceBytes: 65_536 }],
    ["pieces of 1 byte", { latencyMs: 1, pieceBytes: 1 }],
  ] as const) {
    const name = what.replaceAll(/\W/g, "-");
    const stage = await Stage.open(run, {}, `faults-${name}`);
    const proxy = await Proxy.to(stage.server.url, run.defer);
    proxy.slow(slowness);
    const oracle = await Oracle.watch(stage);
    const worker = await stage.worker({ url: proxy.url, tasks: ["work"], leaseMs });
    const lot = new Lot(stage, stage.client({ broker: proxy.url }), run.random.fork(name));
    const begun = performance.now();
    lot.add(calls, 1, 20);
    await lot.ended();
    run.figure(`${what}: ${calls} calls, ms`, Math.round(performance.now() - begun));
    worker.child.tell("stop");
    await worker.child.ended();
    const { lost, redelivered } = await oracle.judge(lot.accepted, ["faults"]);
    run.figure(`${what}: lost, redelivered`, `${lost}, ${redelivered}`);
  }
}

interface Play {
  readonly deadlines: Deadlines;
  /** Stops all, and judges. */
  end(what: string): Promise<void>;
}

/** Calls that must not be lost, calls with short deadlines, and two workers. */
async function begin(stage: Stage, url: string = stage.server.url): Promise<Play> {
  const { run } = stage;
  const oracle = await Oracle.watch(stage);
  const count = run.scale === "full" ? 2 : 1;
  const workers = await Promise.all(
    Array.from({ length: count }, () => stage.worker({ url, tasks: ["work"], leaseMs })),
  );
  const client = stage.client({ broker: url });
  const lot = new Lot(stage, client, run.random.fork("calls"));
  const halts = new Halts(run.defer);
  const deadlines = new Deadlines(client, run.random.fork("deadlines"), halts);
  let over = false;
  // A submit is refused after a time without Redis: what goes on through a long loss is awaited.
  const calling = lot.trickle(() => over, ["work"], true);
  const waiting = deadlines.trickle(() => over);
  return {
    deadlines,
    async end(what) {
      over = true;
      await Promise.all([calling, waiting]);
      await lot.ended();
      for (const { child } of workers) child.tell("stop");
      await Promise.all(workers.map(({ child }) => child.ended()));
      const { lost, stale, redelivered } = await oracle.judge(lot.accepted, ["faults"]);
      run.figure(`${what}: accepted`, lot.accepted.length);
      run.figure(`${what}: lost, stale, redelivered`, `${lost}, ${stale}, ${redelivered}`);
      run.figure(`${what}: calls with a deadline, worst beyond it, ms`, `${deadlines.count}, ${deadlines.worstMs}`);
      run.figure(`${what}: longest halt of the caller's event loop, ms`, halts.longestMs);
      run.mustWithin(deadlines.worstMs, 250, `${what}: a call outlived its deadline by ${deadlines.worstMs} ms`);
    },
  };
}

/** How long it takes until calls that were made meanwhile have an answer, and a new one has, ms. */
async function resume(play: Play, backAt: number, meanwhile: readonly Promise<boolean>[]): Promise<number> {
  const again = async (): Promise<void> => {
    while (!(await play.deadlines.wait(resumeMs)) && performance.now() < backAt + 60_000);
  };
  await Promise.all([
    again(),
    ...meanwhile.map((one) =>
      one.then(async (answered) => {
        if (!answered) await again();
      }),
    ),
  ]);
  return Math.round(performance.now() - backAt);
}

function tellResumed(run: Run, what: string, resumed: readonly number[], withinMs: number): void {
  const inTime = resumed.filter((ms) => ms <= withinMs).length;
  const sorted = resumed.toSorted((one, other) => one - other);
  run.mustWithin(sorted.at(-1)!, withinMs, `${what}: work resumed in time ${inTime} of ${resumed.length} times`);
  run.figure(`${what}: resumed within ${withinMs / 1_000} s`, `${inTime} of ${resumed.length}`);
  run.figure(`${what}: until work resumed, median and worst, ms`, `${sorted[sorted.length >> 1]}, ${sorted.at(-1)}`);
}
