import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase } from "../case.ts";
import { Crew } from "../crew.ts";
import { Lot } from "../lot.ts";
import { Oracle } from "../oracle.ts";
import { Reclaims } from "../reclaims.ts";
import { Stage } from "../stage.ts";

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
    const full = run.scale === "full";
    const [size, mostKills] = full ? [10_000, Number.POSITIVE_INFINITY] : [300, 4];
    const stage = await Stage.open(run);
    const oracle = await Oracle.watch(stage);
    const reclaims = new Reclaims(stage);
    const crew = new Crew(stage, {
      plan: () => ({ tasks: ["work"], concurrency, leaseMs, maxDeliveries }),
      died: ({ id }) => reclaims.killed(id),
    });
    await crew.grow(4, full ? 4 : 1);

    const lot = new Lot(stage, stage.client(), run.random.fork("calls"));
    lot.add(size, 20, 250);
    const over = new AbortController();
    const ended = lot.ended().finally(() => over.abort());
    ended.catch(() => undefined); // Told below.
    while (!over.signal.aborted && crew.deaths() < mostKills) {
      await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
      if (over.signal.aborted) break;
      await crew.kill(run.random);
      await oracle.look(lot.accepted);
    }
    await ended;
    const kills = crew.deaths();
    await crew.stop();
    await reclaims.stop();

    const { lost, stale, redelivered, refused } = await oracle.judge(lot.accepted);
    run.must(redelivered <= kills * concurrency, `${redelivered} runs were repeats, with ${kills} kills`);
    run.mustWithin(reclaims.worstMs, leaseMs + 1_000, `a lease outlived its worker by ${reclaims.worstMs} ms`);
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
