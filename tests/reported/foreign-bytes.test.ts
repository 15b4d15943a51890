import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Logger, ParkedPage } from "taskpact";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { decode, encode } from "../../runtime/codec.ts";
import { writeRequest } from "../../runtime/envelope.ts";
import { type Header, headerOffset, newHeader } from "../../runtime/header.ts";
import { isTerminal, states } from "../../runtime/state.ts";
import { CallLab, type LooseTasks, quiet } from "../calls/lab.ts";
import { CountingProxy } from "../fuzz/counting-proxy.ts";
import { costlyValues } from "../fuzz/costly-values.ts";
import { redisAt } from "../protocol/by-hand.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { reported, reportedOnBrokers } from "./reported.ts";

const timeoutMs = 60_000;

/** A lab on Redis, and the test's own hands on the keys of its queue. */
class ForeignPlace {
  readonly lab: CallLab;
  readonly redis: Redis = redisAt(sharedRedisUrl());
  readonly namespace = namespaceUntil(onTestFinished);

  constructor(url = sharedRedisUrl()) {
    this.lab = new CallLab(() => new RedisBroker(url, { namespace: this.namespace }));
  }

  key(name: string): string {
    return `${this.namespace}:{lab}:${name}`;
  }

  /** Puts a record of others into the queue. */
  async put(id: string | Buffer, record: Buffer): Promise<void> {
    await this.redis.set(Buffer.concat([Buffer.from(this.key("result:")), Buffer.from(id)]), record);
    await this.redis.rpush(this.key("queue"), id);
    await this.redis.rpush(this.key("bell"), "1");
  }

  async isParked(id: string | Buffer): Promise<boolean> {
    return (await this.redis.zscore(this.key("parked"), id)) !== null;
  }
}

/** A request of the lab's, with what others have made of its header. */
function request(task: string, params: object, header: Partial<Header> = {}, patch?: (record: Buffer) => void): Buffer {
  const record = writeRequest(newHeader(header), { task, params });
  patch?.(record);
  return record;
}

/** Puts a record of others into the lab's queue of any broker. */
async function submit(lab: CallLab, id: string, record: Buffer): Promise<void> {
  await lab.broker().submit("lab", { calls: [{ id, record, priority: "normal", delayMs: 0 }], acknowledged: [] });
}

async function state(tasks: LooseTasks, id: string): Promise<string> {
  return (await tasks.client.handle("addition", id).status()).state;
}

