import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCase, Run } from "../case.ts";
import { hostileId, hostileRecords, noise, realRecord } from "../hostile.ts";
import { Lot } from "../lot.ts";
import { Oracle } from "../oracle.ts";
import { cpuMsOf } from "../process-meter.ts";
import type { Random } from "../random.ts";
import { Stage, type WorkerProcess } from "../stage.ts";
import { until } from "../until.ts";
import { parse } from "../../protocol/record.ts";

const leaseMs = 1_500;
/** What the worker serves. */
const served: ReadonlySet<string> = new Set(["faults.work", "faults.echo", "@protocol-1"]);
/** More of a processor than this, while there is nothing to do, is a busy loop. */
const idleShare = 0.25;

export const hostileBytes: FaultCase = {
  name: "hostile-bytes",
  done: "random, truncated, huge, deeply nested and misshapen bytes in every list, set, record and channel, then keys of a wrong type, while good calls go on",
  holds:
    "every good call succeeds; the worker neither crashes nor spins; what can't be read is parked with a reason; no key is left behind",
  async run(run) {
    const stage = await Stage.open(run);
    const oracle = await Oracle.watch(stage);
    const worker = await stage.worker({ tasks: ["work", "echo"], leaseMs });
    const client = stage.client();
    const lot = new Lot(stage, client, run.random.fork("calls"));
    let over = false;
    const trickling = lot.trickle(() => over, ["work"]);

    const attack = new Attack(stage, run.random.fork("attack"));
    const rounds = run.scale === "full" ? 1_500 : 60;
    for (let round = 0; round < rounds; round++) {
      await attack.strike();
      if (round % 20 === 0) await sleep(20);
    }
    over = true;
    await trickling;
    await lot.ended();
    await until("every list is empty", async () => (await attack.left()).length === 0).catch(async () => {
      run.must(false, `left behind: ${(await attack.left()).join(", ")}`);
    });
    // A flipped bit makes another task of one, or another version: such a call is rightly put aside.
    const { others } = await attack.elsewhere();
    run.figure("put aside for others", others.length);
    await stage.redis.del(stage.key("asides"));
    // That nobody holds these suspects is not to be seen in the queue.
    await stage.redis.del(stage.key("suspected"));
    await mustIdle(run, worker, "after hostile bytes");
    run.figure("strikes", attack.strikes);
    run.figure("good calls", lot.accepted.length);
    run.figure("parked with a reason", await parkedWithReason(stage));
    await oracle.judge(lot.accepted);

    await wrongTypes(run, stage, worker);
    worker.child.tell("stop");
    await worker.child.ended();
  },
};

