import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type Broker, createWorker, type Logger } from "taskpact";
import { createTasks, implementMath, type Tasks } from "../../generated/index.ts";
import { Random } from "../faults/random.ts";
import { oddBytes, oddId, oddMessage, oddRecord } from "./attack.ts";

/** Where a fuzz runs. */
export interface FuzzPlace {
  /** For the worker and the client: a URL, or fresh connections to one store. */
  open(): string | Broker;
  readonly namespace: string;
  /** The test's own hands on the keys; undefined for a broker without keys, to which records alone are given. */
  readonly redis?: Redis | undefined;
  /** How many scripts the worker and the client have run. */
  scripts?(): number;
}

/** What came of it. */
export interface FuzzResult {
  readonly seed: number;
  readonly steps: number;
  readonly bytes: number;
  readonly innocents: number;
  readonly scripts: number;
  readonly seconds: number;
  /** What must not be, and was. */
  readonly violations: readonly string[];
}

/** So many scripts a step of the attack may cause, besides those of the innocent calls, and so many in a second without it. */
const scriptsPerStep = 12;
const idleScriptsPerSecond = 60;
/** A call of others may be a sound one, and may be told to be repeated. */
const runsPerStep = 4;
/** The first of the numbers by which innocent calls are known. */
const firstInnocent = 1_000_000;
const patienceMs = 60_000;

/**
 * Lets a real worker and a real client do innocent calls while bytes of others come into everything that they read: neither
 * may crash or spin, and each innocent call must be answered, by one attempt.
 */
export async function fuzz(place: FuzzPlace, seed: number, steps: number): Promise<FuzzResult> {
  const run = new Fuzz(place, seed);
  const begun = performance.now();
  await run.run(steps);
  const seconds = (performance.now() - begun) / 1_000;
  const { bytes, innocents, violations } = run;
  return { seed, steps, bytes, innocents, scripts: place.scripts?.() ?? 0, seconds, violations };
}

class Fuzz {
  bytes = 0;
  innocents = 0;
  readonly violations: string[] = [];
  readonly #place: FuzzPlace;
  readonly #seed: number;
  readonly #ran = new Map<number, number>();
  /** How often the handler ran for calls of others. */
  #foreignRuns = 0;
  readonly #open = new Set<Promise<void>>();

  constructor(place: FuzzPlace, seed: number) {
    this.#place = place;
    this.#seed = seed;
  }

