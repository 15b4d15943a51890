import { Proxy } from "../../protocol/proxy.ts";
import { startRedis } from "../../redis/server.ts";
import type { FaultCase, Run } from "../case.ts";
import { Crew } from "../crew.ts";
import { Lot } from "../lot.ts";
import { Oracle } from "../oracle.ts";
import type { WorkerPlan } from "../plan.ts";
import { Reclaims } from "../reclaims.ts";
import { type Seam, seams } from "../seams.ts";
import { Stage, type WorkerProcess } from "../stage.ts";
import { errands, queue } from "../tasks.ts";

const concurrency = 10;
const leaseMs = 1_000;
const maxDeliveries = 100;

/** A seam at which a worker dies; and maybe its caller deaf at that moment, so that the message is lost with it. */
interface Step {
  readonly name: string;
  readonly seam: Seam;
  readonly deaf: boolean;
}

const steps: readonly Step[] = [
  ...seams.map((seam) => ({ name: seam, seam, deaf: false })),
  { name: "after the finish, its caller deaf", seam: "after the finish", deaf: true },
];

export const killAtEveryStep: FaultCase = {
  name: "kill-at-every-step",
  done: "SIGKILL at each seam: after the bell, after the claim, in the handler, before the finish, after the finish, and there with the caller's subscription cut",
  holds:
    "every accepted call ends once; 0 lost, 0 stale finishes accepted; redelivered <= kills x concurrency; reclaimed within lease + 1 s",
  async run(run) {
    const server = await startRedis();
    run.defer(() => server.stop());
    run.figure("lease, ms", leaseMs);
    if (run.scale === "short") {
      await dieAt(run, await Stage.open(run, server), steps, { deaths: steps.length, mostPasses: 4 });
      return;
    }
    for (const [index, step] of steps.entries()) {
      await dieAt(run, await Stage.open(run, server, `faults-${index}`), [step], { deaths: 40, mostPasses: 12 });
    }
  },
};

/** Workers die at these seams, one after the other, each at a random one of its first passes. */
async function dieAt(
  run: Run,
  stage: Stage,
  here: readonly Step[],
  { deaths, mostPasses }: { readonly deaths: number; readonly mostPasses: number },
): Promise<void> {
  const random = run.random.fork(stage.namespace);
  const oracle = await Oracle.watch(stage);
  const reclaims = new Reclaims(stage, [queue, errands]);
  const proxy = await Proxy.to(stage.server.url, run.defer);
  const lot = new Lot(stage, stage.client({ broker: proxy.url }), random.fork("calls"));
  const looks: Promise<void>[] = [];
  let cut = 0;
  let planned = 0;
  const plan = (): Partial<WorkerPlan> => {
    const { seam, deaf } = here[planned++ % here.length]!;
    // Of two queues the bells are waited for and the claims made in two steps; of one, in one.
    const two = seam === "after the bell" || random.next() < 0.5;
    return {
      ...shared,
      tasks: two ? ["work", "errand"] : ["work"],
      death: { seam, pass: random.between(1, mostPasses) },
      asksBeforeDeath: deaf,
    };
  };
  const crew = new Crew(stage, {
    plan,
    joined: (worker) =>
      void whenItFinishes(worker, () => {
        cut += proxy.cut("SUBSCRIBE");
      }),
    died: ({ id }) => {
      reclaims.killed(id);
      const look = oracle.look(lot.accepted);
      look.catch(() => undefined); // Told below.
      looks.push(look);
    },
  });
  // One that does not die, so that there is always somebody to take back what the others held.
  const survivor = await stage.worker({ ...shared, tasks: ["work", "errand"], concurrency: 2 });
  await crew.grow(2, 1);

  await lot.trickle(() => crew.deaths() >= deaths, ["work", "work", "errand"]);
  await lot.ended();
  await Promise.all(looks);
  await crew.stop();
  survivor.child.tell("stop");
  await survivor.child.ended();
  await reclaims.stop();

  const kills = crew.deaths();
  const { lost, stale, redelivered } = await oracle.judge(lot.accepted);
  const what = here.length === 1 ? here[0]!.name : "at all seams";
  run.must(redelivered <= kills * concurrency, `${what}: ${redelivered} runs were repeats, with ${kills} kills`);
  run.mustWithin(reclaims.worstMs, leaseMs + 1_000, `${what}: a lease outlived its worker by ${reclaims.worstMs} ms`);
  if (here.every(({ deaf }) => deaf)) run.must(cut > 0, "no subscription was cut");
  run.figure(
    what,
    `${lot.size} calls, ${kills} kills, ${lost} lost, ${stale} stale, ${redelivered} redelivered, worst reclaim ${reclaims.worstMs} ms, ${cut} subscriptions cut`,
  );
}

const shared: Partial<WorkerPlan> = { concurrency, leaseMs, maxDeliveries };

/** Does something right before the finish after which a worker dies, if it asks. */
async function whenItFinishes({ child }: WorkerProcess, act: () => void): Promise<void> {
  try {
    while ((await child.said()) !== "finishing");
  } catch {
    return; // It has died without asking.
  }
  act();
  child.tell("finish");
}
