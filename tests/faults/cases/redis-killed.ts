import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { FaultCase, Run } from "../case.ts";
import { Lot } from "../lot.ts";
import { Oracle } from "../oracle.ts";
import { Stage } from "../stage.ts";
import { PowerLoss } from "../power-loss.ts";

const leaseMs = 3_000;

export const redisKilled: FaultCase = {
  name: "redis-killed",
  done: "SIGKILL and restart of Redis, with `appendfsync always`; and with `everysec`, and the last second of the log cut off as by a power loss",
  holds: "always: 0 accepted calls lost; everysec: none lost that is older than the last second, and every caller told",
  async run(run) {
    await withoutLoss(run);
    await withPowerLoss(run);
  },
};

/** What Redis has said to have done, it has done. */
async function withoutLoss(run: Run): Promise<void> {
  const kills = run.scale === "full" ? 40 : 3;
  const stage = await Stage.open(
    run,
    { dataFolder: join(run.folder, "always"), config: ["appendfsync always"] },
    "faults-always",
  );
  const oracle = await Oracle.watch(stage);
  const workers = await Promise.all([1, 2].map(() => stage.worker({ leaseMs })));
  const lot = new Lot(stage, stage.client(), run.random.fork("calls"));
  let over = false;
  const trickling = lot.trickle(() => over, ["work", "errand"]);
  for (let kill = 0; kill < kills; kill++) {
    lot.add(run.random.between(50, 200), 1, 60);
    await sleep(run.random.between(100, 1_000));
    await stage.server.kill();
    await sleep(run.random.between(0, 500));
    await stage.server.restart();
    await stage.reconnect();
    await oracle.look(lot.accepted);
  }
  over = true;
  await trickling;
  await lot.ended();
  for (const { child } of workers) child.tell("stop");
  await Promise.all(workers.map(({ child }) => child.ended()));
  const { lost, stale, redelivered, refused } = await oracle.judge(lot.accepted);
  run.figure("always: kills", kills);
  run.figure("always: accepted calls", lot.accepted.length);
  run.figure("always: lost", lost);
  run.figure("always: stale finishes accepted", stale);
  run.figure("always: redelivered", redelivered);
  run.figure("always: late finishes refused", refused);
}

/** What was not yet on the disk is gone, with whatever was promised of it. */
async function withPowerLoss(run: Run): Promise<void> {
  const losses = run.scale === "full" ? 10 : 1;
  const dataFolder = join(run.folder, "everysec");
  const stage = await Stage.open(run, { dataFolder, config: ["appendfsync everysec"] }, "faults-everysec");
  const worker = await stage.worker({ tasks: ["work"], leaseMs });
  const tasks = stage.client();
  const windows: number[] = [];
  let accepted = 0;
  let lost = 0;
  for (let loss = 0; loss < losses; loss++) {
    const power = new PowerLoss(stage.server, dataFolder);
    const acceptedAt = new Map<string, number>();
    const told: Promise<string>[] = [];
    const until = performance.now() + run.random.between(2_500, 3_500);
    while (performance.now() < until) {
      const id = `l${loss}-${acceptedAt.size}`;
      const handle = await tasks.with({ id }).submit.work(acceptedAt.size, run.random.between(1, 100));
      acceptedAt.set(id, performance.now());
      const answer = handle.safeResult({ timeoutMs: 60_000 });
      told.push(answer.then((given) => (given.ok ? "ok" : given.error.code)));
      await sleep(run.random.between(0, 5));
    }
    const died = await power.strike();
    await stage.server.restart();
    await stage.reconnect();

    const ids = [...acceptedAt.keys()];
    const outcomes = await Promise.all(told);
    const records = await stage.redis.mget(ids.map((id) => stage.key(`result:${id}`)));
    for (const [at, id] of ids.entries()) {
      const outcome = outcomes[at]!;
      const age = died - acceptedAt.get(id)!;
      if (records[at] !== null) {
        run.must(outcome === "ok", `${id} is there, and its caller was told ${outcome}`);
        continue;
      }
      lost++;
      windows.push(age);
      run.must(age <= power.cutMs, `${id} is lost, though it was accepted ${Math.round(age)} ms before the power went`);
      run.must(["ok", "not_found", "outcome_unknown"].includes(outcome), `${id} is lost, its caller told ${outcome}`);
    }
    accepted += ids.length;
  }
  worker.child.tell("stop");
  await worker.child.ended();
  run.figure("everysec: power losses", losses);
  run.figure("everysec: accepted calls", accepted);
  run.figure("everysec: lost with the last second", lost);
  run.figure("everysec: loss window, ms", Math.round(Math.max(0, ...windows)));
}
