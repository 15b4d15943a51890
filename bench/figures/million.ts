import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../contestants/loads.ts";
import type { Figure } from "../figure.ts";
import type { ContestantName, Lab } from "../lab.ts";

const deepest = 1_000_000;
/** Enough for what is drained, and few beside a million. */
const shallow = 25_000;
const drained = 20_000;
const leaseMs = 3_000;

/** Every step with a million calls waiting, 10,000 delayed and 1,000 running: does any of them feel the million? */
export const million: Figure = {
  name: "million",
  only: ["taskpact"],
  most: 3,
  metrics: [
    { key: "slowestMs", label: "slowest command with 1,000,000 waiting, ms", digits: 1 },
    { key: "drainRatio", label: "Redis CPU a claim and finish, of that with 25,000 waiting", digits: 2 },
    { key: "statusRatio", label: "p50 of a status, of that with 25,000 waiting", digits: 2 },
    { key: "reapMs", label: "slowest command while 1,000 lost calls are taken back, ms", digits: 1 },
  ],
  async measure(lab, name) {
    await using _core = await lab.apart();
    const few = await steps(lab, name, shallow);
    await lab.clear();
    const { slowestMs, reapMs, fillMs, ...many } = await steps(lab, name, deepest);
    return {
      slowestMs: slowestMs!,
      drainRatio: many["drainUs"]! / few["drainUs"]!,
      statusRatio: many["statusUs"]! / few["statusUs"]!,
      reapMs: reapMs!,
      fillMs: fillMs!,
    };
  },
};

async function steps(lab: Lab, name: ContestantName, waiting: number): Promise<Asked> {
  await lab.redis.config("SET", "slowlog-log-slower-than", 1_000, "slowlog-max-len", 10_000);
  await lab.redis.slowlog("RESET");
  const caller = await lab.start(name, "caller");
  await caller.ask({ kind: "submit", count: waiting, together: 1_000 });
  const fillMs = await slowest(lab);
  await caller.ask({ kind: "submit", count: drained, together: 1_000 });
  const holding = await lab.deep("hold");
  await (
    await lab.deep("delay")
  ).ended;
  const { statusUs } = (await lab.deep("look")).told;

  const before = await lab.redisCpuUs();
  const worker = await lab.start(name, "worker");
  await worker.ask({ kind: "drain", count: drained });
  const { handled } = await worker.ask({ kind: "usage" });
  const drainUs = ((await lab.redisCpuUs()) - before) / handled!;
  await worker.kill();
  const slowestMs = await slowest(lab);

  // A worker must be there to take back what others held; it runs what it finds meanwhile.
  holding.kill();
  const reaper = await lab.start(name, "worker");
  await sleep(2 * leaseMs);
  const reapMs = await slowest(lab);
  await reaper.kill();
  return { statusUs: statusUs!, drainUs, slowestMs, reapMs, fillMs };
}

/** The slowest command since this was last asked, ms. */
async function slowest(lab: Lab): Promise<number> {
  const entries = (await lab.redis.slowlog("GET", 10_000)) as [number, number, number][];
  await lab.redis.slowlog("RESET");
  return Math.max(0, ...entries.map(([, , us]) => us)) / 1_000;
}
