import { openSync, writeSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Something that happened in a process, told by the harness's own means: a line is with the system before the next
 * step is made, and so outlives a SIGKILL.
 */
export type Entry = {
  readonly pid: number;
  /** By the machine's own clock, ms: the same for all processes, and nobody sets it. */
  readonly at: number;
} & Event;

export type Event =
  /** A handler has begun, has ended by itself, has heard that its signal is aborted. */
  | { readonly what: "began" | "ended"; readonly id: string; readonly attempt: number; readonly fence: number }
  | { readonly what: "aborted"; readonly id: string; readonly fence: number; readonly code: string }
  /** What the broker said of a worker's report. */
  | {
      readonly what: "accepted" | "refused";
      readonly id: string;
      readonly fence: number;
      readonly kind: "finish" | "retry" | "release" | "limit" | "aside" | "park" | "progress";
    }
  /** A caller is about to submit a call; its submit has resolved; it has an answer. */
  | { readonly what: "submitting" | "submitted"; readonly id: string }
  | { readonly what: "answered"; readonly id: string; readonly outcome: string; readonly afterMs: number };

/** This process's own journal. */
export class Journal {
  readonly #file: number;

  constructor(folder: string) {
    this.#file = openSync(join(folder, `${process.pid}.journal`), "a");
  }

  write(event: Event): void {
    writeSync(this.#file, `${JSON.stringify({ ...event, pid: process.pid, at: machineMs() })}\n`);
  }
}

/** What all processes have written so far, in order. A line that a death cut short is left out. */
export async function readJournals(folder: string): Promise<readonly Entry[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".journal"));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  const lines = texts.flatMap((text) => text.split("\n").slice(0, -1));
  return lines.map((line) => JSON.parse(line) as Entry).sort((a, b) => a.at - b.at);
}

/** The runs of each call, in order. */
export function runsOf(
  entries: readonly Entry[],
): ReadonlyMap<string, readonly (Entry & { readonly what: "began" })[]> {
  const runs = new Map<string, (Entry & { readonly what: "began" })[]>();
  for (const entry of entries) {
    if (entry.what !== "began") continue;
    const others = runs.get(entry.id);
    if (others === undefined) runs.set(entry.id, [entry as Entry & { readonly what: "began" }]);
    else others.push(entry as Entry & { readonly what: "began" });
  }
  return runs;
}

/** The machine's monotonic clock, ms. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
