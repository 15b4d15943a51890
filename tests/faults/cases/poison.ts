import type { FaultCase, Run } from "../case.ts";
import { Crew } from "../crew.ts";
import { Oracle } from "../oracle.ts";
import { Reclaims } from "../reclaims.ts";
import { Stage } from "../stage.ts";

const concurrency = 50;
const leaseMs = 800;
/** How often the runtime lets workers die with a call, unless told otherwise. */
const deliveries = 3;

export const poison: FaultCase = {
  name: "poison",
  done: "a task that kills its process each time, among 1,000 good ones, concurrency 50",
  holds: "parked after 3 deaths, and its caller told worker_lost; every neighbour succeeds, none parked",
  async run(run) {
    const [rounds, neighbours] = run.scale === "full" ? [5, 1_000] : [1, 100];
    run.figure("histories", rounds);
    run.figure("neighbours of each", neighbours);
    run.figure("lease, ms", leaseMs);
    for (let round = 1; round <= rounds; round++) await poisoned(run, round, neighbours);
  },
};

async function poisoned(run: Run, round: number, neighbours: number): Promise<void> {
  const random = run.random.fork(`round ${round}`);
  const stage = await Stage.open(run, {}, `faults-${round}`);
  const oracle = await Oracle.watch(stage);
  const reclaims = new Reclaims(stage);
  const crew = new Crew(stage, {
    plan: () => ({ tasks: ["work", "poison"], concurrency, leaseMs }),
    died: ({ id }) => reclaims.killed(id),
  });
  await crew.grow(2, 1);

  const tasks = stage.client().with({ timeoutMs: 120_000 });
  const place = random.between(0, neighbours);
  const ids = Array.from({ length: neighbours }, (_, number) => `c${number}`);
  const good = (from: number, to: number) =>
    ids.slice(from, to).map(async (id, at) => {
      const answer = await tasks.with({ id }).safe.work(from + at, random.between(5, 60));
      run.must(answer.ok, `the neighbour ${id} was answered with ${answer.ok || answer.error.message}`);
    });
  const before = good(0, place);
  const poisonous = tasks.with({ id: "poison" }).safe.poison();
  await Promise.all([...before, ...good(place, neighbours)]);
  const answer = await poisonous;
  const deaths = crew.deaths();
  await crew.stop();
  await reclaims.stop();

  run.must(!answer.ok && answer.error.code === "worker_lost", `round ${round}: the poison's caller was told otherwise`);
  run.must(deaths === deliveries, `round ${round}: ${deaths} processes died of it`);
  const parked = await stage.redis.zrange(stage.key("parked"), "0", "-1");
  run.must(parked.join() === "poison", `round ${round}: parked are ${parked.join()}`);
  const expected = ids.map((id, number) => ({ id, number }));
  const { redelivered, mostDeaths } = await oracle.judge([...expected, { id: "poison", state: "parked" }]);
  // Of the first death nobody knows whose fault it was; those after it are the poison's alone.
  run.must(mostDeaths <= 1, `round ${round}: a neighbour was charged with ${mostDeaths} deaths`);
  run.mustWithin(reclaims.worstMs, leaseMs + 1_000, `a lease outlived its worker by ${reclaims.worstMs} ms`);
  run.figure(
    `round ${round}`,
    `${deaths} deaths, ${parked.length} parked, ${redelivered} redelivered, worst reclaim ${reclaims.worstMs} ms`,
  );
}
