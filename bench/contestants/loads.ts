import type { Addends, Caller } from "./contestant.ts";

/** What a process is asked for. */
export type Ask =
  | { readonly kind: "start" | "usage" | "heap" | "stop" }
  /** To run so many more than with the last such wish: how long it takes from the first to the last. */
  | { readonly kind: "drain"; readonly count: number }
  | { readonly kind: "submit"; readonly count: number; readonly together: number }
  | ({ readonly kind: "calls" | "latencies" } & CallLoad);

/** Calls, some at a time, for a time or a number of them. */
export interface CallLoad {
  readonly inFlight: number;
  readonly ms?: number;
  readonly count?: number;
}

/** What was measured, by name. */
export type Asked = Readonly<Record<string, number>>;

/** The n-th call: no two neighbours alike, so that no answer can stand for another's. */
const addendsOf = (n: number): Addends => ({ a: n % 100_000, b: n % 7 });

async function check(caller: Caller, n: number): Promise<void> {
  const addends = addendsOf(n);
  const sum = await caller.call(addends);
  if (sum !== addends.a + addends.b) throw new Error(`call ${n}: ${addends.a} + ${addends.b} was answered with ${sum}`);
}

/** How fast calls are answered if there are always as many open: the next one is made in the turn that ended one. */
export async function throughput(caller: Caller, load: CallLoad): Promise<Asked> {
  const { inFlight, ms = Number.POSITIVE_INFINITY, count = Number.POSITIVE_INFINITY } = load;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const until = start + ms;
  let made = 0;
  const keepOneOpen = async (): Promise<void> => {
    while (made < count && performance.now() < until) await check(caller, made++);
  };
  await Promise.all(Array.from({ length: inFlight }, keepOneOpen));
  const { user, system } = process.cpuUsage(cpu);
  return { calls: made, ms: performance.now() - start, cpuUs: user + system };
}

/** How long calls take, one after the other. */
export async function latencies(caller: Caller, load: CallLoad): Promise<Asked> {
  const { ms = Number.POSITIVE_INFINITY, count = Number.POSITIVE_INFINITY } = load;
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const until = performance.now() + ms;
  for (let made = 0; made < count && performance.now() < until; made++) {
    const start = performance.now();
    await check(caller, made);
    times.push(1_000 * (performance.now() - start));
  }
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const quantile = (part: number): number => times[Math.floor(times.length * part)] ?? Number.NaN;
  return { calls: times.length, cpuUs: user + system, p50: quantile(0.5), p99: quantile(0.99) };
}

/** How fast calls are put into the queue: so many at a time, each by itself, then the next ones. */
export async function submissions(
  caller: Caller,
  { count, together }: { readonly count: number; readonly together: number },
): Promise<Asked> {
  const start = performance.now();
  let sum = 0;
  for (let made = 0; made < count; made += together) {
    const some = Array.from({ length: Math.min(together, count - made) }, (_, index) => addendsOf(made + index));
    await Promise.all(some.map((addends) => caller.submit(addends)));
    for (const { a, b } of some) sum += a + b;
  }
  return { calls: count, ms: performance.now() - start, sum };
}
