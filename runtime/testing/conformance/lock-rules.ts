import type { LockAnswer, LockOwner, Locks, LockWish } from "../../locks.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { type Claimed, queue } from "./lab.ts";

/** Who holds a lock, and who is next. */
export function lockRules({ lab, rule }: Chapter): void {
  const locks = (): Locks => lab().broker.locks!;
  const busy = { outcome: "busy" };
  const lost = { outcome: "lost" };

  const owner = ({ id, fence }: { id: string; fence: number }, nth = 1): LockOwner => ({ id, fence, nth });
  const take = (by: LockOwner, wish: Partial<LockWish> = {}, name = "l"): Promise<LockAnswer> =>
    locks().take(queue, name, { owner: by, inLine: true, keptMs: 600_000, ...wish });
  const leave = (by: LockOwner, name = "l"): Promise<void> => locks().leave(queue, name, by);
  const fenceOf = async (answer: Promise<LockAnswer>): Promise<number> => {
    const taken = await answer;
    if (taken.outcome !== "taken") throw new Error(`it is ${taken.outcome}`);
    return taken.fence;
  };
  /** Calls that a worker runs, each with a claim of its own. */
  const running = async (...names: readonly string[]): Promise<readonly (LockOwner & { call: Claimed })[]> => {
    const owners = [];
    for (const name of names) {
      await lab().submit(name);
      const call = await lab().claimOne();
      owners.push({ ...owner(call), call });
    }
    return owners;
  };

  rule("a free lock is taken, by one; its fence grows with each holder", async () => {
    const [a, b] = await running("a", "b");
    const first = await fenceOf(take(a!));
    expect(first).toBeGreaterThan(0);
    expect(await take(b!)).toEqual(busy);
    await leave(a!);
    const second = await fenceOf(take(b!));
    expect(second).toBeGreaterThan(first);
    await leave(b!);
    expect(await fenceOf(take(owner(a!, 2)))).toBeGreaterThan(second);
  });

  rule("an earlier claim that takes it later has the larger fence all the same", async () => {
    const [old, young] = await running("old", "young");
    const first = await fenceOf(take(young!));
    await leave(young!);
    expect(await fenceOf(take(old!))).toBeGreaterThan(first);
  });

  rule("two calls of one claim are two owners", async () => {
    for (const id of ["a", "b"]) await lab().submit(id);
    const [a, b] = (await lab().claim()).map((call) => owner(call));
    expect(a!.fence).toBe(b!.fence);
    await fenceOf(take(a!));
    expect(await take(b!)).toEqual(busy);
  });

  rule("locks of other names, and of other queues, are others", async () => {
    const [a, b] = await running("a", "b");
    await fenceOf(take(a!));
    await fenceOf(take(b!, {}, "m"));
    const local = owner({ id: "c", fence: 0 });
    await fenceOf(locks().take("elsewhere", "l", { owner: local, inLine: true, keptMs: 60_000 }));
  });

  rule("asked again by its holder, the answer is the same", async () => {
    const [a] = await running("a");
    const fence = await fenceOf(take(a!));
    expect(await fenceOf(take(a!))).toBe(fence);
    // What the same attempt wants besides is something else.
    expect(await take(owner(a!, 2))).toEqual(busy);
    await leave(a!);
    await leave(a!);
    await fenceOf(take(owner(a!, 2)));
  });

  rule("those who wait come in the order of asking, however often they ask", async () => {
    const [a, b, c, d] = await running("a", "b", "c", "d");
    await fenceOf(take(a!));
    for (const waiting of [b!, c!, b!]) expect(await take(waiting)).toEqual(busy);
    await leave(a!);
    expect(await take(c!)).toEqual(busy);
    expect(await take(d!, { inLine: false })).toEqual(busy);
    await fenceOf(take(b!));
    await leave(b!);
    await fenceOf(take(c!));
    await leave(c!);
    // The one that did not wait in line has no place there.
    await fenceOf(take(a!));
  });

  rule("who is first in line is told when it is free, and nobody else", async () => {
    const [a, b, c] = await running("a", "b", "c");
    const heard = await lab().workers();
    await fenceOf(take(a!));
    for (const waiting of [b!, c!]) await take(waiting);
    await leave(a!);
    const turn = ({ id, fence }: LockOwner) => ({ kind: "turn", id, fence });
    expect(await heard.heard(1)).toEqual([turn(b!)]);
    // It was free, and the first one gives its place up: the next one is told.
    await leave(b!);
    expect(await heard.heard(2)).toEqual([turn(b!), turn(c!)]);
    await fenceOf(take(c!));
    await leave(c!);
    await lab().settled();
    expect(heard.notices).toHaveLength(2);
  });

  rule("a place that was given up is nobody's", async () => {
    const [a, b, c] = await running("a", "b", "c");
    await fenceOf(take(a!));
    for (const waiting of [b!, c!]) await take(waiting);
    await leave(b!);
    await leave(a!);
    await fenceOf(take(c!));
  });

  for (const how of ["finish", "retry", "release", "cancel"] as const) {
    rule(`a call that ends by ${how} holds no lock`, async () => {
      const [a, b] = await running("a", "b");
      const first = await fenceOf(take(a!));
      await take(b!);
      if (how === "finish") await lab().finish(a!.call);
      else if (how === "retry") await lab().retry(a!.call, 60_000);
      else if (how === "release") await lab().report(a!.call, { kind: "release" });
      else await lab().broker.cancel(queue, "a");
      expect(await take(a!)).toEqual(lost);
      expect(await fenceOf(take(b!))).toBeGreaterThan(first);
      // What it says late harms nobody.
      await leave(a!);
      expect(await take(owner({ id: "c", fence: 0 }))).toEqual(busy);
    });
  }

  rule.timed(
    "a holder that dies holds it until its lease is taken back; who is first in line is told by the next who asks",
    async () => {
      const [a] = await running("a");
      await lab().submit("b");
      const b = owner(await lab().claimOne({ leaseMs: 600_000 }));
      const heard = await lab().workers();
      await fenceOf(take(a!));
      await take(b);
      await lab().advance(11_000);
      expect(await take(b)).toEqual(busy);
      await lab().reap();
      expect(await take(owner({ id: "c", fence: 0 }))).toEqual(busy);
      expect(await heard.heard(1)).toEqual([{ kind: "turn", id: "b", fence: b.fence }]);
      await fenceOf(take(b));
      expect(await take(a!)).toEqual(lost);
    },
  );

  rule.timed("a lock is kept for as long as its call's lease is renewed", async () => {
    const [a] = await running("a");
    await lab().submit("b");
    const b = owner(await lab().claimOne({ leaseMs: 600_000 }));
    await fenceOf(take(a!));
    for (let beat = 0; beat < 5; beat++) {
      await lab().advance(9_000);
      await lab().beat({ fences: [a!.fence], reap: true });
      expect(await take(b)).toEqual(busy);
    }
  });

  rule("who died in line is passed over", async () => {
    const [a, b] = await running("a", "b");
    await fenceOf(take(a!));
    await take(b!);
    await lab().submit("c");
    const c = owner(await lab().claimOne());
    await take(c);
    await lab().finish(b!.call);
    await leave(a!);
    await fenceOf(take(c));
  });

  rule.timed("an owner without a lease stands as long as it asks", async () => {
    const [one, other] = [owner({ id: "one", fence: 0 }), owner({ id: "other", fence: 0 })];
    const first = await fenceOf(take(one));
    for (let ask = 0; ask < 4; ask++) {
      await lab().advance(10_000);
      expect(await fenceOf(take(one))).toBe(first);
      expect(await take(other)).toEqual(busy);
    }
    await lab().advance(16_000);
    expect(await fenceOf(take(other))).toBeGreaterThan(first);
    expect(await take(one)).toEqual(busy);
    // Who waits has to ask, too.
    await lab().advance(10_000);
    await take(other);
    await lab().advance(10_000);
    await leave(other);
    await fenceOf(take(owner({ id: "third", fence: 0 })));
  });

  rule.timed("nothing is left of a lock that was given back, nor, after a time, of one that was not", async () => {
    const [a, b] = await running("a", "b");
    await fenceOf(take(a!));
    await take(b!);
    await leave(b!);
    await leave(a!);
    expect((await lab().keys()).filter((key) => /^(lock|turns|alive):/.test(key))).toEqual([]);
    await fenceOf(take(a!));
    await take(b!);
    await take(owner({ id: "c", fence: 0 }));
    await lab().advance(700_000);
    expect((await lab().keys()).filter((key) => /^(lock|turns|alive):/.test(key))).toEqual([]);
  });
}