/** Puts bytes where they don't belong. */
class Attack {
  strikes = 0;
  readonly #stage: Stage;
  readonly #random: Random;
  #count = 0;

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
  }

  async strike(): Promise<void> {
    this.strikes++;
    const { redis } = this.#stage;
    const random = this.#random;
    const key = (name: string): string => this.#stage.key(name);
    const id = await this.#id();
    const score = random.pick(["-inf", "0", "-1e308", String(Date.now()), "1e15", "0.5"]);
    await random.pick<() => Promise<unknown>>([
      () => redis.rpush(key("queue"), id),
      () => redis.lpush(key("queue:high"), id, id),
      () => redis.rpush(key("queue:low"), id),
      () => redis.rpush(key("suspects"), id),
      () => this.#aside(id),
      () => redis.rpush(key("bell"), noise(random), noise(random)),
      () => redis.zadd(key("delayed"), random.pick(["-inf", "0", "-1e308", String(Date.now() + 500)]), id),
      // A lease without its end would be one for ever: nobody could tell it from a good one.
      () => redis.zadd(key("leases"), score, id).then(() => redis.zadd(key("expiry"), "0", score)),
      () =>
        redis.zadd(
          key("expiry"),
          random.pick(["-inf", "0", String(Date.now())]),
          random.pick([id, Buffer.from(score)]),
        ),
      () => redis.zadd(key("workers"), String(Date.now() + 500), id).then(() => this.#presence(id)),
      () => redis.hset(key("suspected"), id as never, noise(random) as never),
      () => redis.zadd(key("excused"), String(Date.now() + 500), id),
      () => redis.sadd(this.#under("waiters:", id), noise(random), "nobody"),
      () => redis.set(this.#under("progress:", id), this.#record(), "PX", 2_000),
      () => redis.rpush(this.#under("failures:", id), this.#record()),
      () => this.#publish(),
    ])();
  }

  /** What is still there that a worker or time should have taken away. */
  async left(): Promise<readonly string[]> {
    const { redis } = this.#stage;
    const sizes = await Promise.all([
      ...["queue", "queue:high", "queue:low", "suspects"].map(
        async (name) => [name, await this.#length(name)] as const,
      ),
      redis.zcard(this.#stage.key("delayed")).then((size) => ["delayed", size] as const),
      this.elsewhere().then(({ mine }) => ["asides", mine.length] as const),
      redis.zcard(this.#stage.key("expiry")).then((size) => ["expiry", size] as const),
    ]);
    return sizes.flatMap(([name, size]) => (size > 0 ? [`${name}: ${size}`] : []));
  }

  /** Tasks with calls put aside: those of this worker, and those that it has told to be others'. */
  async elsewhere(): Promise<{ readonly mine: readonly string[]; readonly others: readonly Buffer[] }> {
    const mine: string[] = [];
    const others: Buffer[] = [];
    for (const task of await this.#stage.redis.smembersBuffer(this.#stage.key("asides"))) {
      if (served.has(String(task))) mine.push(String(task));
      else others.push(task);
    }
    return { mine, others };
  }

  #length(name: string): Promise<number> {
    return this.#stage.redis.llen(this.#stage.key(name));
  }

  #under(prefix: string, id: Buffer): Buffer {
    return Buffer.concat([Buffer.from(this.#stage.key(prefix)), id]);
  }

  #record(): Buffer {
    return this.#random.pick(hostileRecords)(this.#random);
  }

  /** An id, mostly with a record to it. */
  async #id(): Promise<Buffer> {
    const random = this.#random;
    const id = random.next() < 0.5 ? hostileId(random) : Buffer.from(`h${this.#count++}`);
    const chance = random.next();
    if (chance < 0.6) await this.#stage.redis.setnx(this.#under("result:", id), this.#record());
    else if (chance < 0.8) await this.#stage.redis.setnx(this.#under("result:", id), realRecord(random));
    return id;
  }

  async #aside(id: Buffer): Promise<void> {
    const task = this.#random.pick([
      Buffer.from("faults.work"),
      Buffer.from("faults.echo"),
      Buffer.from("@protocol-1"),
    ]);
    await this.#stage.redis.rpush(this.#under("aside:", task), id);
    await this.#stage.redis.sadd(this.#stage.key("asides"), task);
  }

  async #presence(worker: Buffer): Promise<void> {
    await this.#stage.redis.set(this.#under("worker:", worker), this.#record(), "PX", 500);
  }

  async #publish(): Promise<void> {
    const channels = await this.#stage.redis.pubsub("CHANNELS", `${this.#stage.namespace}:*`);
    const message = this.#random.pick([
      () => noise(this.#random),
      () => Buffer.concat([Buffer.from([0x93, this.#random.between(0, 3)]), noise(this.#random)]),
      () => Buffer.from([0x93, 0x00, 0xa2, 0x63, 0x31, 0xc6, 0xff, 0xff, 0xff, 0xff]),
      () => Buffer.from([0x93, 0x02, 0xa1, 0x63, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]),
    ])();
    for (const channel of channels as string[]) await this.#stage.redis.publish(channel, message);
  }
}

/** How many of the parked bear a reason; that none lacks one is a promise. */
async function parkedWithReason(stage: Stage): Promise<number> {
  let reasons = 0;
  for (const id of await stage.redis.zrangeBuffer(stage.key("parked"), "0", "-1")) {
    const record = await stage.redis.getBuffer(Buffer.concat([Buffer.from(stage.key("result:")), id]));
    // Of one whose workers died, or seemed to, the state and the deaths are the reason; the rest of it may be anything.
    const [state, deaths = 0] = record?.subarray(6, 8) ?? [];
    const told = deaths > 0 || reasonIn(record) !== undefined;
    stage.run.must(state === 8 && told, `${id.toString("hex").slice(0, 40)} is parked without a reason`);
    if (told) reasons++;
  }
  return reasons;
}

function reasonIn(record: Buffer | null): unknown {
  try {
    const error = record === null ? undefined : parse(record).entries["error"];
    return (error as { readonly message?: unknown } | undefined)?.message;
  } catch {
    return undefined;
  }
}

async function mustIdle(run: Run, { child }: WorkerProcess, when: string): Promise<void> {
  const lasted = 1_000;
  const before = await cpuMsOf(child.pid);
  await sleep(lasted);
  const after = await cpuMsOf(child.pid);
  if (before === undefined || after === undefined) return;
  run.must(after - before < idleShare * lasted, `${when}: an idle worker used ${after - before} ms of ${lasted}`);
}

/** Keys that hold what they should not: each for a while, and gone again. */
async function wrongTypes(run: Run, stage: Stage, worker: WorkerProcess): Promise<void> {
  const all = ["queue", "queue:high", "queue:low", "bell", "leases", "expiry", "fence", "delayed", "suspects"];
  all.push("suspected", "excused", "asides", "parked", "workers");
  const keys = run.scale === "full" ? all : [run.random.pick(all), run.random.pick(all)];
  const tasks = stage.client();
  const calls = tasks.with({ timeoutMs: 1_500 });
  let slowest = 0;
  for (const name of keys) {
    const key = stage.key(name);
    await stage.redis.del(key);
    if (name === "fence") await stage.redis.sadd(key, "x");
    else await stage.redis.set(key, "x");
    // Taken or refused: what was taken is to be done, once the key is as it should be.
    const kept = await tasks.submit.work(3, 1).catch(() => undefined);
    const begun = performance.now();
    await calls.safe.work(1, 1);
    const lateMs = performance.now() - begun - 1_500;
    run.mustWithin(lateMs, 250, `${name} of a wrong type: a call outlived its deadline by ${Math.round(lateMs)} ms`);
    await mustIdle(run, worker, `${name} of a wrong type`);
    // What was made meanwhile, as a lease whose list could not be read, goes with it.
    await stage.redis.del(key);
    const back = performance.now();
    await until("work goes on", async () => (await calls.safe.work(2, 1)).ok);
    slowest = Math.max(slowest, performance.now() - back);
    const answer = await kept?.safeResult({ timeoutMs: 10_000 });
    const told = answer === undefined || answer.ok || answer.error.message;
    run.must(told === true, `${name} of a wrong type: a call that was accepted is lost: ${told}`);
  }
  run.mustWithin(slowest, 5_000, `work resumed ${Math.round(slowest)} ms after a wrong type was gone`);
  run.figure("keys of a wrong type", keys.length);
  run.figure("work resumed after them, ms", Math.round(slowest));
  const lines = worker.child
    .output()
    .split("\n")
    .filter((line) => line.includes("WRONGTYPE"));
  run.must(lines.length > 0, "the worker did not tell of a wrong type");
}