describeRedis("bytes of others, over a real Redis", () => {
  reported(
    "B1",
    "an event that can't be read is dropped, counted and logged once; the next is heard",
    async (got) => {
      const { lab, redis, namespace } = new ForeignPlace();
      const warn = vi.fn<Logger["warn"]>();
      const tasks = lab.client({ log: { ...quiet, warn } }) as never as {
        client: {
          events: { on(kind: string, hear: (event: { id: string; progress: unknown }) => void): Promise<unknown> };
          unreadable: { events: number };
        };
      };
      const heard: string[] = [];
      await tasks.client.events.on("progress", ({ id }) => heard.push(id));
      const text = (value: string): Buffer => Buffer.concat([Buffer.from([0xda, 0, value.length]), Buffer.from(value)]);
      const event = (id: string, bytes: Buffer): Buffer => {
        const number = Buffer.concat([Buffer.from([0xcb]), Buffer.alloc(8)]);
        const parts = [text("progress"), text(id), text("lab.steps"), number, number, text("w")];
        return Buffer.concat([Buffer.from([0x98, 4]), ...parts, Buffer.from([0xc4, bytes.length]), bytes]);
      };
      const channel = `${namespace}:events:lab`;
      await redis.publish(
        channel,
        Buffer.concat([1, 2, 3].map((n) => event(`bad${n}`, Buffer.from([0xd4, 0x01, 0x00])))),
      );
      await redis.publish(channel, event("good", encode({ step: 1 })));
      await expect.poll(() => heard, { timeout: 10_000 }).toContain("good");
      got(`heard ${heard.join()}; counted ${tasks.client.unreadable.events}, logged ${warn.mock.calls.length}`);
      expect(heard).toEqual(["good"]);
      expect(tasks.client.unreadable.events).toBe(3);
      expect(warn).toHaveBeenCalledTimes(1);
    },
    timeoutMs,
  );

  for (const task of ["lab.addition lab.division", "@protocol-1", "lab.addition\n", "", "x".repeat(300)]) {
    reported(
      "B2",
      `a record that names the task ${JSON.stringify(task.slice(0, 30))} is parked, at once`,
      async (got) => {
        const proxy = await CountingProxy.to(sharedRedisUrl(), onTestFinished);
        const place = new ForeignPlace(proxy.url);
        await place.lab.worker();
        await place.put("foreign", request(task, {}));
        const begun = proxy.scripts;
        await expect.poll(() => place.isParked("foreign"), { timeout: 10_000 }).toBe(true);
        await sleep(1_000);
        got(`parked; ${proxy.scripts - begun} scripts`);
        expect(proxy.scripts - begun).toBeLessThan(100);
        expect(await place.redis.smembers(place.key("asides"))).toEqual([]);
      },
      timeoutMs,
    );
  }

  reported(
    "B2",
    "calls put aside for what is no task are judged anew",
    async (got) => {
      const place = new ForeignPlace();
      await place.redis.set(place.key("result:foreign"), request("lab.addition lab.division", {}));
      await place.redis.set(place.key("result:sound"), request("lab.addition", { a: 4, b: 6 }));
      await place.redis.rpush(place.key("aside:lab.addition lab.division"), "foreign", "sound");
      await place.redis.sadd(place.key("asides"), "lab.addition lab.division");
      await place.lab.worker();
      const sum = await place.lab.client().client.handle("addition", "sound").result({ timeoutMs: 20_000 });
      await expect.poll(() => place.isParked("foreign"), { timeout: 10_000 }).toBe(true);
      got(`the sound one ${sum as number}, the foreign one parked`);
      expect(sum).toBe(10);
    },
    timeoutMs,
  );

  reported(
    "B4",
    "a NaN deadline beside a call that blocks: parked, and the other one is answered",
    async (got) => {
      const place = new ForeignPlace();
      let runs = 0;
      place.lab.acts["block"] = () => {
        runs++;
        const until = performance.now() + 4_000;
        while (performance.now() < until);
        return "done";
      };
      await place.lab.worker({ leaseMs: 1_500, maxDeliveries: 3 });
      const tasks = place.lab.client();
      await place.put("nan", nanDeadline("acting", { act: "block" }));
      const answer = await tasks.with({ timeoutMs: 50_000 }).acting("block");
      await expect.poll(() => place.isParked("nan"), { timeout: 10_000 }).toBe(true);
      got(`answered "${answer as string}", ${runs} runs`);
      expect(answer).toBe("done");
      expect(runs).toBe(1);
    },
    timeoutMs,
  );

  reported(
    "B6",
    "a record of 24 MB is not read: parked with its request, and answered where somebody waits",
    async (got) => {
      const place = new ForeignPlace();
      await place.lab.worker();
      const tasks = place.lab.client();
      const large = (bytes: number) => ({ value: Buffer.alloc(bytes) });

      await place.put("submitted", request("lab.anything", large(24_000_000)));
      const awaited = { awaited: true, deadline: Date.now() + 60_000 };
      await place.put("awaited", request("lab.anything", large(5_000_000), awaited));
      await place.put("plain", Buffer.alloc(5_000_000, 0xc0));
      const answer = await tasks.client.handle("anything", "awaited").safeResult({ timeoutMs: 20_000 });
      await expect.poll(() => place.isParked("submitted"), { timeout: 20_000 }).toBe(true);
      await expect.poll(() => place.isParked("plain"), { timeout: 20_000 }).toBe(true);
      const calls = await allParked(tasks);
      got(`${calls.length} parked, ${calls.map(({ reason }) => reason.code).join()}; answered ${code(answer)}`);
      expect(answer).toMatchObject({ ok: false, error: { code: "resource_exhausted" } });
      expect(calls.map(({ reason }) => reason.code)).toEqual(["resource_exhausted", "resource_exhausted"]);
      expect(await tasks.addition(1, 2)).toBe(3);
      // Its request is kept, for a worker that reads more.
      expect(await place.redis.strlen(place.key("result:submitted"))).toBeGreaterThan(24_000_000);
    },
    timeoutMs,
  );

  reported(
    "B6",
    "a reply that is larger than a client reads ends its call as resource_exhausted",
    async (got) => {
      const place = new ForeignPlace();
      await place.lab.worker({ maxResultBytes: 4_000_000 });
      const tasks = place.lab.client({ maxResultBytes: 100_000 });
      const answer = await tasks.safe.long(200_000);
      got(code(answer));
      expect(answer).toMatchObject({ ok: false, error: { code: "resource_exhausted" } });
      expect(await tasks.long(50_000)).toHaveLength(50_000);
    },
    timeoutMs,
  );

  reported(
    "B7",
    "presences that can't be read are skipped and counted; what nobody implements is unimplemented",
    async (got) => {
      const place = new ForeignPlace();
      await place.lab.worker({ implementations: [place.lab.implementation("worker", ["addition"])] });
      const garbage = [
        Buffer.from([0xd4, 0x01, 0x00]),
        Buffer.from([0xc0]),
        encode({ tasks: 5 }),
        encode({ tasks: [1] }),
      ];
      const infos = [
        encode({ tasks: [], info: 5 }),
        encode({ tasks: [], info: { perSecond: { failed: Number.NaN } } }),
      ];
      for (const [index, bytes] of [...garbage, ...infos].entries()) {
        await place.redis.zadd(place.key("workers"), Date.now() + 60_000, `g${index}`);
        await place.redis.set(place.key(`worker:g${index}`), bytes);
      }
      await place.redis.zadd(place.key("workers"), Date.now() + 60_000, "wrong");
      await place.redis.sadd(place.key("worker:wrong"), "type");
      const tasks = place.lab.client() as LooseTasks & {
        client: {
          workers(): Promise<readonly { id: string; perSecond: { failed: number } }[]>;
          queues(): Promise<readonly { workers: number; perSecond: { failed: number } }[]>;
          unreadable: { presences: number };
        };
      };
      const answer = await tasks.safe.division(4, 2);
      const workers = await tasks.client.workers();
      const queues = await tasks.client.queues();
      got(`${code(answer)}; ${workers.length} workers; counted ${tasks.client.unreadable.presences}`);
      expect(answer).toMatchObject({ ok: false, error: { code: "unimplemented" } });
      expect(workers).toHaveLength(3);
      expect(workers.every(({ perSecond }) => Number.isFinite(perSecond.failed))).toBe(true);
      expect(queues.every(({ perSecond }) => Number.isFinite(perSecond.failed))).toBe(true);
      expect(tasks.client.unreadable.presences).toBeGreaterThanOrEqual(8);
    },
    timeoutMs,
  );

  reported(
    "F4",
    "a million forged bell tokens cause a handful of claims",
    async (got) => {
      const proxy = await CountingProxy.to(sharedRedisUrl(), onTestFinished);
      const place = new ForeignPlace(proxy.url);
      const tokens = Array.from({ length: 10_000 }, () => "1");
      for (const bell of ["bell", "bell:nested"])
        for (let part = 0; part < 100; part++) await place.redis.rpush(place.key(bell), ...tokens);
      await place.lab.worker();
      const begun = proxy.scripts;
      await sleep(2_000);
      const left = await place.redis.llen(place.key("bell"));
      got(`${proxy.scripts - begun} scripts in 2 s, ${left} tokens left`);
      expect(left).toBeLessThanOrEqual(1);
      expect(proxy.scripts - begun).toBeLessThan(100);
    },
    timeoutMs,
  );

  reported(
    "F10",
    "a right that a script lacks halfway leaves the outcome unknown, and is not asked for in a loop",
    async (got) => {
      const admin = redisAt(sharedRedisUrl());
      const user = `half-${Math.random().toString(36).slice(2)}`;
      const { port } = new URL(sharedRedisUrl());
      await admin.call("ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all", "-lpop");
      onTestFinished(async () => void (await admin.call("ACL", "DELUSER", user)));
      const proxy = await CountingProxy.to(`redis://127.0.0.1:${port}`, onTestFinished);
      const url = proxy.url.replace("redis://", `redis://${user}:pw@`);
      const place = new ForeignPlace(url);
      const tasks = place.lab.client();
      // The second token is taken down again, by a command that this user lacks, after the call was stored.
      await place.redis.rpush(place.key("bell"), "1");
      const refused = await tasks.submit.addition(1, 2).catch((error: unknown) => error as { code: string });
      const stored = (await place.redis.keys(place.key("result:*"))).length;
      got(`${stored} record stored; told ${(refused as { code: string }).code}; ${proxy.scripts} scripts`);
      expect(stored).toBe(1);
      expect(refused).toMatchObject({ code: "outcome_unknown" });
      expect(proxy.scripts).toBeLessThan(20);
    },
    timeoutMs,
  );

  reported(
    "F11",
    "ids that are not UTF-8 are answered, parked, listed and discarded",
    async (got) => {
      const place = new ForeignPlace();
      await place.lab.worker();
      const tasks = place.lab.client();
      const ids = [Buffer.from([0xff, 0xfe, 0xc3, 0x28]), Buffer.from("caf\xe9", "latin1"), Buffer.from("\uFFFDé🚀")];
      for (const id of ids) await place.put(id, request("lab.addition", { a: 1, b: 2 }));
      const bad = Buffer.from([0x62, 0x80, 0xff]);
      await place.put(bad, request("no task", {}));
      const record = (id: Buffer) => place.redis.getBuffer(Buffer.concat([Buffer.from(place.key("result:")), id]));
      for (const id of ids)
        await expect.poll(async () => (await record(id))?.[headerOffset + 1], { timeout: 10_000 }).toBe(4);
      await expect.poll(() => place.isParked(bad), { timeout: 10_000 }).toBe(true);
      const { calls } = await tasks.client.parked.list({ queue: "lab" });
      await tasks.client.parked.discard("addition", calls[0]!.id);
      got(`${ids.length} answered, ${calls.length} parked and discarded`);
      expect(await record(bad)).toBeNull();
      expect(await place.redis.zcard(place.key("leases"))).toBeLessThanOrEqual(1);
    },
    timeoutMs,
  );

  reported(
    "B2",
    "a call past its deadline is begun or ends, whatever its header says of earlier attempts: none goes back and forth",
    async (got) => {
      const place = new ForeignPlace();
      await place.lab.worker();
      const bits = [1, 2, 4, 8, 16];
      const ids = Array.from({ length: 2 ** bits.length }, (_, number) => `past${number}`);
      for (const [number, id] of ids.entries()) {
        const [awaited, attempt, deaths, begun, isSuspect] = bits.map((bit) => (number & bit) !== 0);
        const header = { awaited: awaited!, attempt: Number(attempt), deaths: Number(deaths), begun: begun! };
        const record = request("lab.addition", { a: 1, b: 2 }, { ...header, deadline: Date.now() - 1_000 }, (bytes) => {
          if (isSuspect) bytes[headerOffset + 3]! |= 64;
        });
        await place.put(id, record);
      }
      const codeOf = async (id: string) => (await place.redis.getBuffer(place.key(`result:${id}`)))?.[headerOffset + 1];
      const codes = () => Promise.all(ids.map(codeOf));
      const [succeeded, expired] = [states.indexOf("succeeded"), states.indexOf("expired")];
      await expect
        .poll(async () => (await codes()).filter((code) => !isTerminal(states[code!]!)), { timeout: 10_000 })
        .toEqual([]);
      const ended = await codes();
      got(
        `${ended.filter((state) => state === succeeded).length} ran, ${ended.filter((state) => state === expired).length} expired`,
      );
      for (const [number, state] of ended.entries())
        expect([ids[number], state]).toEqual([ids[number], (number & 1) === 0 && number > 1 ? succeeded : expired]);
    },
    timeoutMs,
  );

  test("a key of a wrong type beside a call keeps none of the others from being looked up", async () => {
    const place = new ForeignPlace();
    await place.lab.worker();
    const tasks = place.lab.client();
    await place.redis.sadd(place.key("result:wrong"), "type");
    await place.redis.set(
      place.key("result:progress"),
      request("lab.addition", {}, {}, (bytes) => (bytes[8] = 8)),
    );
    await place.redis.sadd(place.key("progress:progress"), "type");
    const broker = place.lab.broker();
    const found = await broker.read("lab", ["wrong", "progress"], { waiter: "someone" });
    expect(found.map((call) => call?.state)).toEqual([undefined, "queued"]);
    expect(await tasks.addition(1, 2)).toBe(3);
  });

  test("a call whose waiters have a wrong type is answered all the same, and its neighbours are", async () => {
    const place = new ForeignPlace();
    await place.put(
      "odd",
      request("lab.addition", { a: 1, b: 2 }, {}, (bytes) => (bytes[8] = 4)),
    );
    await place.redis.set(place.key("waiters:odd"), "no set");
    const tasks = place.lab.client();
    const neighbours = Array.from({ length: 5 }, (_, n) => tasks.addition(n, 1));
    await place.lab.worker();
    expect(await Promise.all(neighbours)).toEqual([1, 2, 3, 4, 5]);
    await expect
      .poll(async () => (await place.redis.getBuffer(place.key("result:odd")))?.[headerOffset + 1], { timeout: 10_000 })
      .toBe(4);
  });
});

