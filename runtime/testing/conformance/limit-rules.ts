import type { ClaimRequest, ServedQueue } from "../../broker.ts";
import type { ToldLimits } from "../../limits.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { type CallShape, type Claimed, ids, queue, submission } from "./lab.ts";

const noKeys = "0000000000000000";

/** A limited call: of `q.limited`, whose keys are all the same unless they are given. */
function limited(shape: CallShape = {}, limitKeys = noKeys): CallShape {
  return { task: "q.limited", ...shape, header: { ...shape.header, limitKeys } };
}

function served(told: Partial<ToldLimits>): readonly ServedQueue[] {
  const limits = [{ task: "q.limited", maxConcurrency: undefined, rate: undefined, ...told }];
  return [{ name: queue, tasks: ["q.task", "q.limited"], limits }];
}

const named = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

export function limitRules({ lab, rule }: Chapter): void {
  const submitAll = (names: readonly string[], shape: CallShape) =>
    lab().submitAll(names.map((name) => submission(name, shape)));
  /** Claims until nothing more is given. */
  const claimAll = async (told: Partial<ToldLimits>, request: Partial<ClaimRequest> = {}) => {
    const all: Claimed[] = [];
    for (let idle = 0; idle < 3;) {
      const some = await lab().claim({ queues: served(told), ...request });
      all.push(...some);
      idle = some.length === 0 ? idle + 1 : 0;
    }
    return all;
  };
  const two = { maxConcurrency: 2 };

  rule(
    "no more calls of a task run than its limit says, and each end lets the next one start, in their order",
    async () => {
      await submitAll(named("c", 6), limited());
      const running = [...(await claimAll(two))];
      const order = ids(running).slice();
      while (running.length > 0) {
        expect(running.length).toBeLessThanOrEqual(2);
        expect(await claimAll(two)).toEqual([]);
        await lab().finish(running.shift()!);
        const next = await claimAll(two);
        running.push(...next);
        order.push(...ids(next));
      }
      expect(order).toEqual(named("c", 6));
    },
  );

  rule("nothing waits behind calls whose limit is reached, however many they are", async () => {
    await submitAll(named("l", 1_000), limited());
    await submitAll(named("f", 5), {});
    const first = await claimAll(two);
    expect(ids(first).toSorted()).toEqual(["f0", "f1", "f2", "f3", "f4", "l0", "l1"]);
    expect(await lab().state("l999")).toBe("queued");
  });

  rule.timed("a claim waits where nothing but limited calls wait", async () => {
    await submitAll(named("l", 3), limited());
    await claimAll({ maxConcurrency: 1 });
    const waiting = lab().claim({ queues: served({ maxConcurrency: 1 }), waitMs: 200 });
    await lab().settled();
    await lab().advance(200);
    expect(await waiting).toEqual([]);
  });

  rule("keys have their own limit each", async () => {
    await submitAll(["a0", "a1"], limited({}, "aaaaaaaa00000000"));
    await submitAll(["b0", "b1"], limited({}, "bbbbbbbb00000000"));
    const running = await claimAll({ maxConcurrency: 1 });
    expect(ids(running)).toEqual(["a0", "b0"]);
    await lab().finish(running[1]!);
    expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["b1"]);
  });

  rule.timed("an attempt that is repeated gives its slot up while it waits", async () => {
    await submitAll(["c0", "c1"], limited());
    const [first] = await claimAll({ maxConcurrency: 1 });
    await lab().retry(first!, 1_000);
    const [second] = await claimAll({ maxConcurrency: 1 });
    expect(second!.id).toBe("c1");
    await lab().advance(1_001);
    expect(await claimAll({ maxConcurrency: 1 })).toEqual([]);
    await lab().finish(second!);
    expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["c0"]);
  });

  rule("a report that is sent twice frees one slot", async () => {
    await submitAll(named("c", 4), limited());
    const [first] = await claimAll(two);
    expect(await lab().finish(first!)).toBe("accepted");
    expect(await lab().finish(first!)).toBe("refused");
    expect(await lab().report(first!, { kind: "release" })).toBe("refused");
    expect(ids(await claimAll(two))).toEqual(["c2"]);
  });

  rule.timed("of a worker that dies, the slots are free for others, and its calls wait for theirs", async () => {
    await submitAll(named("c", 3), limited());
    expect(ids(await lab().dieWith({ queues: served(two) }))).toEqual(["c0", "c1"]);
    const running = await claimAll(two, { suspect: false });
    expect(ids(running)).toEqual(["c2"]);
    expect(ids(await claimAll(two, { suspect: true, limit: 1 }))).toEqual(["c0"]);
    await lab().finish(running[0]!);
    expect(ids(await claimAll(two, { suspect: true, limit: 1 }))).toEqual(["c1"]);
  });

  rule("what is given back is the first to start again", async () => {
    await submitAll(named("c", 4), limited());
    const running = await claimAll(two);
    await lab().report(running[0]!, { kind: "release" });
    expect(ids(await claimAll(two))).toEqual(["c0"]);
  });

  rule.timed("calls that are canceled, revoked or expire while they wait are passed by", async () => {
    await submitAll(["c0", "c1", "c2"], limited());
    await submitAll(["late"], limited({ header: { deadline: 1_000 } }));
    await submitAll(["last"], limited());
    const [first] = await claimAll({ maxConcurrency: 1 }, { leaseMs: 60_000 });
    await lab().broker.cancel(queue, "c1");
    expect(await lab().broker.revoke(queue, "c2", "nonce")).toBe(true);
    await lab().advance(1_001);
    await lab().finish(first!);
    expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["last"]);
    expect(await lab().state("late")).toBe("expired");
  });

  rule("one that is canceled when it was next gives its turn to another, and one that runs its slot", async () => {
    await submitAll(named("c", 4), limited());
    const [first] = await claimAll({ maxConcurrency: 1 });
    await lab().finish(first!);
    await lab().broker.cancel(queue, "c1");
    const [second] = await claimAll({ maxConcurrency: 1 });
    expect(second!.id).toBe("c2");
    await lab().broker.cancel(queue, "c2");
    expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["c3"]);
  });

  rule("an id that was canceled in its line and is used again waits anew, and starts once", async () => {
    await submitAll(named("c", 3), limited());
    const [first] = await claimAll({ maxConcurrency: 1 });
    await lab().broker.cancel(queue, "c1");
    await lab().submitAll([], ["c1"]);
    await lab().submit("c1", limited());
    await lab().finish(first!);
    const [second] = await claimAll({ maxConcurrency: 1 });
    expect(second!.id).toBe("c2");
    await lab().finish(second!);
    expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["c1"]);
  });

  rule("a limit that is raised lets those in that wait, one that is lowered lets those end that run", async () => {
    await submitAll(named("c", 8), limited());
    const running = [...(await claimAll({ maxConcurrency: 1 }))];
    await submitAll(["c8"], limited());
    await lab().finish(running.shift()!);
    running.push(...(await claimAll({ maxConcurrency: 4 })));
    expect(ids(running)).toEqual(["c1", "c2", "c3", "c4"]);
    for (const call of running.splice(0, 3)) {
      await lab().finish(call);
      expect(await claimAll({ maxConcurrency: 1 })).toEqual([]);
    }
    await lab().finish(running.shift()!);
    expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["c5"]);
  });

  rule("a worker that tells no limit takes its calls without, and what waited goes on", async () => {
    await submitAll(named("c", 4), limited());
    const [first] = await claimAll({ maxConcurrency: 1 });
    await lab().finish(first!);
    const free = await lab().claim({ queues: [{ name: queue, tasks: ["q.limited"] }] });
    const more = await lab().claim({ queues: [{ name: queue, tasks: ["q.limited"] }] });
    expect(ids([...free, ...more])).toEqual(["c1", "c2", "c3"]);
  });

  rule(
    "a call whose record says nothing of its limits is given back with them, and then waits as others do",
    async () => {
      await submitAll(["known"], limited());
      const [known] = await claimAll({ maxConcurrency: 1 });
      await submitAll(["unknown"], { task: "q.limited" });
      const [unknown] = await claimAll({ maxConcurrency: 1 });
      expect(await lab().report(unknown!, { kind: "limit", keys: noKeys })).toBe("accepted");
      expect(await lab().report(unknown!, { kind: "limit", keys: noKeys })).toBe("refused");
      expect(await claimAll({ maxConcurrency: 1 })).toEqual([]);
      await lab().finish(known!);
      expect(ids(await claimAll({ maxConcurrency: 1 }))).toEqual(["unknown"]);
    },
  );

  rule("of those that wait, what has a high priority comes first", async () => {
    await submitAll(["running", "normal"], limited());
    const [running] = await claimAll({ maxConcurrency: 1 });
    await submitAll(["low"], limited({ header: { priority: "low" } }));
    await submitAll(["high"], limited({ header: { priority: "high" } }));
    expect(await claimAll({ maxConcurrency: 1 })).toEqual([]);
    const order: string[] = [];
    for (let call: Claimed | undefined = running; call !== undefined;) {
      await lab().finish(call);
      [call] = await claimAll({ maxConcurrency: 1 });
      if (call !== undefined) order.push(call.id);
    }
    expect(order).toEqual(["high", "normal", "low"]);
  });

  rule("a queue's length counts those that wait for their limit", async () => {
    await submitAll(named("c", 3), limited());
    await claimAll({ maxConcurrency: 1 });
    const outcomes = await lab().submitAll([submission("c3"), submission("c4")], [], 3);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["accepted", "full"]);
  });

  const perSecond = (limit: number) => ({ rate: { limit, perMs: 1_000 } });

  rule.timed("no window of a rate limit has more starts than it allows, wherever it begins", async () => {
    await submitAll(named("c", 12), limited());
    const starts: number[] = [];
    for (const step of [0, 400, 300, 301, 399, 250, 350, 1, 399, 600, 1_000, 1_000, 1_000]) {
      await lab().advance(step);
      for (const call of await claimAll(perSecond(3), { leaseMs: 60_000 })) {
        starts.push(call.now);
        // An end gives nothing back.
        await lab().finish(call);
      }
    }
    expect(starts).toHaveLength(12);
    for (const [at, start] of starts.entries()) {
      const third = starts[at + 3];
      if (third !== undefined) expect(third - start).toBeGreaterThanOrEqual(1_000);
    }
  });

  rule.timed("a claim that waits is woken when its rate allows the next start", async () => {
    await submitAll(["c0", "c1"], limited());
    const rate = { rate: { limit: 1, perMs: 300 } };
    const [first] = await claimAll(rate);
    const waiting = lab().claim({ queues: served(rate), waitMs: 5_000 });
    await lab().settled();
    await lab().advance(300);
    const [second] = await waiting;
    expect(second!.id).toBe("c1");
    expect(second!.now - first!.now).toBeGreaterThanOrEqual(300);
  });

  rule.timed("rates have keys, and nothing waits behind them", async () => {
    await submitAll(["a0", "a1"], limited({}, "00000000aaaaaaaa"));
    await submitAll(["b0", "b1"], limited({}, "00000000bbbbbbbb"));
    await submitAll(["free"], {});
    expect(ids(await claimAll(perSecond(1))).toSorted()).toEqual(["a0", "b0", "free"]);
    await lab().advance(1_001);
    expect(ids(await claimAll(perSecond(1))).toSorted()).toEqual(["a1", "b1"]);
  });

  rule.timed("a retry is a start, too", async () => {
    await submitAll(["c0"], limited());
    const [first] = await claimAll(perSecond(1));
    await lab().retry(first!, 10);
    await lab().advance(500);
    expect(await claimAll(perSecond(1))).toEqual([]);
    await lab().advance(501);
    expect(ids(await claimAll(perSecond(1)))).toEqual(["c0"]);
  });

  rule.timed("both limits hold together, each with its own key, and those wait for neither who need not", async () => {
    // Two may run for each resource, and one a second may start for each customer.
    const both = { maxConcurrency: 1, rate: { limit: 1, perMs: 1_000 } };
    const call = (resource: string, customer: string) => limited({}, resource.repeat(8) + customer.repeat(8));
    await submitAll(["1a", "1a again"], call("1", "a"));
    await submitAll(["1b"], call("1", "b"));
    await submitAll(["2a"], call("2", "a"));
    await submitAll(["2c"], call("2", "c"));
    const running = new Map((await claimAll(both, { leaseMs: 60_000 })).map((one) => [one.id, one]));
    expect([...running.keys()].toSorted()).toEqual(["1a", "2c"]);
    await lab().finish(running.get("2c")!);
    expect(await claimAll(both)).toEqual([]); // Customer a had its start.
    await lab().finish(running.get("1a")!);
    const [third] = await claimAll(both, { leaseMs: 60_000 });
    expect(third!.id).toBe("1b");
    await lab().advance(1_001);
    const [fourth] = await claimAll(both, { leaseMs: 60_000 });
    expect(fourth!.id).toBe("2a"); // Resource 1 is still taken.
    await lab().finish(third!);
    await lab().finish(fourth!);
    await lab().advance(1_001);
    expect(ids(await claimAll(both))).toEqual(["1a again"]);
  });

  const one = { maxConcurrency: 1 };
  const nested = limited({ header: { priority: "nested" } });

  rule("a nested call starts where one that was to start before it waits for a slot that is not lent", async () => {
    await submitAll(["running", "normal"], limited());
    const [running] = await claimAll(one);
    await lab().finish(running!); // The normal one is on its way, and all slots that there are have been lent.
    await submitAll(["nested"], nested);
    const [first] = await claimAll(one, { nestedOnly: true });
    expect(first?.id).toBe("nested");
    expect(await claimAll(one)).toEqual([]);
    await lab().finish(first!);
    expect(ids(await claimAll(one))).toEqual(["normal"]);
  });

  rule("a nested call starts before those of other lanes that wait for the same limit", async () => {
    const [running, other] = ["1111111100000000", "1111111122222222"];
    await submitAll(["running"], limited({}, running));
    const [call] = await claimAll(one);
    await submitAll(["other"], limited({}, other));
    expect(await claimAll(one)).toEqual([]);
    await submitAll(["nested"], limited({ header: { priority: "nested" } }, running));
    expect(await claimAll(one)).toEqual([]);
    await lab().finish(call!);
    // What the other one needs may be lent to nobody but nested ones.
    const [first] = await claimAll(one, { nestedOnly: true });
    expect(first?.id).toBe("nested");
    await lab().report(first!, { kind: "release" });
    const [again] = await claimAll(one, { nestedOnly: true });
    expect(again?.id).toBe("nested");
    await lab().finish(again!);
    expect(ids(await claimAll(one))).toEqual(["other"]);
  });

  rule(
    "a nested call starts also where one of another lane, whose slot it takes, was let go on before it came",
    async () => {
      const [running, other] = ["1111111100000000", "1111111122222222"];
      await submitAll(["running", "waiting"], limited({}, running));
      const [call] = await claimAll(one);
      await submitAll(["other"], limited({}, other));
      expect(await claimAll(one)).toEqual([]);
      await lab().finish(call!); // One of the two is on its way now, the other one waits.
      for (const keys of [running, other]) {
        await submitAll([`nested ${keys}`], limited({ header: { priority: "nested" } }, keys));
        const [nestedOne] = await claimAll(one, { nestedOnly: true });
        expect(nestedOne?.id).toBe(`nested ${keys}`);
        await lab().finish(nestedOne!);
      }
      const [next] = await claimAll(one);
      await lab().finish(next!);
      const [last] = await claimAll(one);
      expect(new Set([next?.id, last?.id])).toEqual(new Set(["other", "waiting"]));
    },
  );

  const laneOf = (starts: string) => `11111111${starts.repeat(8)}`;
  const ofLane = (starts: string) => limited({}, laneOf(starts));
  const nestedOf = (starts: string) => limited({ header: { priority: "nested" } }, laneOf(starts));
  /** Of two lanes that share a slot a nested call waits, behind one that runs; and one more of the first lane. */
  const twoNested = async () => {
    await submitAll(["running", "waiting"], ofLane("a"));
    const [running] = await claimAll(one);
    await submitAll(["nested b"], nestedOf("b"));
    expect(await claimAll(one, { nestedOnly: true })).toEqual([]);
    await submitAll(["nested a"], nestedOf("a"));
    expect(await claimAll(one, { nestedOnly: true })).toEqual([]);
    return running!;
  };
  const nestedThenWaiting = async () => {
    const [first] = await claimAll(one, { nestedOnly: true });
    expect(first?.id).toBe("nested b");
    await lab().finish(first!);
    expect(ids(await claimAll(one))).toEqual(["waiting"]);
  };

  rule(
    "a nested call waits for none that are not, where another lane's nested one is canceled on its way",
    async () => {
      await lab().finish(await twoNested());
      await lab().broker.cancel(queue, "nested a");
      await nestedThenWaiting();
    },
  );

  rule(
    "a nested call waits for none that are not, where another lane's nested one was canceled in its line",
    async () => {
      const running = await twoNested();
      await lab().broker.cancel(queue, "nested a");
      await lab().finish(running);
      await nestedThenWaiting();
    },
  );

  /** A suspect is let go on, and waits for somebody who may try it. */
  const untried = async () => {
    await submitAll(["suspect"], ofLane("a"));
    expect(ids(await lab().dieWith({ queues: served(one) }))).toEqual(["suspect"]);
    await submitAll(["running"], ofLane("b"));
    const [running] = await claimAll(one, { leaseMs: 60_000 });
    expect(running?.id).toBe("running");
    expect(await claimAll(one, { suspect: true, limit: 1 })).toEqual([]);
    return running!;
  };

  rule.timed("no other lane waits for a suspect to be tried", async () => {
    const running = await untried();
    await submitAll(["other"], ofLane("c"));
    expect(await claimAll(one)).toEqual([]);
    await lab().finish(running);
    const [other] = await claimAll(one, { leaseMs: 60_000 });
    expect(other?.id).toBe("other");
    await lab().finish(other!);
    expect(ids(await claimAll(one, { suspect: true, limit: 1 }))).toEqual(["suspect"]);
  });

  rule.timed("no call that comes to its lane, or back to it, waits for a suspect to be tried", async () => {
    await lab().finish(await untried());
    await submitAll(["new"], ofLane("a"));
    const [first] = await claimAll(one, { leaseMs: 60_000 });
    expect(first?.id).toBe("new");
    await lab().report(first!, { kind: "release" });
    const [again] = await claimAll(one, { leaseMs: 60_000 });
    expect(again?.id).toBe("new");
    await lab().finish(again!);
    expect(ids(await claimAll(one, { suspect: true, limit: 1 }))).toEqual(["suspect"]);
  });

  rule.timed("no other lane waits for a suspect that alone is left of those that were let go on", async () => {
    const running = await untried();
    await submitAll(["beside"], ofLane("a"));
    await submitAll(["other"], ofLane("c"));
    expect(await claimAll(one)).toEqual([]);
    await lab().finish(running);
    await lab().broker.cancel(queue, "beside");
    const [other] = await claimAll(one, { leaseMs: 60_000 });
    expect(other?.id).toBe("other");
    await lab().finish(other!);
    expect(ids(await claimAll(one, { suspect: true, limit: 1 }))).toEqual(["suspect"]);
  });

  rule("a nested call that is given back to its line starts once", async () => {
    await submitAll(["n0", "n1"], nested);
    const [n0] = await claimAll(one);
    await lab().report(n0!, { kind: "release" });
    expect(ids(await claimAll({ maxConcurrency: 3 }))).toEqual(["n0", "n1"]);
  });

  rule.timed("where a task has no limits any more, all that waited for them goes on", async () => {
    await submitAll(["a", "b"], limited({}, "1111111100000000"));
    await submitAll(["c"], limited({}, "2222222200000000"));
    await submitAll(["d"], limited({}, "3333333300000000"));
    expect(ids(await claimAll(perSecond(1)))).toEqual(["a"]);
    await lab().advance(1_001);
    expect(ids(await claimAll({})).toSorted()).toEqual(["b", "c", "d"]);
  });

  rule.timed(
    "a nested call is before all others of its line, however long those have waited, and also if they were given back",
    async () => {
      const leaseMs = 86_400_000;
      await submitAll(["c0", "c1", "old"], limited());
      const [c0] = await claimAll(one, { leaseMs });
      await lab().finish(c0!);
      const [c1] = await claimAll(one, { leaseMs });
      await lab().advance(10_800_000);
      await submitAll(["n0", "n1"], nested);
      expect(await claimAll(one, { nestedOnly: true })).toEqual([]);
      await lab().report(c1!, { kind: "release" });
      const [n0] = await claimAll(one, { nestedOnly: true, leaseMs });
      expect(n0?.id).toBe("n0");
      await lab().report(n0!, { kind: "release" });
      const order: string[] = [];
      for (let call = (await claimAll(one, { nestedOnly: true }))[0]; call !== undefined;) {
        order.push(call.id);
        await lab().finish(call);
        [call] = await claimAll(one);
      }
      expect(order).toEqual(["n0", "n1", "c1", "old"]);
    },
  );

  rule.timed(
    "nothing waits behind a suspect that nobody may try yet, and it is the first once somebody may",
    async () => {
      await submitAll(named("c", 4), limited());
      expect(ids(await lab().dieWith({ queues: served(two) }))).toEqual(["c0", "c1"]);
      const running = [...(await claimAll(two))];
      expect(ids(running)).toEqual(["c2", "c3"]);
      await submitAll(named("d", 3), limited());
      // All slots are taken: it waits as all others do.
      expect(await claimAll(two, { suspect: true, limit: 1 })).toEqual([]);
      await lab().finish(running.shift()!);
      running.push(...(await claimAll(two)));
      expect(ids(running)).toEqual(["c3", "d0"]);
      await lab().finish(running.shift()!);
      const [suspect] = await claimAll(two, { suspect: true, limit: 1 });
      expect(suspect).toMatchObject({ suspect: true });
    },
  );

  rule(
    "calls that are given back with their limits wait behind those that came before them, in their order",
    async () => {
      await submitAll(["running", "waiting"], limited());
      let [call] = await claimAll(one);
      await submitAll(["u0", "u1", "u2"], { task: "q.limited" });
      const unknown = await claimAll(one);
      await lab().broker.finish(
        queue,
        unknown.map(({ id, fence }) => ({ kind: "limit", id, fence, keys: noKeys })),
      );
      expect(await claimAll(one)).toEqual([]);
      const order: string[] = [];
      while (call !== undefined) {
        await lab().finish(call);
        [call] = await claimAll(one);
        if (call !== undefined) order.push(call.id);
      }
      expect(order).toEqual(["waiting", "u0", "u1", "u2"]);
    },
  );

  rule("one that was let go on starts once, whoever of its line is canceled meanwhile", async () => {
    await submitAll(named("c", 4), limited());
    const [first] = await claimAll(one);
    await lab().finish(first!);
    await lab().broker.cancel(queue, "c3");
    expect(ids(await claimAll({ maxConcurrency: 3 }))).toEqual(["c1", "c2"]);
  });

  rule.timed("nothing is left of limits when nothing waits", async () => {
    await submitAll(named("c", 5), limited());
    await submitAll(["n"], nested);
    await lab().dieWith({ queues: served(two) });
    let call: Claimed | undefined;
    await claimAll(one, { limit: 1 }).then((some) => ([call] = some));
    for (const id of ["c2", "c3"]) await lab().broker.cancel(queue, id);
    for (let count = 0; call !== undefined && count < 20; count++) {
      await lab().finish(call);
      [call] = await claimAll(one, { suspect: true, limit: 1 });
    }
    for (const id of [...named("c", 5), "n"]) expect(await lab().state(id)).toMatch(/succeeded|canceled/);
    expect((await lab().keys()).filter((key) => /^(slots|starts|line|lanes|turns|suspects)/.test(key))).toEqual([]);
  });
}
