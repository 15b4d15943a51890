import { expect, test } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { readHeader } from "../../runtime/header.ts";
import { queue, submission } from "../../runtime/testing/conformance/lab.ts";
import { describeRedis } from "../redis/suite.ts";
import { redisAt } from "./by-hand.ts";
import { packed, unpackedCalls } from "./packed.ts";
import { Place } from "./place.ts";
import { firstScripts, Published } from "./published.ts";
import { writeRecord } from "./record.ts";

/** Both versions of the scripts on one queue. */
class Both {
  readonly place = new Place();
  readonly redis = redisAt(this.place.url);
  readonly old = new Published(this.redis, this.place.namespace, firstScripts);
  readonly now = new Published(this.redis, this.place.namespace);
  readonly broker = new RedisBroker(this.place.url, { namespace: this.place.namespace });
  #claims = 0;

  async submit(id: string, header: Parameters<typeof submission>[1] = {}): Promise<void> {
    await this.broker.submit(queue, { calls: [submission(id, header)], acknowledged: [] });
  }

  async claim(
    scripts: Published,
    { worker = "w", leaseMs = 60_000, suspects = "", tasks = "q.task" } = {},
  ): Promise<{ readonly fence: string; readonly suspects: number; readonly calls: ReadonlyMap<string, Buffer> }> {
    const args = [worker, 100, leaseMs, suspects, "queue", ` ${tasks} `, `t${this.#claims++}`, ""];
    const reply = (await scripts.run("claim", queue, args)) as readonly (Buffer | number)[];
    const calls = new Map(unpackedCalls(reply[5] as Buffer));
    return { fence: String(reply[0]), suspects: Number(reply[4]), calls };
  }

  async dieWith(scripts: Published, reaping: Published, suspects = ""): Promise<readonly string[]> {
    const { calls } = await this.claim(scripts, { worker: `dying ${this.#claims}`, leaseMs: 1, suspects });
    let reaped = 0;
    await expect
      .poll(async () => (reaped += ((await reaping.run("reap", queue, [3, 1_000])) as readonly number[])[0]!))
      .toBe(calls.size);
    return [...calls.keys()];
  }

  /** The keys of what is put aside that stay: an old worker that empties the list leaves its order, which expires. */
  async left(): Promise<readonly string[]> {
    const names = ["asides", "aside:q.other", "put-aside:q.other"];
    const left = await Promise.all(names.map((name) => this.redis.pttl(this.place.key(queue, name))));
    return names.filter((_, index) => left[index] === -1);
  }

  async header(id: string) {
    return readHeader((await this.redis.getBuffer(this.place.key(queue, `result:${id}`)))!)!;
  }

  revoke(scripts: Published, id: string): Promise<unknown> {
    return scripts.run("revoke", queue, [id, "n"]);
  }
}

