import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Broker } from "taskpact";
import { expect, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { submitScript } from "../../runtime/brokers/redis/scripts/submit.ts";
import { workerChannel } from "../../runtime/keys.ts";
import { CallLab, type HandlerContext } from "../calls/lab.ts";
import { Proxy } from "../protocol/proxy.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis } from "../redis/suite.ts";
import { reported, reportedOnBrokers } from "./reported.ts";

const slowMs = 60_000;

/** A server of the test's own, and a lab on it. */
async function serve() {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  return { server, admin, lab: new CallLab(() => new RedisBroker(server.url, { namespace: "test" })) };
}

/** Nothing of this process runs meanwhile, but for its threads. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Makes a call that has been sent but not started. If the event loop then stands still, the call is claimed and the claim's reply waits unread.
 *
 * @param hasBegun - whether the handler has started already; then another call is made.
 * @returns the call's answer.
 */
async function onItsWay<T>(make: () => Promise<T>, hasBegun: () => boolean): Promise<() => Promise<T>> {
  for (;;) {
    const answer = make();
    await sleep(0);
    await new Promise((resolve) => setImmediate(resolve));
    if (!hasBegun()) return () => answer;
    await answer;
  }
}

/** Resolves when a worker waits for its bell. */
async function waiting(admin: Redis): Promise<void> {
  await expect.poll(async () => String(await admin.client("LIST")), { timeout: 10_000 }).toMatch(/cmd=blpop/);
}

describeRedis("a worker that stands still between its claim and the begin", () => {
  reported(
    "A4",
    "begins nothing whose deadline is past",
    async (got) => {
      const { admin, lab } = await serve();
      const begun: number[] = [];
      lab.acts["deadline"] = ({ remainingMs }: HandlerContext) => void begun.push(remainingMs);
      await lab.worker();
      const tasks = lab.client().with({ policy: "remote-only" });
      await tasks.addition(1, 2);
      await waiting(admin);
      const answer = await onItsWay(
        () => tasks.with({ timeoutMs: 1_000 }).safe.acting("deadline", null),
        () => begun.splice(0).length > 0,
      );
      standStill(2_500);
      expect((await answer()).ok).toBe(false);
      expect(await tasks.addition(3, 4)).toBe(7);
      got(`${begun.length} begun, with ${begun.map(Math.round).join()} ms left`);
      expect(begun).toEqual([]);
    },
    slowMs,
  );

  reported(
    "A4",
    "begins a call only under a lease that holds",
    async (got) => {
      const { admin, lab } = await serve();
      const ages: number[] = [];
      // A fence is its claim's time, µs.
      lab.acts["lease"] = ({ fence }: HandlerContext) => void ages.push(Date.now() - fence / 1_000);
      await lab.worker({ leaseMs: 1_000 });
      const tasks = lab.client().with({ policy: "remote-only" });
      await tasks.addition(1, 2);
      await waiting(admin);
      const answer = await onItsWay(
        () => tasks.acting("lease", null),
        () => ages.splice(0).length > 0,
      );
      standStill(3_000);
      await answer();
      got(`begun ${ages.map(Math.round).join()} ms after its claim, of a lease of 1000 ms`);
      expect(ages).toHaveLength(1);
      expect(ages[0]).toBeLessThan(1_000);
    },
    slowMs,
  );
});

reportedOnBrokers(
  "A4",
  "what is to run under a lock does not begin once the lease of its attempt is past",
  async ({ lab, got }) => {
    const inner = lab.broker();
    const { locks } = inner;
    let replies = 0;
    const late: Broker = {
      ...plainMethods(inner),
      claim: (request) => inner.claim(request),
      subscribe: (...given) => inner.subscribe(...given),
      locks: {
        leave: (...given) => locks!.leave(...given),
        take: async (...given) => {
          const answer = await locks!.take(...given);
          if (answer.outcome === "taken" && ++replies === 1) standStill(1_500);
          return answer;
        },
      },
    };
    const worker = new CallLab(() => late);
    const under: number[] = [];
    worker.acts["lock"] = ({ lock }: HandlerContext) => {
      const begunAt = performance.now();
      return lock("door", () => void under.push(performance.now() - begunAt));
    };
    await worker.worker({ leaseMs: 1_000 });
    await lab.client().with({ policy: "remote-only", timeoutMs: 10_000 }).safe.acting("lock", null);
    got(
      `${replies} locks taken; begun ${under.map(Math.round).join() || "never"} ms after the attempt, of a lease of 1000 ms`,
    );
    expect(replies).toBeGreaterThan(0);
    expect(under.filter((age) => age >= 1_000)).toEqual([]);
  },
  slowMs,
);

describeRedis("a broker that is away while a call is submitted", () => {
  reported(
    "A5",
    "a submit that arrives after its deadline is not stored",
    async (got) => {
      const { server, admin, lab } = await serve();
      await lab.worker();
      const tasks = lab.client().with({ policy: "remote-only" });
      await tasks.addition(1, 2);
      server.pause();
      const answer = await tasks.with({ timeoutMs: 500 }).safe.held("never");
      server.resume();
      expect(answer.ok).toBe(false);
      expect(await tasks.addition(3, 4)).toBe(7);
      const records = await admin.keys("test:*result:*");
      got(`${lab.ran.length} begun`);
      expect(lab.ran).toEqual([]);
      const held = await Promise.all(records.map((key) => admin.getBuffer(key)));
      expect(held.filter((record) => record?.includes("lab.held"))).toEqual([]);
    },
    slowMs,
  );

  reported(
    "A5",
    "a submit that is sent late has what is left",
    async (got) => {
      const { server, lab } = await serve();
      const proxy = await Proxy.to(server.url, onTestFinished);
      const left: number[] = [];
      lab.acts["left"] = ({ remainingMs }: HandlerContext) => void left.push(remainingMs);
      const caller = new CallLab(() => new RedisBroker(proxy.url, { namespace: "test" }));
      const tasks = caller.client().with({ policy: "remote-only" });
      await lab.worker();
      await tasks.addition(1, 2);
      proxy.refuse(true);
      proxy.cut("");
      const answer = tasks.with({ timeoutMs: 20_000 }).acting("left", null);
      await sleep(1_500);
      proxy.refuse(false);
      await answer;
      got(`${Math.round(left[0]!)} of 20000 ms left, 1500 ms later`);
      expect(left[0]).toBeLessThan(18_600);
    },
    slowMs,
  );

  reported(
    "F2",
    "one whose result may have expired since is not sent again",
    async (got) => {
      const { server, admin, lab } = await serve();
      const proxy = await Proxy.to(server.url, onTestFinished);
      lab.acts["once"] = () => 1;
      const caller = new CallLab(() => new RedisBroker(proxy.url, { namespace: "test" }));
      const tasks = caller.client();
      await tasks.submit.addition(1, 2);
      const loss = proxy.loseReplyTo(submitScript.sha);
      proxy.refuse(true);
      const submitted = tasks
        .with({ resultTtlMs: 100 })
        .submit.acting("once", null)
        .then(
          () => "accepted",
          ({ code }: { code: string }) => code,
        );
      await loss.lost;
      await lab.worker();
      await expect.poll(() => lab.ran.length, { timeout: 10_000 }).toBe(1);
      await expect.poll(async () => (await admin.keys("test:*result:*")).length, { timeout: 10_000 }).toBe(1);
      proxy.refuse(false);
      const outcome = await submitted;
      expect(await lab.client().with({ policy: "remote-only" }).addition(3, 4)).toBe(7);
      got(`${outcome}; run ${lab.ran.length} times`);
      expect([outcome, lab.ran.length]).toEqual(["outcome_unknown", 1]);
    },
    slowMs,
  );
});

reportedOnBrokers(
  "F5",
  "a cancel that overtakes its claim's reply is heeded",
  async ({ lab, got }) => {
    const inner = lab.broker();
    let canceled = (): void => {};
    const heard = new Promise<void>((resolve) => (canceled = resolve));
    const late: Broker = {
      ...plainMethods(inner),
      claim: async (request) => {
        const batches = await inner.claim(request);
        if (batches.some(({ calls }) => calls.length === 2)) await heard;
        return batches;
      },
      subscribe: (channel, listener) =>
        inner.subscribe(channel, (notice) => {
          listener(notice);
          if (channel === workerChannel("lab") && notice.kind === "canceled") canceled();
        }),
    };
    lab.acts["act"] = (_, number) => number;
    const tasks = lab.client();
    const handles = await Promise.all([tasks.submit.acting("act", 1), tasks.submit.acting("act", 2)]);
    const worker = new CallLab(() => late);
    worker.acts["act"] = (_, number) => void worker.ran.push(`number ${String(number)}`);
    await worker.worker();
    await expect.poll(async () => (await handles[0].status()).state, { timeout: 10_000 }).toBe("running");
    await handles[0].cancel();
    await handles[1].result();
    const ran = worker.ran.filter((one) => one.startsWith("number"));
    got(`ran: ${ran.join()}`);
    expect(ran).toEqual(["number 2"]);
  },
  slowMs,
);

/** Its other methods, which must be called on the broker itself. */
function plainMethods(inner: Broker): Omit<Broker, "claim" | "subscribe"> {
  return {
    submit: (...given) => inner.submit(...given),
    finish: (...given) => inner.finish(...given),
    renew: (...given) => inner.renew(...given),
    cancel: (...given) => inner.cancel(...given),
    revoke: (...given) => inner.revoke(...given),
    read: (...given) => inner.read(...given),
    presence: (...given) => inner.presence(...given),
    close: () => inner.close(),
    operator: inner.operator,
    timetable: inner.timetable,
    locks: inner.locks,
  };
}
