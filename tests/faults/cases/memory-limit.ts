import type { FaultCase, Run } from "../case.ts";
import { Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";
import { until } from "../until.ts";

const limitMb = 24;
/** What those calls take that fill the memory, bytes: the smaller, the less room is left. */
const fillers = [100_000, 5_000, 200];
const leaseMs = 1_500;

export const memoryLimit: FaultCase = {
  name: "memory-limit",
  done: "Redis over `maxmemory` with `noeviction`, while calls run, wait and are made",
  holds:
    "submits are refused as resource_exhausted, at once; running and waiting calls still finish, leases hold; submits are taken again when there is room",
  async run(run) {
    const rounds = run.scale === "full" ? 5 : 1;
    for (let round = 0; round < rounds; round++) await fill(run, round);
    run.figure("rounds", rounds);
  },
};

async function fill(run: Run, round: number): Promise<void> {
  const config = [`maxmemory ${limitMb}mb`, "maxmemory-policy noeviction"];
  const stage = await Stage.open(run, { config }, `faults-full-${round}`);
  const oracle = await Oracle.watch(stage);
  const worker = await stage.worker({ tasks: ["work"], concurrency: 20, leaseMs });
  const tasks = stage.client();
  // Twenty run, longer than a lease; a hundred wait behind them.
  const running = Array.from({ length: 20 }, (_, number) => tasks.with({ id: `c${number}` }).work(number, 2 * leaseMs));
  await until("all slots are taken", async () => (await stage.journal()).length >= 20);
  const waiting = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      tasks.with({ id: `c${20 + at}` }).submit.work(20 + at, run.random.between(1, 50)),
    ),
  );

  // Nobody runs these: they only take room.
  const filling = [];
  let slowestMs = 0;
  for (const bytes of fillers) {
    let refusal: unknown;
    while (refusal === undefined) {
      const begun = performance.now();
      try {
        filling.push(await tasks.with({ acceptTimeoutMs: 10_000 }).submit.echo("x".repeat(bytes)));
      } catch (error) {
        refusal = error;
        slowestMs = Math.max(slowestMs, performance.now() - begun);
      }
    }
    run.must(isExhausted(refusal), `a submit was refused otherwise: ${JSON.stringify(refusal)}`);
  }
  // What is used goes up and down a little: there may be room for one or the other small call.
  let awaited = await tasks.with({ timeoutMs: 10_000 }).safe.work(1, 1);
  for (let tries = 0; awaited.ok && tries < 100; tries++) {
    await tasks.submit.echo("x".repeat(fillers.at(-1)!)).then(
      (handle) => filling.push(handle),
      () => undefined,
    );
    awaited = await tasks.with({ timeoutMs: 10_000 }).safe.work(1, 1);
  }
  run.must(!awaited.ok && isExhausted(awaited.error), "an awaited call was not refused as resource_exhausted");
  run.mustWithin(slowestMs, 1_000, `a refusal took ${Math.round(slowestMs)} ms`);

  const used = Number(/used_memory:(\d+)/.exec(await stage.redis.info("memory"))?.[1]);
  const answers = await Promise.all([...running, ...waiting.map((handle) => handle.result({ timeoutMs: 60_000 }))]);
  run.must(
    answers.every(({ number }, at) => number === at),
    "an answer is another call's",
  );
  // Full all the time: what finished made less room than a filler takes.
  const still = await tasks.with({ timeoutMs: 10_000 }).safe.work(1, 1);
  const states = await Promise.all(filling.map((filler) => filler.cancel()));
  run.must(
    states.every((state) => state === "canceled"),
    "a call could not be canceled over the limit",
  );
  const after = await tasks.with({ timeoutMs: 10_000, id: "after" }).safe.work(120, 1);
  run.must(after.ok, "no call was taken when there was room again");
  worker.child.tell("stop");
  await worker.child.ended();
  const calls = answers.map(({ number }) => ({ id: `c${number}`, number }));
  const { lost, redelivered } = await oracle.judge([...calls, { id: "after", number: 120 }], []);
  run.must(redelivered === 0, `${redelivered} calls ran more than once, though their worker lived`);
  run.figure("maxmemory, MB", limitMb);
  run.figure(`round ${round}: used_memory at the limit, MB`, Math.round(used / 1e5) / 10);
  run.figure(`round ${round}: finished over the limit`, answers.length);
  run.figure(`round ${round}: lost`, lost);
  run.figure(`round ${round}: still refused when all had finished`, String(!still.ok));
  run.figure(`round ${round}: a refusal took, ms`, Math.round(slowestMs));
}

function isExhausted(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "resource_exhausted";
}