describeRedis("old and new scripts on one queue", () => {
  test("old ones leave what new ones have marked, and new ones believe it", async () => {
    const both = new Both();
    await both.submit("a", { header: { maxDeliveries: 5 } });
    const { fence } = await both.claim(both.now);
    await both.now.run("report", queue, ["release", "a", fence, "1", ""]);
    for (const kind of ["release", "aside"]) {
      const again = await both.claim(both.old);
      expect([...again.calls.keys()]).toEqual(["a"]);
      await both.old.run("report", queue, [kind, "a", again.fence, kind === "aside" ? "q.task" : "", ""]);
    }
    expect(await both.header("a")).toMatchObject({ begun: true, maxDeliveries: 5, deaths: 0, attempt: 0 });
    expect(await both.revoke(both.now, "a")).toBe(0);
    // A worker that knows no marks writes its fence over them.
    const last = await both.claim(both.old);
    const record = writeRecord({ state: 4, attempt: 1, fence: Number(last.fence) }, { value: 1 });
    expect(await both.now.run("finish", queue, [last.fence, 60_000, packed("a", record)])).toEqual([]);
    expect(await both.header("a")).toMatchObject({ state: "succeeded", begun: false, fence: Number(last.fence) });
  });

  test("what old ones have taken back has begun, also once it is put aside", async () => {
    const both = new Both();
    await both.submit("a");
    await both.submit("never begun");
    const { fence } = await both.claim(both.old);
    await both.old.run("report", queue, ["release", "never begun", fence, "", ""]);
    expect(await both.revoke(both.now, "never begun")).toBe(1);
    await both.old.run("report", queue, ["release", "a", fence, "", ""]);
    await both.dieWith(both.old, both.old);
    expect(await both.revoke(both.now, "a")).toBe(0);
    expect(await both.revoke(both.old, "a")).toBe(0);
  });

  test("suspects that old ones have made are given alone; those of new ones are given to old workers one at a time", async () => {
    const both = new Both();
    for (const id of ["a", "b", "c"]) await both.submit(id);
    await both.dieWith(both.old, both.old);
    expect(await both.claim(both.now, { suspects: "+5" })).toMatchObject({ suspects: 0 });
    const alone = await both.claim(both.now, { suspects: "5" });
    expect([alone.suspects, alone.calls.size]).toEqual([1, 1]);
    await both.now.run("report", queue, ["release", [...alone.calls.keys()][0]!, alone.fence, "", ""]);
    // They are taken back by a new one, and are suspects still, that are to run alone.
    await both.dieWith(both.now, both.now, "1");

    const others = new Both();
    for (const id of ["a", "b", "c"]) await others.submit(id);
    await others.dieWith(others.now, others.now);
    expect(await others.header("a")).toMatchObject({ besideOthers: true, deaths: 1 });
    const one = await others.claim(others.old, { suspects: "1" });
    expect([one.suspects, one.calls.size]).toEqual([1, 1]);
  });

  test("a worker that ran several suspects and is taken back by an old one leaves them to run alone", async () => {
    const both = new Both();
    for (const id of ["a", "b", "c"]) await both.submit(id);
    await both.dieWith(both.now, both.now);
    expect((await both.dieWith(both.now, both.old, "5")).length).toBe(3);
    // The old one has charged each of them.
    expect(await both.header("a")).toMatchObject({ deaths: 2 });
    expect(await both.claim(both.now, { suspects: "5" })).toMatchObject({ suspects: 1 });
  });

  test("what either puts aside is claimed by the other, and what is left of calls that have ended goes", async () => {
    const both = new Both();
    const other = { tasks: "q.other" };
    const given = async (scripts: Published) => [...(await both.claim(scripts, other)).calls.keys()];
    for (const id of ["a", "b", "c"]) await both.submit(id);
    const { fence } = await both.claim(both.old);
    for (const id of ["a", "b"]) await both.old.run("report", queue, ["aside", id, fence, "q.other", ""]);
    await both.now.run("report", queue, ["aside", "c", fence, "q.other", ""]);
    // As old workers leave them: an id of a call that has ended, and one of nothing.
    await both.broker.cancel(queue, "b");
    await both.redis.rpush(both.place.key(queue, "aside:q.other"), "gone");
    expect((await given(both.now)).toSorted()).toEqual(["a", "c"]);
    await expect.poll(async () => (await given(both.now), both.left())).toEqual([]);

    for (const id of ["d", "e"]) await both.submit(id);
    const next = await both.claim(both.now);
    for (const id of ["d", "e"]) await both.now.run("report", queue, ["aside", id, next.fence, "q.other", ""]);
    await both.broker.cancel(queue, "d");
    const taken = await both.claim(both.old, other);
    expect([...taken.calls.keys()]).toEqual(["e"]);
    expect(await given(both.now)).toEqual([]);
    const record = writeRecord({ state: 4, attempt: 1, fence: Number(taken.fence) }, { value: 1 });
    expect(await both.now.run("finish", queue, [taken.fence, 60_000, packed("e", record)])).toEqual([]);
    await expect.poll(async () => (await given(both.now), both.left())).toEqual([]);
  });
});