  async run(steps: number): Promise<void> {
    const { namespace } = this.#place;
    const crashed = (thrown: unknown): void => this.#violated(`not caught: ${String(thrown)}`);
    process.on("unhandledRejection", crashed);
    process.on("uncaughtException", crashed);
    const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
    const addition = ({ a, b }: { a: number; b: number }): number => {
      if (a < firstInnocent) this.#foreignRuns++;
      else this.#ran.set(a, (this.#ran.get(a) ?? 0) + 1);
      return a + b;
    };
    const subtraction = (): number => 0;
    const division = ({ dividend, divisor }: { dividend: number; divisor: number }): number => dividend / divisor;
    const math = implementMath({ addition, subtraction, division });
    const [workerBroker, clientBroker] = [this.#place.open(), this.#place.open()];
    const common = { namespace, log: silent };
    const worker = createWorker({ broker: workerBroker, implementations: [math], handleSignals: false, ...common });
    const running = worker.run();
    const tasks = createTasks({ broker: clientBroker, ...common });
    try {
      await tasks.client.events.on(["progress", "retrying", "failed", "parked"], () => undefined);
      await this.#attack(tasks, steps);
      await Promise.all(this.#open);
      await this.#mustIdle();
    } finally {
      await tasks.client.close();
      await worker.stop({ graceMs: 0 });
      await running;
      for (const broker of [workerBroker, clientBroker]) if (typeof broker !== "string") await broker.close();
      await turn();
      process.off("unhandledRejection", crashed);
      process.off("uncaughtException", crashed);
    }
  }

  async #attack(tasks: Tasks, steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const before = this.#place.scripts?.() ?? 0;
      // Each step draws for itself, so that it is the same whatever the ones before have waited for.
      await this.#strike(tasks, new Random(this.#seed + step * 7_919), step);
      if (step % 10 === 0) this.#call(tasks, step);
      if (step % 100 === 0) await this.#look(tasks);
      if (step % 25 === 0) await Promise.all(this.#open);
      const ran = (this.#place.scripts?.() ?? 0) - before;
      if (ran > 100 * scriptsPerStep) this.#violated(`step ${step}: ${ran} scripts`);
    }
    if (this.#foreignRuns > runsPerStep * steps) this.#violated(`calls of others ran ${this.#foreignRuns} times`);
    const scripts = this.#place.scripts?.() ?? 0;
    if (scripts > (steps + 100) * scriptsPerStep) this.#violated(`${scripts} scripts for ${steps} steps`);
  }

  /** An innocent call, awaited or submitted. */
  #call(tasks: Tasks, step: number): void {
    const number = firstInnocent + step;
    this.innocents++;
    const calls = async (): Promise<void> => {
      try {
        let sum: number;
        if (step % 20 === 0) {
          const handle = await tasks.submit.addition(number, 1);
          sum = await handle.result({ timeoutMs: patienceMs });
          const { deaths, attempt } = await handle.status();
          if (deaths !== 0 || attempt !== 1)
            this.#violated(`call ${step} was charged: ${deaths} deaths, attempt ${attempt}`);
        } else {
          sum = await tasks.with({ timeoutMs: patienceMs }).addition(number, 1);
        }
        if (sum !== number + 1) this.#violated(`call ${step} was answered ${sum}`);
        if (this.#ran.get(number) !== 1) this.#violated(`call ${step} ran ${this.#ran.get(number)} times`);
        this.#ran.delete(number);
      } catch (thrown) {
        this.#violated(`call ${step}: ${String(thrown)}`);
      }
    };
    const open = calls().finally(() => this.#open.delete(open));
    this.#open.add(open);
  }

  /** What operators ask for must be answered, whatever others have put there. */
  async #look(tasks: Tasks): Promise<void> {
    const { client } = tasks;
    const looks = [client.workers(), client.queues(), client.parked.list({ queue: "math", limit: 10 })];
    for (const look of await Promise.allSettled(looks))
      if (look.status === "rejected") this.#violated(`a look failed: ${String(look.reason)}`);
    const { calls } = await client.parked.list({ queue: "math", limit: 1 });
    for (const { id } of calls) {
      const shown = await client.parked.show("addition", id).catch((error: { code?: string }) => error);
      if ("code" in shown && shown.code === "internal") this.#violated(`${JSON.stringify(id)} can't be shown`);
    }
  }

  async #strike(tasks: Tasks, random: Random, step: number): Promise<void> {
    const { redis, namespace } = this.#place;
    const record = oddRecord(random);
    if (redis === undefined) return this.#submit(tasks, record, step);
    const id = oddId(random, step);
    const key = (name: string): string => `${namespace}:{math}:${name}`;
    const under = (prefix: string, rest: Buffer = id): Buffer => Buffer.concat([Buffer.from(key(prefix)), rest]);
    const odd = oddBytes(random);
    const send = async (bytes: Buffer, act: () => Promise<unknown>): Promise<void> => {
      this.bytes += bytes.length;
      // A key that an earlier strike has given another type refuses this one.
      await act().catch((thrown: unknown) => {
        if (!String(thrown).includes("WRONGTYPE")) throw thrown;
      });
    };
    const put = (list: string) =>
      send(record, async () => {
        await redis.setnx(under("result:"), record);
        await redis.rpush(key(list), id);
        await redis.rpush(key("bell"), "1");
      });
    const list = random.pick(["queue", "queue", "queue:high", "queue:low", "queue:nested", "suspects"]);
    const aside = random.pick(["math.addition", "math.addition math.division", "@protocol-1"]);
    const channel = random.pick(["events:math", "worker:math", "client:*"]);
    await random.pick<() => Promise<void>>([
      () => put(list),
      () => put(list),
      () => put(list),
      () => send(id, () => redis.zadd(key("delayed"), random.pick(["0", "-inf", String(Date.now() + 200)]), id)),
      () =>
        send(record, async () => {
          await redis.setnx(under("result:"), record);
          await redis.rpush(key(`aside:${aside}`), id);
          await redis.sadd(key("asides"), aside);
          await redis.rpush(key("bell"), "1");
        }),
      () => send(odd, () => redis.rpush(key(random.pick(["bell", "bell:nested"])), odd, odd, odd)),
      () => send(odd, () => redis.set(under("progress:"), odd, "PX", 1_000)),
      () => send(odd, () => redis.sadd(under(random.pick(["progress:", "waiters:"])), odd)),
      () => send(odd, () => redis.rpush(under("failures:"), odd)),
      () =>
        send(odd, async () => {
          const worker = random.next() < 0.2 ? id : Buffer.from(`w${step}`);
          await redis.zadd(key("workers"), String(Date.now() + 500), worker);
          if (random.next() < 0.1) await redis.sadd(under("worker:", worker), odd);
          else await redis.set(under("worker:", worker), odd, "PX", 500);
        }),
      () =>
        send(odd, async () => {
          const nodes = `${namespace}:{@nodes}:`;
          await redis.zadd(`${nodes}workers`, String(Date.now() + 500), id);
          await redis.set(Buffer.concat([Buffer.from(`${nodes}worker:`), id]), odd, "PX", 500);
        }),
      ...[0, 1, 2].map(() => () => {
        const message = oddMessage(random);
        return send(message, async () => {
          const channels = (await redis.pubsub("CHANNELS", `${namespace}:${channel}`)) as string[];
          for (const one of channels) await redis.publish(one, message);
        });
      }),
    ])();
  }

  /** On a broker without keys, a record is all that others can give. */
  async #submit(_tasks: Tasks, record: Buffer, step: number): Promise<void> {
    this.bytes += record.length;
    const broker = this.#place.open();
    if (typeof broker === "string") throw new Error("a broker is needed");
    await broker.submit("math", {
      calls: [{ id: `odd${step}`, record, priority: "normal", delayMs: 0 }],
      acknowledged: [],
    });
    await broker.close();
  }

  /** After all that, there is nothing to do but to beat and to wait. */
  async #mustIdle(): Promise<void> {
    const { scripts } = this.#place;
    if (scripts === undefined) return;
    await sleep(1_500);
    const before = scripts();
    await sleep(1_000);
    const ran = scripts() - before;
    if (ran > idleScriptsPerSecond) this.#violated(`${ran} scripts in a second with nothing to do`);
  }

  #violated(what: string): void {
    if (this.violations.length < 20) this.violations.push(what);
  }
}
