import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase, Run } from "../case.ts";
import { Oracle } from "../oracle.ts";
import type { CallerPlan } from "../plan.ts";
import { Stage } from "../stage.ts";

/** More calls than one caller lives to make: what is between their numbers. */
const callsOfEach = 1_000_000;
const leaseMs = 1_500;

export const callerKilled: FaultCase = {
  name: "caller-killed",
  done: "callers are SIGKILLed between submit and answer and in the middle of a batch: before it is sent, on its way, stored and not told, and at random moments",
  holds: "accepted calls still end, once; a new client reads each result by its id",
  async run(run) {
    const callers = run.scale === "full" ? 60 : 4;
    const stage = await Stage.open(run);
    const oracle = await Oracle.watch(stage);
    const workers = await Promise.all([1, 2].map(() => stage.worker({ tasks: ["work"], leaseMs })));

    for (let index = 0; index < callers; index += 2) {
      await Promise.all([index, index + 1].map((one) => callAndDie(run, stage, one)));
    }

    const journal = await stage.journal();
    const idsOf = (what: string): string[] => journal.flatMap((entry) => (entry.what === what ? [entry.id] : []));
    const accepted = idsOf("submitted");
    const sent = new Set(idsOf("submitting"));
    for (const id of [...accepted, ...idsOf("answered")]) sent.delete(id);
    const wrong = journal.filter((entry) => entry.what === "answered" && entry.outcome !== "ok");
    run.must(wrong.length === 0, `${wrong.length} calls were answered with an error: ${JSON.stringify(wrong[0])}`);

    const heir = stage.client();
    const begun = performance.now();
    const read = (id: string) => heir.client.handle("work", id).safeResult({ timeoutMs: 30_000 });
    for (const [at, answer] of (await Promise.all(accepted.map(read))).entries()) {
      const what = answer.ok ? `the answer ${answer.value.number}` : answer.error.message;
      run.must(answer.ok && answer.value.number === numberOf(accepted[at]!), `${accepted[at]} is read as ${what}`);
    }
    const readMs = Math.round(performance.now() - begun);
    // Whether these were stored nobody was told; if they were, they have ended as well.
    const unknown = [...sent];
    const answers = await Promise.all(unknown.map(read));
    const orphans = unknown.filter((_, at) => answers[at]!.ok);
    for (const [at, answer] of answers.entries()) {
      const gone = answer.ok || answer.error.code === "not_found";
      run.must(gone, `${unknown[at]} is read as ${answer.ok || answer.error.message}`);
    }
    for (const { child } of workers) child.tell("stop");
    await Promise.all(workers.map(({ child }) => child.ended()));

    const all = [...accepted, ...orphans, ...idsOf("answered")].map((id) => ({ id, number: numberOf(id) }));
    const { lost, stale, redelivered } = await oracle.judge(all);
    run.must(redelivered === 0, `${redelivered} calls ran more than once, though no worker died`);
    run.figure("callers killed", callers);
    run.figure("accepted calls", accepted.length);
    run.figure("awaited and answered before the death", idsOf("answered").length);
    run.figure("stored without anybody being told", orphans.length);
    run.figure("never stored", sent.size - orphans.length);
    run.figure("lost", lost);
    run.figure("stale finishes accepted", stale);
    run.figure("all accepted read by a new client, ms", readMs);
  },
};

function numberOf(id: string): number {
  return Number(id.slice(1));
}

async function callAndDie(run: Run, stage: Stage, index: number): Promise<void> {
  const random = run.random.fork(`caller ${index}`);
  const moment = (["before", "during", "after", "any"] as const)[index % 4]!;
  const plan: Omit<CallerPlan, "url" | "namespace" | "folder"> = {
    seed: random.between(0, 2 ** 32 - 1),
    first: index * callsOfEach,
    ...(moment !== "any" && { death: { moment, pass: random.between(1, 8) } }),
  };
  const caller = stage.start("caller.ts", plan);
  await caller.said();
  if (moment === "any") {
    await sleep(random.between(1, 120));
    await caller.kill();
  }
  const end = await caller.gone();
  run.must(end === "SIGKILL", `caller ${index} ended with ${end}:\n${caller.output()}`);
}
