import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase, Run } from "../case.ts";
import { Crew } from "../crew.ts";
import { Oracle } from "../oracle.ts";
import { Reclaims } from "../reclaims.ts";
import { Stage } from "../stage.ts";
import type { FaultTasks, Handle } from "../tasks.ts";

const everyMs = 500;
const concurrency = 10;
const leaseMs = 1_500;
/** So that no innocent is parked, though hundreds of deaths happen at its side: what parks is another case's. */
const maxDeliveries = 100;

export const killStorm: FaultCase = {
  name: "kill-storm",
  done: "10,000 calls, 4 worker processes, a random one SIGKILLed every 0.5 s",
  holds:
    "every accepted call ends once; 0 lost, 0 stale finishes accepted; redelivered <= kills x concurrency; reclaimed within lease + 1 s",
  async run(run) {
    const size = run.scale === "full" ? 10_000 : 300;
    const mostKills = run.scale === "full" ? Number.POSITIVE_INFINITY : 6;
    const stage = await Stage.open(run);
    const oracle = await Oracle.watch(stage);
    const reclaims = new Reclaims(stage);
    const crew = new Crew(stage, { tasks: ["work"], concurrency, leaseMs, maxDeliveries });
    await crew.grow(4);
    const tasks = stage.client();

    const accepted: string[] = [];
    const random = run.random.fork("calls");
    const all = Promise.all(
      Array.from({ length: size }, (_, number) => one(run, tasks, number, random.between(20, 250), accepted)),
    );
    const over = new AbortController();
    void Promise.allSettled([all]).then(() => over.abort());

    let kills = 0;
    while (!over.signal.aborted && kills < mostKills) {
      await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
      if (over.signal.aborted) break;
      await crew.kill(run.random, ({ id }) => reclaims.killed(id));
      kills += 1;
      await oracle.look(accepted);
    }
    await all;
    await crew.stop();
    await reclaims.stop();

    const { lost, stale, redelivered, refused } = await oracle.judge(
      accepted.map((id) => ({ id, number: Number(id.slice(1)) })),
    );
    run.must(accepted.length === size, `only ${accepted.length} of ${size} submits were accepted`);
    run.must(redelivered <= kills * concurrency, `${redelivered} runs were repeats, with ${kills} kills`);
    run.must(reclaims.worstMs <= leaseMs + 1_000, `a lease outlived its worker by ${reclaims.worstMs} ms`);
    run.figure("calls", size);
    run.figure("kills", kills);
    run.figure("lost", lost);
    run.figure("stale finishes accepted", stale);
    run.figure("redelivered", redelivered);
    run.figure("late finishes refused", refused);
    run.figure("worst reclaim, ms", reclaims.worstMs);
    run.figure("lease, ms", leaseMs);
  },
};

/** Half of them are submitted, half awaited; each answer must be right. */
async function one(run: Run, tasks: FaultTasks, number: number, lastsMs: number, accepted: string[]): Promise<void> {
  const id = `c${number}`;
  const as = tasks.with({ id, timeoutMs: 10 * 60_000 });
  if (number % 2 === 0) {
    const value = await as.work(number, lastsMs);
    accepted.push(id);
    run.must(value.number === number, `${id} was answered with ${value.number}`);
    return;
  }
  const handle: Handle = await as.submit.work(number, lastsMs);
  accepted.push(id);
  const value = await handle.result();
  run.must(value.number === number, `${id} was answered with ${value.number}`);
}