reportedOnBrokers(
  "B3",
  "a header of 65,535 attempts is parked, and its handler never runs",
  async ({ lab, got }) => {
    let runs = 0;
    lab.acts["count"] = () => ++runs;
    await lab.worker();
    const tasks = lab.client();
    await submit(lab, "many", request("lab.acting", { act: "count" }, { attempt: 65_535 }));
    await expect.poll(() => state(tasks, "many"), { timeout: 10_000 }).toBe("parked");
    got(`parked, ${runs} runs`);
    expect(runs).toBe(0);
    expect(await tasks.addition(1, 2)).toBe(3);
  },
  timeoutMs,
);

function nanDeadline(task: string, params: object): Buffer {
  return request(`lab.${task}`, params, { awaited: true, deadline: 1 }, (record) =>
    record.writeDoubleBE(Number.NaN, headerOffset + 16),
  );
}

for (const [what, at] of [
  ["deadline", 16],
  ["fence", 8],
] as const) {
  reportedOnBrokers(
    "B4",
    `a ${what} that is no finite number is parked, and its handler never runs`,
    async ({ lab, got }) => {
      let runs = 0;
      lab.acts["count"] = () => ++runs;
      await lab.worker();
      const tasks = lab.client();
      const numbers = [Number.NaN, Infinity, -Infinity, -1];
      for (const [index, number] of numbers.entries()) {
        const odd = (record: Buffer): unknown => record.writeDoubleBE(number, headerOffset + at);
        await submit(lab, `odd${index}`, request("lab.acting", { act: "count" }, { awaited: true }, odd));
      }
      const found = async (): Promise<readonly string[]> =>
        Promise.all(numbers.map((_, index) => state(tasks, `odd${index}`)));
      await expect.poll(found, { timeout: 10_000 }).toEqual(numbers.map(() => "parked"));
      got(`all parked, ${runs} runs`);
      expect(runs).toBe(0);
    },
    timeoutMs,
  );
}

