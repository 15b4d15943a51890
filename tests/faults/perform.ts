import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultCase, Result, Run, Scale } from "./case.ts";
import { Random, seedOf } from "./random.ts";

/** A case that hangs has failed; the others are to run. */
const limitMs: Readonly<Record<Scale, number>> = { short: 80_000, full: 20 * 60_000 };

/** By how much a time limit is multiplied. */
const patience: Readonly<Record<Scale, number>> = { short: 10, full: 1 };

/** Runs a case, and undoes all that it did. Never rejects: what goes wrong is a violation. */
export async function perform(fault: FaultCase, scale: Scale, seed: number): Promise<Result> {
  const began = performance.now();
  const figures: Record<string, number | string> = {};
  const violations: string[] = [];
  const undos: (() => unknown)[] = [];
  const folder = await mkdtemp(join(tmpdir(), "taskpact-faults-"));
  undos.push(() => rm(folder, { recursive: true, force: true }));
  const over = new AbortController();
  const run: Run = {
    scale,
    seed,
    random: new Random(seedOf(seed, fault.name)),
    folder,
    over: over.signal,
    figure: (name, value) => void (figures[name] = value),
    must: (holds, promise) => void (holds || violations.includes(promise) || violations.push(promise)),
    mustWithin: (tookMs, mostMs, promise) => run.must(tookMs <= mostMs * patience[scale], promise),
    defer: (undo) => void undos.push(undo),
  };

  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over within ${limitMs[scale]} ms`)), limitMs[scale]);
  });
  try {
    await Promise.race([fault.run(run), late]);
  } catch (thrown) {
    violations.push(describeThrown(thrown));
  }
  clearTimeout(timer);
  over.abort();
  for (const undo of undos.toReversed()) {
    try {
      await undo();
    } catch (thrown) {
      violations.push(`at its end: ${describeThrown(thrown)}`);
    }
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  return { name: fault.name, scale, seed, figures, violations, seconds };
}

function describeThrown(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
