import type { FaultCase, Run } from "../case.ts";
import { type Entry, runsOf } from "../journal.ts";
import { type Expected, Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";
import { until } from "../until.ts";
import { errands } from "../tasks.ts";

const offMs = 10 * 60_000;
const leaseMs = 800;
const waitMs = 600;
const longMs = 3 * leaseMs;
/** How much earlier a timer may go off than it was set for, ms: whole ones are counted, by different clocks. */
const grainMs = 2;
/** Of the contract: what is between two attempts of a call that failed. */
const backoffMs = 200;
/** What an unserved call may be late by, ms. */
const lateMs = 250;

export const clocks: FaultCase = {
  name: "clocks",
  done: "workers and callers whose clocks are 10 min ahead and 10 min behind, in all pairs",
  holds:
    "nothing expires early or runs before its time; no deadline is late by more than 250 ms; no double lease: runs longer than a lease run once",
  async run(run) {
    const rounds = run.scale === "full" ? 5 : 1;
    run.figure("off by, ms", offMs);
    run.figure("lease, ms", leaseMs);
    let calls = 0;
    let worstLateMs = 0;
    for (let round = 1; round <= rounds; round++) {
      const { answers, lateMs } = await play(run, round);
      calls += answers;
      worstLateMs = Math.max(worstLateMs, lateMs);
    }
    run.figure("calls", calls);
    run.figure("worst deadline, ms late", worstLateMs);
  },
};

async function play(run: Run, round: number): Promise<{ readonly answers: number; readonly lateMs: number }> {
  const stage = await Stage.open(run, {}, `faults-${round}`);
  const oracle = await Oracle.watch(stage);
  const clock = (ms: number): URL => new URL(`../shifted-clock.mjs?ms=${ms}`, import.meta.url);
  const shifts = { ahead: offMs, behind: -offMs };
  const tasks = ["work", "stubborn", "flaky"] as const;
  const workers = await Promise.all(
    Object.values(shifts).map((ms) => stage.worker({ leaseMs, tasks, concurrency: 100 }, clock(ms))),
  );
  const callers = Object.entries(shifts).map(([name, ms]) => {
    const seed = run.random.between(0, 2 ** 32 - 1);
    return stage.start("clock-caller.ts", { name, seed, calls: 5, waitMs, longMs }, clock(ms));
  });
  await Promise.all(callers.map((caller) => caller.ended()));
  // One for the queue that nobody served: it must run none of what has expired there, and clears it away.
  workers.push(await stage.worker({ leaseMs, tasks: ["errand"] }, clock(offMs)));
  await until(
    "the expired calls are cleared away",
    async () => (await stage.redis.llen(stage.key("queue", errands))) === 0,
  );
  for (const { child } of workers) child.tell("stop");
  await Promise.all(workers.map(({ child }) => child.ended()));

  const journal = await stage.journal();
  const answers = journal.flatMap((entry) => (entry.what === "answered" ? [entry] : []));
  const late: number[] = [0];
  const expected: Expected[] = [];
  for (const { id, outcome, afterMs } of answers) {
    const kind = id.split(/-(?:ahead|behind)-/)[0]!;
    const runs = runsOf(journal).get(id) ?? [];
    const asked = journal.find((entry) => entry.what === "submitting" && entry.id === id)!;
    const wants = wanted[kind]!;
    const what = `round ${round}: ${id}`;
    run.must(outcome === wants.outcome, `${what} was answered with ${outcome}, not ${wants.outcome}`);
    run.must(runs.length === wants.runs, `${what} ran ${runs.length} times, not ${wants.runs}`);
    if (wants.after) run.must(afterMs >= waitMs - grainMs, `${what} was answered ${afterMs} ms after, too early`);
    if (wants.after && kind === "unserved") late.push(afterMs - waitMs);
    if (wants.delayed) mustWait(run, what, asked, runs[0], waitMs);
    if (kind === "retried")
      for (const [at, one] of runs.entries()) if (at > 0) mustWait(run, what, runs[at - 1]!, one, backoffMs);
    expected.push({ id, ...wants.record });
  }
  run.must(answers.length === expected.length && answers.length > 0, `round ${round}: there are no answers`);
  const lateMsNow = Math.round(Math.max(...late));
  run.mustWithin(lateMsNow, lateMs, `round ${round}: a deadline was ${lateMsNow} ms late`);
  await oracle.judge(expected);
  return { answers: answers.length, lateMs: lateMsNow };
}

function mustWait(run: Run, what: string, from: Entry, to: Entry | undefined, ms: number): void {
  const waited = to === undefined ? Number.NaN : to.at - from.at;
  run.must(waited >= ms - grainMs, `${what} ran after ${waited} ms, and was to wait for ${ms}`);
}

/** What is to come of each kind of call (see clock-caller.ts). */
interface Wanted {
  readonly outcome: string;
  readonly runs: number;
  /** Not answered before its time is up. */
  readonly after?: boolean;
  /** Not run before it is due. */
  readonly delayed?: boolean;
  readonly record?: Omit<Expected, "id">;
}

const wanted: Readonly<Record<string, Wanted>> = {
  plain: { outcome: "ok", runs: 1 },
  long: { outcome: "ok", runs: 1 },
  delayed: { outcome: "ok", runs: 1, delayed: true },
  "run-at": { outcome: "ok", runs: 1, delayed: true },
  "expires-later": { outcome: "ok", runs: 1 },
  unserved: { outcome: "deadline_exceeded", runs: 0, after: true, record: { queue: errands, state: "expired" } },
  expires: { outcome: "deadline_exceeded", runs: 0, after: true, record: { queue: errands, state: "expired" } },
  retried: { outcome: "ok", runs: 3 },
  "attempt-limited": { outcome: "deadline_exceeded", runs: 1, after: true, record: { state: "failed" } },
};
