import { setTimeout as sleep } from "node:timers/promises";

const patienceMs = 30_000;
const intervalMs = 5;

/** Waits until something holds that no event tells. @throws Error after 30 s */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`awaited in vain for 30 s: ${what}`);
    await sleep(intervalMs);
  }
}