for (const options of [
  { attemptTimeoutMs: Number.NaN },
  { resultTtlMs: Infinity },
  { retry: { attempts: 3, backoff: { type: "fixed", delayMs: Number.NaN } } },
  { retry: { attempts: 3, backoff: { type: "fixed", delayMs: 1, jitter: 0n } } },
  { attemptTimeoutMs: 1n << 4_000_000n },
]) {
  const [name] = Object.keys(options);
  reportedOnBrokers(
    "B4",
    `a record's option ${name} that is no finite number is parked`,
    async ({ lab, got }) => {
      await lab.worker();
      const tasks = lab.client();
      const record = writeRequest(newHeader({}), { task: "lab.addition", params: {}, options: options as never });
      await submit(lab, "odd", record);
      await expect.poll(() => state(tasks, "odd"), { timeout: 20_000 }).toBe("parked");
      got("parked");
    },
    timeoutMs,
  );
}

/** Shapes that are refused, however few of them there are. */
const refused = Object.keys(costlyValues).filter((name) => name.includes("colliding") && !name.includes("indexes"));

for (const name of refused) {
  reported("B5", `${name} are refused before they cost more than their bytes are worth`, (got) => {
    const bytes = costlyValues[name]!(200_000);
    expect(() => decode(bytes)).toThrow(/have the same hashes/);
    got("refused");
  });
}

