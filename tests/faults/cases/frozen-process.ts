import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase, Run } from "../case.ts";
import { machineMs, runsOf } from "../journal.ts";
import { Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";

const leaseMs = 800;
const frozenMs = 3 * leaseMs;

export const frozenProcess: FaultCase = {
  name: "frozen-process",
  done: "SIGSTOP for 3 x the lease in the middle of a handler, then SIGCONT, while the next run of its call is under way",
  holds: "redelivered once; the late finish refused, or not sent; the signal of a handler that still runs aborted",
  async run(run) {
    const rounds = run.scale === "full" ? 10 : 1;
    run.figure("rounds", rounds);
    run.figure("lease, ms", leaseMs);
    run.figure("frozen for, ms", frozenMs);
    const found: Found[] = [];
    for (let round = 1; round <= rounds; round++) {
      const both = [freeze(run, `late-${round}`, "stubborn"), freeze(run, `aborted-${round}`, "work")];
      found.push(...(await Promise.all(both)));
    }
    const sum = (what: "redelivered" | "refused" | "aborted") => found.reduce((all, one) => all + one[what], 0);
    run.figure("redelivered", sum("redelivered"));
    run.figure("late finishes refused", sum("refused"));
    if (rounds > 1) run.must(sum("refused") > 0, "in no round a late finish was sent and refused");
    run.figure("signals aborted", sum("aborted"));
    run.figure("worst reclaim after the freeze, ms", Math.max(...found.map(({ reclaimedMs }) => reclaimedMs)));
  },
};

interface Found {
  readonly redelivered: number;
  readonly refused: number;
  readonly aborted: number;
  readonly reclaimedMs: number;
}

/**
 * @param task - `stubborn`: it would have ended while it was frozen, and finishes as soon as it can, though another run
 * is under way by then; `work`: it goes on for long, and ends by its signal.
 */
async function freeze(run: Run, name: string, task: "stubborn" | "work"): Promise<Found> {
  const stage = await Stage.open(run, {}, name);
  const random = run.random.fork(name);
  const oracle = await Oracle.watch(stage);
  // With one slot, so that whoever is frozen does not wait for another call: it would be given its own again.
  const plan = { leaseMs, concurrency: 1 };
  const workers = [await stage.worker(plan), await stage.worker(plan)];
  const call = stage.client().with({ id: "f", timeoutMs: 60_000 });
  // The second run begins about a lease after the freeze, and is to be under way when that is over. What goes on for long is
  // to have time left then to hear of its signal.
  const answered = call.safe[task](1, task === "work" ? 2 * frozenMs : 0.9 * frozenMs);
  await stage.written("the first run", (entries) => runsOf(entries).has("f"));
  const pid = runsOf(await stage.journal()).get("f")![0]!.pid;
  const first = workers.find(({ child }) => child.pid === pid)!;
  const second = workers.find((worker) => worker !== first)!;
  if (task === "work") await sleep(random.between(0, leaseMs));

  const frozenAt = machineMs();
  first.child.signal("SIGSTOP");
  await stage.written("the second run", (entries) => runsOf(entries).get("f")!.length === 2);
  await sleep(frozenMs - (machineMs() - frozenAt));
  first.child.signal("SIGCONT");
  const answer = await answered;
  run.must(answer.ok, `${name}: answered with ${answer.ok || answer.error.message}`);
  for (const { child } of workers) child.tell("stop");
  await Promise.all(workers.map(({ child }) => child.ended()));

  const journal = await stage.journal();
  const [frozen, next, ...more] = runsOf(journal).get("f")!;
  run.must(more.length === 0, `${name}: redelivered ${more.length + 1} times`);
  run.must(answer.ok && answer.value.pid === second.child.pid, `${name}: the answer is not the second run's`);
  const own = journal.filter(({ pid, id }) => pid === frozen!.pid && id === "f");
  const finishes = own.filter((entry) => "kind" in entry && entry.kind === "finish");
  const refused = finishes.filter(({ what }) => what === "refused").length;
  const aborted = own.filter((entry) => entry.what === "aborted" && entry.code === "worker_lost").length;
  // Its finish and its beat go out together: it may hear from the beat that the call is lost before the finish is sent.
  if (task === "stubborn") run.must(refused + aborted > 0, `${name}: the late finish was not refused`);
  else run.must(aborted === 1, `${name}: the signal was not aborted`);
  run.must(refused === finishes.length, `${name}: the frozen worker's finish was accepted`);
  const { redelivered } = await oracle.judge([{ id: "f", number: 1 }]);
  const reclaimedMs = Math.round(next!.at - frozenAt);
  run.mustWithin(reclaimedMs, leaseMs + 1_000, `${name}: reclaimed ${reclaimedMs} ms after the freeze`);
  return { redelivered, refused, aborted, reclaimedMs };
}
