import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase, Run } from "../case.ts";
import { machineMs, runsOf } from "../journal.ts";
import { Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";
import type { FaultTasks, Handle } from "../tasks.ts";

const longestDelayMs = 3_000;
/** How much earlier a handler may have begun than its time, ms: whole ones are counted, by different clocks. */
const grainMs = 2;
/** Far longer than the case takes. */
const longMs = 600_000;

export const onTime: FaultCase = {
  name: "on-time",
  done: "delayed calls, and cancels of calls that wait and that run, on two workers in processes of their own",
  holds:
    "a delayed call begins within 250 ms of its time, and never before; a cancel aborts the signal within 100 ms on whichever worker; a call that was canceled while it waited never starts",
  async run(run) {
    const full = run.scale === "full";
    const [delayed, canceled] = full ? [2_000, 300] : [60, 20];
    const stage = await Stage.open(run);
    const oracle = await Oracle.watch(stage);
    const workers = [await stage.worker({ concurrency: 200 }), await stage.worker({ concurrency: 200 })];
    const tasks = stage.client();
    const times = await delay(run, tasks, delayed);
    const cancels = await cancel(run, stage, tasks, canceled);
    await stage.written("the delayed calls' ends", (entries) => {
      const ended = new Set(entries.flatMap((entry) => (entry.what === "ended" ? [entry.id] : [])));
      return [...times.keys()].every((id) => ended.has(id));
    });
    for (const { child } of workers) child.tell("stop");
    await Promise.all(workers.map(({ child }) => child.ended()));

    const journal = await stage.journal();
    const runs = runsOf(journal);
    let worstStartMs = 0;
    for (const [id, { earliest, latest }] of times) {
      const at = runs.get(id)?.[0]?.at ?? Number.NaN;
      run.must(at >= earliest - grainMs, `${id} began ${Math.round(earliest - at)} ms before its time`);
      worstStartMs = Math.max(worstStartMs, at - latest);
    }
    run.mustWithin(worstStartMs, 250, `a delayed call began ${Math.round(worstStartMs)} ms after its time`);
    let worstAbortMs = 0;
    for (const [id, at] of cancels.running) {
      const aborted = journal.find((entry) => entry.what === "aborted" && entry.id === id);
      run.must(aborted !== undefined, `${id} was canceled, and its signal not aborted`);
      worstAbortMs = Math.max(worstAbortMs, (aborted?.at ?? at) - at);
    }
    run.mustWithin(worstAbortMs, 100, `a signal was aborted ${Math.round(worstAbortMs)} ms after its cancel`);
    for (const id of cancels.waiting) run.must(!runs.has(id), `${id} was canceled while it waited, and began`);
    run.figure("delayed calls", delayed);
    run.figure("worst start after its time, ms", Math.round(worstStartMs));
    run.figure("canceled while running", cancels.running.size);
    run.figure("worst abort after its cancel, ms", Math.round(worstAbortMs));
    run.figure("canceled while waiting", cancels.waiting.length);
    await oracle.judge([
      ...[...times.keys()].map((id) => ({ id })),
      ...[...cancels.running.keys(), ...cancels.waiting].map((id) => ({ id, state: "canceled" as const })),
    ]);
  },
};

/** Submits delayed calls. @returns between which times each is due: that of its submit is known no better */
async function delay(
  run: Run,
  tasks: FaultTasks,
  count: number,
): Promise<ReadonlyMap<string, { readonly earliest: number; readonly latest: number }>> {
  const times = new Map<string, { readonly earliest: number; readonly latest: number }>();
  for (let number = 0; number < count; number += 20) {
    const some = Array.from({ length: Math.min(20, count - number) }, async (_, index) => {
      const id = `d${number + index}`;
      const delayMs = run.random.between(1, longestDelayMs);
      const before = machineMs();
      await tasks.with({ id, delayMs }).submit.work(number + index, 1);
      times.set(id, { earliest: before + delayMs, latest: machineMs() + delayMs });
    });
    await Promise.all(some);
    await sleep(run.random.between(1, 30));
  }
  return times;
}

/** Cancels calls that run, one by one, and calls that wait. @returns when each of the former was canceled */
async function cancel(
  run: Run,
  stage: Stage,
  tasks: FaultTasks,
  count: number,
): Promise<{ readonly running: ReadonlyMap<string, number>; readonly waiting: readonly string[] }> {
  const running = new Map<string, number>();
  const waiting: string[] = [];
  const atOnce = 50;
  for (let first = 0; first < count; first += atOnce) {
    const handles: Handle[] = [];
    for (let number = first; number < Math.min(count, first + atOnce); number++) {
      handles.push(await tasks.with({ id: `r${number}` }).submit.work(number, longMs));
      const waits = await tasks.with({ id: `w${number}`, delayMs: 500 }).submit.work(number, 1);
      waiting.push(waits.id);
      run.must((await waits.cancel()) === "canceled", `${waits.id} was not canceled`);
    }
    await stage.written("the begin of what is to be canceled", (entries) => {
      const begun = runsOf(entries);
      return handles.every(({ id }) => begun.has(id));
    });
    for (const handle of handles) {
      running.set(handle.id, machineMs());
      run.must((await handle.cancel()) === "canceled", `${handle.id} was not canceled`);
    }
  }
  return { running, waiting };
}