reportedOnBrokers(
  "B5",
  "a call with a Set of chosen integers is parked, and its neighbours are answered",
  async ({ lab, got }) => {
    await lab.worker();
    const tasks = lab.client();
    const set = costlyValues["a Set of colliding integers"]!(328_000);
    const record = request("lab.anything", { value: 0 });
    await submit(lab, "costly", Buffer.concat([record.subarray(0, -1), set]));
    expect(await tasks.addition(1, 2)).toBe(3);
    await expect.poll(() => state(tasks, "costly"), { timeout: 20_000 }).toBe("parked");
    got("parked");
  },
  timeoutMs,
);

reported("B6", "what would take more than 20 times its bytes of memory is refused while it is read", (got) => {
  const large = ["empty maps", "empty arrays", "empty Sets", "empty Maps", "empty binaries", "empty typed arrays"];
  for (const name of large) {
    const bytes = costlyValues[name]!(1.2 * 1_048_576);
    expect(() => decode(bytes)).toThrow(/times its bytes/);
  }
  got(`${large.length} shapes refused`);
});

reportedOnBrokers(
  "B6",
  "a request that is larger than its worker reads is not read",
  async ({ lab, got }) => {
    await lab.worker({ maxParamsBytes: 100_000 });
    const tasks = lab.client();
    const answer = await tasks.safe.anything("x".repeat(200_000));
    const kept = await tasks.with({ keepRequest: true }).submit.anything("x".repeat(200_000));
    const small = await tasks.anything("x".repeat(50_000));
    await expect.poll(async () => (await kept.status()).state, { timeout: 10_000 }).toBe("parked");
    got(`awaited: ${code(answer)}; submitted: parked`);
    expect(answer).toMatchObject({ ok: false, error: { code: "resource_exhausted" } });
    expect(small).toHaveLength(50_000);
    const { calls } = await tasks.client.parked.list({ queue: "lab" });
    expect(calls).toMatchObject([{ id: kept.id, reason: { code: "resource_exhausted" } }]);
  },
  timeoutMs,
);

