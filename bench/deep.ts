/**
 * What the figure with a million waiting calls needs besides additions: `deep.js delay|hold|look <url>`. `delay` puts 10,000
 * delayed calls into the queue; `hold` is a worker that claims 1,000 calls and never ends them; `look` tells how long a
 * status takes.
 */
import { createWorker, streamLogger } from "taskpact";
import { createTasks, implementMath } from "../generated/index.ts";

const [what, broker = "memory:"] = process.argv.slice(2);
const log = streamLogger("error");
process.once("disconnect", () => process.exit());

if (what === "hold") {
  let held = 0;
  const never = (): Promise<number> => {
    if (++held === 1_000) process.send?.({});
    return new Promise(() => undefined);
  };
  const implementations = [implementMath({ addition: never, subtraction: never, division: never })];
  // A short lease, so that its end is soon seen.
  await createWorker({ broker, implementations, concurrency: 1_000, leaseMs: 3_000, log }).run();
} else {
  const tasks = createTasks({ broker, log });
  const later = tasks.with({ delayMs: 3_600_000 }).submit;
  if (what === "delay") {
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 1_000 }, () => later.addition(1, 2)));
    }
    process.send?.({});
  } else {
    const handle = await later.addition(1, 2);
    const times: number[] = [];
    for (let round = 0; round < 3_000; round++) {
      const start = performance.now();
      await handle.status();
      if (round >= 1_000) times.push(1_000 * (performance.now() - start));
    }
    process.send?.({ statusUs: times.sort((a, b) => a - b)[times.length / 2] });
  }
  await tasks.client.close();
  process.disconnect?.();
}
