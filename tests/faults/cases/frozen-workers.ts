import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase } from "../case.ts";
import { machineMs, runsOf } from "../journal.ts";
import type { Random } from "../random.ts";
import { Stage, type WorkerProcess } from "../stage.ts";

const leaseMs = 800;
/** What a call has from when it is made, ms: less than the longest freeze. */
const timeoutMs = 2_500;
const longestFreezeMs = 4 * leaseMs;
/** How much later than its time a handler may begin, ms: the caller's clock starts before Redis's. */
const latenessMs = 250;

export const frozenWorkers: FaultCase = {
  name: "frozen-workers",
  done: "3 of 4 workers stopped by SIGSTOP again and again for up to 4 x the lease, also while they wait for calls and are given some",
  holds: "no handler begins past its call's deadline, or once a later run of its call has begun; each call is answered",
  async run(run) {
    const calls = run.scale === "full" ? 2_000 : 150;
    const stage = await Stage.open(run, {});
    const plan = { leaseMs, concurrency: 2, maxDeliveries: 100 };
    const [, ...others] = await Promise.all([1, 2, 3, 4].map(() => stage.worker(plan)));
    const over = new AbortController();
    const freezing = others.map((worker, nth) => freeze(run.random.fork(`worker ${nth}`), worker, over.signal));
    const tasks = stage.client().with({ timeoutMs, policy: "remote-only" });
    const madeAt = new Map<string, number>();
    const answers = [];
    for (let number = 0; number < calls; number++) {
      const id = `c${number}`;
      madeAt.set(id, machineMs());
      answers.push(tasks.with({ id }).safe.work(number, run.random.between(0, 100)));
      await sleep(run.random.between(5, 35));
    }
    const settled = await Promise.all(answers);
    over.abort();
    const freezes = (await Promise.all(freezing)).reduce((sum, count) => sum + count, 0);

    const codes = settled.map((answer) => (answer.ok ? "answered" : answer.error.code));
    const strange = codes.filter((code) => code !== "answered" && code !== "deadline_exceeded");
    run.must(strange.length === 0, `calls ended as ${[...new Set(strange)].join(", ")}`);
    const { latest, outrun, again } = await judge(stage, madeAt);
    run.figure("calls", calls);
    run.figure("freezes", freezes);
    run.figure("past their deadline", codes.filter((code) => code === "deadline_exceeded").length);
    run.figure("runs repeated", again);
    run.figure("latest begin, ms of its call's time", Math.round(latest));
    run.must(latest <= timeoutMs + latenessMs, `a handler began ${Math.round(latest)} ms after its call was made`);
    run.must(
      outrun.length === 0,
      `${outrun.length} began after a later run of theirs: ${outrun.slice(0, 5).join(", ")}`,
    );
  },
};

/** Stops a worker and lets it go on, until it is over. @returns how often. */
async function freeze(random: Random, { child }: WorkerProcess, over: AbortSignal): Promise<number> {
  let count = 0;
  while (!over.aborted) {
    await sleep(random.between(0, leaseMs));
    child.signal("SIGSTOP");
    await sleep(random.between(leaseMs / 2, longestFreezeMs));
    child.signal("SIGCONT");
    count++;
  }
  return count;
}

/** How long after it was made a call's last run began, ms; which began after a run of a later fence; and how many ran again. */
async function judge(stage: Stage, madeAt: ReadonlyMap<string, number>) {
  let latest = 0;
  let again = 0;
  const outrun: string[] = [];
  for (const [id, runs] of runsOf(await stage.journal())) {
    again += runs.length - 1;
    latest = Math.max(latest, runs.at(-1)!.at - madeAt.get(id)!);
    if (runs.some(({ fence }, nth) => nth > 0 && fence < runs[nth - 1]!.fence)) outrun.push(id);
  }
  return { latest, outrun, again };
}
