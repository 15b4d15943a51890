import type { FaultCase, Run } from "../case.ts";
import { runsOf } from "../journal.ts";
import { Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";

const leaseMs = 800;
const blocksMs = 3 * leaseMs;
const attemptMs = 600;
/** How much later than its attempt's limit a call may be answered, ms. */
const lateMs = 250;

export const blockedLoop: FaultCase = {
  name: "blocked-loop",
  done: "a handler blocks its event loop for 3 x the lease, with neighbours running beside it and another worker that takes back what lapses; another blocks past its attemptTimeoutMs",
  holds:
    "it runs once, and so do its neighbours; the one past its limit is answered deadline_exceeded within 250 ms of it, and its late finish not accepted",
  async run(run) {
    const rounds = run.scale === "full" ? 10 : 1;
    run.figure("rounds", rounds);
    run.figure("lease, ms", leaseMs);
    run.figure("blocked for, ms", blocksMs);
    const late: number[] = [];
    for (let round = 1; round <= rounds; round++) late.push(await block(run, round));
    run.figure("worst answer after its limit, ms", Math.max(...late));
  },
};

/** Returns how late the call past its limit was answered, ms. */
async function block(run: Run, round: number): Promise<number> {
  const random = run.random.fork(`round ${round}`);
  const stage = await Stage.open(run, {}, `faults-${round}`);
  const oracle = await Oracle.watch(stage);
  // The other one does not block: it would, and take nothing back.
  const blocker = await stage.worker({ leaseMs, concurrency: 20 });
  const other = await stage.worker({ leaseMs, concurrency: 20, tasks: ["work"] });
  const tasks = stage.client().with({ timeoutMs: 30_000 });

  const neighbours = Array.from({ length: 10 }, (_, number) => ({ id: `c${number}`, number }));
  const beside = neighbours.map(({ id, number }) => tasks.with({ id }).safe.work(number, random.between(200, 900)));
  await stage.written("the begin of the neighbours", (entries) => runsOf(entries).size === neighbours.length);
  const blocked = await tasks.with({ id: "b" }).safe.block(100, blocksMs);
  run.must(blocked.ok, `round ${round}: what blocked was answered with ${blocked.ok || blocked.error.message}`);
  const settled = await Promise.all(beside);
  run.must(
    settled.every(({ ok }) => ok),
    `round ${round}: a neighbour of what blocked has failed`,
  );

  const begun = performance.now();
  const limited = await tasks.with({ id: "l", attemptTimeoutMs: attemptMs }).safe.block(101, blocksMs);
  const tookMs = Math.round(performance.now() - begun);
  const code = limited.ok ? "a result" : limited.error.code;
  run.must(code === "deadline_exceeded", `round ${round}: what blocked past its limit was answered with ${code}`);
  run.mustWithin(
    tookMs,
    attemptMs + lateMs,
    `round ${round}: what blocked past its limit was answered after ${tookMs} ms`,
  );
  // Its handler ends late, and says so in vain.
  const limitedEnds = (ended: readonly { what: string; id: string }[]) =>
    ended.some(({ what, id }) => what === "ended" && id === "l");
  await stage.written("the end of what blocked past its limit", limitedEnds);
  for (const { child } of [blocker, other]) child.tell("stop");
  await Promise.all([blocker, other].map(({ child }) => child.ended()));

  const journal = await stage.journal();
  for (const [id, runs] of runsOf(journal)) {
    run.must(runs.length === 1, `round ${round}: ${id} ran ${runs.length} times`);
  }
  // The thread that keeps leases has answered for it, or nobody: its own finish comes too late.
  const finishes = journal.filter((entry) => "kind" in entry && entry.kind === "finish" && entry.id === "l");
  run.must(
    finishes.every(({ what }) => what === "refused"),
    `round ${round}: the late finish of what blocked past its limit was accepted`,
  );
  await oracle.judge([...neighbours, { id: "b", number: 100 }, { id: "l", state: "failed" }]);
  return tookMs - attemptMs;
}
