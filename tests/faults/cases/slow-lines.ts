import type { FaultCase, Run } from "../case.ts";
import { Proxy } from "../../protocol/proxy.ts";
import { Stage } from "../stage.ts";

/** What the slowest line carries in a second, and the fastest, bytes. */
const rates = [60_000, 500_000] as const;
/** What the smallest value has, and the largest, bytes. */
const sizes = [1_000, 150_000] as const;
/** How long the calls of a line would take if nothing else were sent, ms. */
const lineMs = { short: 7_000, full: 30_000 } as const;

export const slowLines: FaultCase = {
  name: "slow-lines",
  done: "values of up to 150 KB, to a worker and back, all sent at once over a line of 60 to 500 KB/s that all connections share",
  holds: "every call succeeds; no more than 1.2 times the values passes either way; none runs twice",
  async run(run) {
    for (let line = 0; line < (run.scale === "full" ? 8 : 1); line++) await cross(run, line);
  },
};

async function cross(run: Run, line: number): Promise<void> {
  const stage = await Stage.open(run, {}, `faults-slow-${line}`);
  const proxy = await Proxy.to(stage.server.url, run.defer);
  const rate = { up: run.random.between(...rates), down: run.random.between(...rates) };
  const worker = await stage.worker({ url: proxy.url, tasks: ["echo"] });
  const calls = stage.client({ broker: proxy.url }).with({ timeoutMs: 10 * 60_000 });
  await calls.echo("a first one, so that all have connected");
  const values: string[] = [];
  let bytes = 0;
  // Each value goes up twice, from the client and from the worker, and down twice.
  while (bytes * 2 < (Math.min(rate.up, rate.down) * lineMs[run.scale]) / 1_000) {
    const value = `${values.length} `.padEnd(run.random.between(...sizes), "x");
    values.push(value);
    bytes += value.length;
  }
  proxy.rate(rate);
  const before = proxy.passed;
  const begun = performance.now();
  const answers = await Promise.all(values.map((value) => calls.safe.echo(value)));
  const tookMs = Math.round(performance.now() - begun);
  const after = proxy.passed;
  const right = answers.filter((answer, index) => answer.ok && (answer.value as unknown) === values[index]).length;
  run.must(right === values.length, `${right} of ${values.length} calls were answered over ${JSON.stringify(rate)}`);
  for (const way of ["up", "down"] as const) {
    const share = (after[way] - before[way]) / (2 * bytes);
    run.must(share <= 1.2, `${share.toFixed(2)} times the values went ${way} over ${JSON.stringify(rate)}`);
  }
  proxy.rate({});
  worker.child.tell("stop");
  await worker.child.ended();
  const began = (await stage.journal()).filter(({ what }) => what === "began").length;
  run.must(began === values.length + 1, `${began - 1} runs of ${values.length} calls`);
  const told = `${Math.round(rate.up / 1_000)} up, ${Math.round(rate.down / 1_000)} down`;
  run.figure(`line of KB/s ${told}: calls, MB, ms`, `${values.length}, ${(bytes / 1e6).toFixed(1)}, ${tookMs}`);
  run.figure(`line of KB/s ${told}: connections made meanwhile`, after.connections - before.connections);
}
