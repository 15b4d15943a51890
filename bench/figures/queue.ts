import type { Asked } from "../contestants/loads.ts";
import type { Figure } from "../figure.ts";
import type { Lab, Side } from "../lab.ts";

const together = 1_000;
const timed = 20_000;
const depths = [1_000, 200_000] as const;

async function fill(caller: Side, count: number): Promise<Asked> {
  return caller.ask({ kind: "submit", count, together });
}

/** Lets a worker run what waits; the rate of the next `count`, from its first handler to its last. */
async function drain(worker: Side, count: number): Promise<number> {
  const { ms } = await worker.ask({ kind: "drain", count });
  return (1_000 * count) / ms!;
}

/** Calls that nobody awaits yet: how fast they get into their queue, and what each takes there. */
export const submit: Figure = {
  name: "submit",
  metrics: [
    { key: "submitsPerSecond", label: "submit/s, single submits, 1,000 at a time", digits: 0 },
    { key: "bytes", label: "Redis bytes a waiting call", digits: 0 },
  ],
  async measure(lab, name) {
    const caller = await lab.start(name, "caller");
    const before = await memoryBytes(lab);
    await fill(caller, timed);
    await new Promise((settled) => setTimeout(settled, 100)); // Buffers of connections shrink again.
    const bytes = ((await memoryBytes(lab)) - before) / timed;
    const { ms } = await fill(caller, 2 * timed);
    return { bytes, submitsPerSecond: (2 * timed * 1_000) / ms! };
  },
};

/** How fast a worker runs what waits: one that has served for a while, and one that has just been started. */
export const drained: Figure = {
  name: "drain",
  metrics: [
    { key: "drainsPerSecond", label: "drain/s, 20,000 waiting", digits: 0 },
    { key: "coldDrainsPerSecond", label: "… by a worker that has just been started", digits: 0 },
  ],
  async measure(lab, name) {
    const caller = await lab.start(name, "caller");
    const sums = [await fill(caller, timed)];
    const worker = await lab.start(name, "worker");
    const coldDrainsPerSecond = await drain(worker, timed);
    sums.push(await fill(caller, 2 * timed));
    await drain(worker, 2 * timed);
    // It stands still until they wait, as one whose machine was paused.
    process.kill(worker.pid, "SIGSTOP");
    sums.push(await fill(caller, timed));
    process.kill(worker.pid, "SIGCONT");
    const drainsPerSecond = await drain(worker, timed);
    const { sum } = await worker.ask({ kind: "usage" });
    if (sum !== sums.reduce((all, one) => all + one["sum"]!, 0)) {
      throw new Error(`${name}: other calls were handled than submitted`);
    }
    return { drainsPerSecond, coldDrainsPerSecond };
  },
};

/** What a long queue costs: the same 20,000 submits and drains with 1,000 and with 200,000 calls waiting. */
export const depth: Figure = {
  name: "depth",
  only: ["taskpact", "bare"],
  metrics: [
    { key: "submitRatio", label: "submit/s with 200,000 waiting, of that with 1,000", digits: 2 },
    { key: "drainRatio", label: "drain/s with 200,000 waiting, of that with 1,000", digits: 2 },
  ],
  async measure(lab, name) {
    const rates: { submit: number; drain: number }[] = [];
    for (const depth of depths) {
      await lab.clear();
      const caller = await lab.start(name, "caller");
      // As warm for the shallow queue as for the deep one.
      await fill(caller, depths[1]);
      if (depth !== depths[1]) {
        await lab.redis.flushall();
        await fill(caller, depth);
      }
      const { ms } = await fill(caller, timed);
      await caller.kill();
      const worker = await lab.start(name, "worker");
      rates.push({ submit: (1_000 * timed) / ms!, drain: await drain(worker, timed) });
    }
    const [shallow, deep] = rates;
    return { submitRatio: deep!.submit / shallow!.submit, drainRatio: deep!.drain / shallow!.drain };
  },
};

async function memoryBytes(lab: Lab): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await lab.redis.info("memory"))?.[1]);
}