reportedOnBrokers(
  "B8",
  "ids and names with a lone surrogate are refused as invalid_argument",
  async ({ lab, got }) => {
    await lab.worker();
    const tasks = lab.client();
    const lone = "a\ud800";
    const refusals = [
      () => tasks.with({ id: lone }),
      () => tasks.client.handle("addition", lone),
      () => tasks.with({ metadata: { [lone]: "x" } }),
      () => tasks.with({ metadata: { x: lone } }),
    ];
    for (const refusal of refusals) expect(refusal).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    for (const refusal of [tasks.client.parked.show("addition", lone), tasks.client.parked.discard("addition", lone)])
      await expect(refusal).rejects.toMatchObject({ code: "invalid_argument" });
    lab.acts["mislocks"] = ({ lock }) => lock(lone, () => 1);
    const locked = await tasks.safe.acting("mislocks");
    expect(locked).toMatchObject({ ok: false });
    got(`${refusals.length + 3} refused`);
    expect(await tasks.with({ id: "a\u{1f680}" }).addition(1, 2)).toBe(3);
  },
  timeoutMs,
);

async function allParked(tasks: LooseTasks): Promise<ParkedPage["calls"]> {
  const calls: ParkedPage["calls"][number][] = [];
  for (let after: string | undefined; ;) {
    const page = await tasks.client.parked.list({ queue: "lab", after });
    calls.push(...page.calls);
    if (page.next === undefined) return calls;
    after = page.next;
  }
}

function code(answer: { readonly ok: boolean; readonly error?: { readonly code: string } }): string {
  return answer.ok ? "ok" : (answer.error?.code ?? "");
}
