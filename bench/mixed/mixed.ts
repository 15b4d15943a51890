/** What is called in the mixed figures: a task that waits, and gives back what it was given. */
export interface Job {
  readonly waitMs: number;
  readonly text: string;
}

/** One who answers jobs of many kinds over Redis. Each exports one as `contestant`. */
export interface MixedContestant {
  /** Runs a worker in this process, 100 jobs at a time; resolves when it takes calls. */
  startWorker(url: string, queues: readonly string[], handle: (job: Job) => Promise<string>): Promise<unknown>;
  /** Opens a caller in this process; resolves when it can call. */
  openCaller(url: string, queues: readonly string[]): Promise<MixedCaller>;
}

/** Calls a queue's task. */
export type MixedCaller = (queue: string, job: Job) => Promise<string>;

export const concurrency = 100;

/** Calls of one kind: so many are always open, spread over some queues. */
export interface Stream {
  readonly name: string;
  readonly inFlight: number;
  readonly waitMs?: number;
  /** The length of the text that goes there and back. @default 0 */
  readonly length?: number;
  /** Numbers of the first queue and of the one after the last. @default the first one */
  readonly queues?: readonly [number, number];
}

/** What a process of a mixed figure is asked for. */
export type MixedAsk =
  | { readonly kind: "start" }
  | { readonly kind: "handled" }
  | { readonly kind: "mix"; readonly ms: number; readonly streams: readonly Stream[] };

/** Runs streams beside one another for a time; for each its rate and its latencies, ms, by `<name>.<what>`. */
export async function mix(
  call: MixedCaller,
  queues: readonly string[],
  { ms, streams }: { readonly ms: number; readonly streams: readonly Stream[] },
): Promise<Readonly<Record<string, number>>> {
  const start = performance.now();
  const measured = await Promise.all(
    streams.map(async ({ name, inFlight, waitMs = 0, length = 0, queues: [first, end] = [0, 1] }) => {
      const took: number[] = [];
      let made = 0;
      const keepOneOpen = async (): Promise<void> => {
        while (performance.now() - start < ms) {
          const number = made++;
          const text = `${number} `.padEnd(length, "x");
          const begun = performance.now();
          const answer = await call(queues[first + (number % (end - first))]!, { waitMs, text });
          if (answer !== text) throw new Error(`${name} ${number} was answered wrongly`);
          took.push(performance.now() - begun);
        }
      };
      await Promise.all(Array.from({ length: inFlight }, keepOneOpen));
      const perSecond = (1_000 * took.length) / (performance.now() - start);
      took.sort((a, b) => a - b);
      const quantile = (part: number): number => took[Math.floor(took.length * part)] ?? Number.NaN;
      return [name, { perSecond, p50: quantile(0.5), p99: quantile(0.99) }] as const;
    }),
  );
  return Object.fromEntries(
    measured.flatMap(([name, figures]) => Object.entries(figures).map(([key, value]) => [`${name}.${key}`, value])),
  );
}
