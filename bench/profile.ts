/**
 * Where the time of our calls goes: `node --import tsx -C taskpact-source bench/profile.ts [inFlight …]`, after a
 * `npm run bench` has built what it runs. Of caller and worker, the functions that take the most CPU by V8's profiler, as
 * µs a call; of Redis, what each command and script takes by its own account.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type ContestantName, Lab } from "./lab.ts";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const shown = 28;
const [contestant = "taskpact", ...given] = process.argv.slice(2);
const loads = given.length === 0 ? [1, 100, 1_000] : given.map(Number);

await using lab = await Lab.open();
for (const inFlight of loads) {
  const folder = mkdtempSync(join(tmpdir(), "taskpact-profile-"));
  try {
    await profile(contestant as ContestantName, inFlight, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
  await lab.clear();
}

async function profile(name: ContestantName, inFlight: number, folder: string): Promise<void> {
  const args = (side: string) => ["--cpu-prof", "--cpu-prof-interval=200", `--cpu-prof-dir=${join(folder, side)}`];
  const worker = await lab.start(name, "worker", args("worker"));
  const caller = await lab.start(name, "caller", args("caller"));
  await lab.redis.config("RESETSTAT");
  const redisBefore = await lab.redisCpuUs();
  const { calls, ms } = await caller.ask({ kind: "calls", inFlight, ms: 4_000 });
  const redisUs = (await lab.redisCpuUs()) - redisBefore;
  const stats = await lab.redis.info("commandstats");
  await caller.stop();
  await worker.stop();
  console.log(`\n== ${inFlight} in flight: ${Math.round((1_000 * calls!) / ms!)} calls/s (with the profiler on)`);
  console.log(`Redis: ${(redisUs / calls!).toFixed(2)} µs a call; by its own account:`);
  for (const line of stats.matchAll(/^cmdstat_(\S+):calls=(\d+),usec=(\d+)/gm)) {
    const [, command = "", count, us] = line;
    if (Number(us) / calls! < 0.01) continue;
    console.log(
      `  ${command.padEnd(20)} ${(Number(us) / calls!).toFixed(2)} µs in ${(Number(count) / calls!).toFixed(3)}`,
    );
  }
  for (const side of ["caller", "worker"]) print(side, join(folder, side), calls!);
}

function print(side: string, folder: string, calls: number): void {
  const [file] = readdirSync(folder);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file!), "utf8")) as Profile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  let busy = 0;
  for (const [index, sample] of samples.entries()) {
    const { functionName, url, lineNumber } = frames.get(sample)!;
    if (functionName === "(idle)") continue;
    const us = timeDeltas[index]!;
    busy += us;
    const place = basename(url);
    const what = `${functionName || "(anonymous)"} ${place}${place === "" ? "" : `:${lineNumber + 1}`}`;
    byFunction.set(what, (byFunction.get(what) ?? 0) + us);
    byFile.set(place, (byFile.get(place) ?? 0) + us);
  }
  console.log(`${side}: ${(busy / calls).toFixed(2)} µs a call`);
  for (const sums of [byFile, byFunction]) {
    const sorted = [...sums].sort(([, a], [, b]) => b - a).slice(0, shown);
    console.log(sorted.map(([what, us]) => `  ${(us / calls).toFixed(2).padStart(6)} ${what}`).join("\n"), "\n");
  }
}
