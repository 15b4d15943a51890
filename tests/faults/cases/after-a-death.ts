import type { FaultCase, Run } from "../case.ts";
import { Crew } from "../crew.ts";
import { runsOf } from "../journal.ts";
import { Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";

const inFlight = 100;
const lastsMs = 200;
const leaseMs = 2_000;
/** How long all of them may take, from the first that begins again, ms: 1.4 s if 1, 2, 4, 8 run at a time. */
const boundMs = 3_000;
/** How often the runtime lets workers die with a call, unless told otherwise. */
const deliveries = 3;

export const afterADeath: FaultCase = {
  name: "after-a-death",
  done: "a worker killed with 100 calls of 200 ms in flight; then again with one among them that kills each process",
  holds: "all answered within 3 s of their second begin; the one that kills is parked after 3 deaths, and no other one",
  async run(run) {
    const rounds = run.scale === "full" ? 5 : 1;
    run.figure("histories", rounds);
    for (let round = 1; round <= rounds; round++) {
      await harmless(run, round);
      await poisoned(run, round);
    }
  },
};

async function open(run: Run, name: string): Promise<{ stage: Stage; oracle: Oracle; crew: Crew }> {
  const stage = await Stage.open(run, {}, name);
  const oracle = await Oracle.watch(stage);
  const crew = new Crew(stage, { plan: () => ({ tasks: ["work", "poison"], leaseMs }) });
  await crew.grow(1, 1);
  return { stage, oracle, crew };
}

async function harmless(run: Run, round: number): Promise<void> {
  const { stage, oracle, crew } = await open(run, `harmless-${round}`);
  const tasks = stage.client().with({ timeoutMs: 120_000 });
  const ids = Array.from({ length: inFlight }, (_, number) => `c${number}`);
  const answers = ids.map((id, number) => tasks.with({ id }).safe.work(number, lastsMs));
  await stage.written("that all have begun", (entries) => runsOf(entries).size === inFlight);
  await crew.kill(run.random);
  for (const answer of await Promise.all(answers))
    run.must(answer.ok, `a call was answered with ${answer.ok || answer.error.message}`);
  await crew.stop();

  const journal = await stage.journal();
  const again = new Set([...runsOf(journal).values()].flatMap((runs) => runs.slice(1).map(({ fence }) => fence)));
  const times = journal.filter((entry) => "fence" in entry && again.has(entry.fence)).map(({ at }) => at);
  const tookMs = Math.round(Math.max(...times) - Math.min(...times));
  run.mustWithin(tookMs, boundMs, `round ${round}: it took ${tookMs} ms to run them again`);
  run.must(again.size >= 7, `round ${round}: they were run again by ${again.size} claims, so many at a time`);
  const { redelivered } = await oracle.judge(ids.map((id, number) => ({ id, number })));
  run.figure(`round ${round}, harmless`, `${redelivered} run again, in ${tookMs} ms`);
}

async function poisoned(run: Run, round: number): Promise<void> {
  const { stage, oracle, crew } = await open(run, `poisoned-${round}`);
  const tasks = stage.client().with({ timeoutMs: 120_000 });
  const place = run.random.between(0, inFlight);
  const ids = Array.from({ length: inFlight }, (_, number) => `c${number}`);
  // In one batch: they are claimed together, so that the poison takes all with it.
  const answers = ids.map((id, number) => {
    if (number === place) return tasks.with({ id }).safe.poison();
    return tasks.with({ id }).safe.work(number, lastsMs);
  });
  const settled = await Promise.all(answers);
  const deaths = crew.deaths();
  await crew.stop();

  for (const [number, answer] of settled.entries()) {
    const lost = !answer.ok && answer.error.code === "worker_lost";
    run.must(number === place ? lost : answer.ok, `round ${round}: c${number} was told otherwise`);
  }
  run.must(deaths === deliveries, `round ${round}: ${deaths} processes died of it`);
  const parked = await stage.redis.zrange(stage.key("parked"), "0", "-1");
  run.must(parked.join() === ids[place], `round ${round}: parked are ${parked.join()}`);
  const { mostDeaths } = await oracle.judge(
    ids.map((id, number) => (number === place ? { id, state: "parked" } : { id, number })),
  );
  run.must(mostDeaths <= 1, `round ${round}: a neighbour was charged with ${mostDeaths} deaths`);
  run.figure(`round ${round}, poisoned`, `${deaths} deaths, ${parked.length} parked`);
}
