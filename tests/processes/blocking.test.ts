import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createTasks, type Tasks } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { Child } from "./child.ts";

const leaseMs = 900;

/** Workers whose handlers block their event loops, each in a process of its own, and one who calls them. */
class Place {
  readonly #namespace = namespaceUntil(onTestFinished);
  readonly tasks: Tasks;

  constructor() {
    const broker = new RedisBroker(sharedRedisUrl(), { namespace: this.#namespace });
    onTestFinished(() => broker.close());
    this.tasks = createTasks({ broker });
    onTestFinished(() => this.tasks.client.close());
  }

  async worker(concurrency: number): Promise<{ readonly child: Child; readonly said: string[] }> {
    const child = new Child("blocking.ts", [sharedRedisUrl(), this.#namespace, String(leaseMs), String(concurrency)]);
    onTestFinished(() => child.kill());
    expect(await child.said()).toBe("listening");
    const said: string[] = [];
    const listen = async () => {
      for (;;) said.push(String(await child.said()));
    };
    listen().catch(() => undefined);
    return { child, said };
  }
}

const begun = (said: readonly string[]) => said.filter((line) => line.startsWith("begun"));

describeRedis("a handler that blocks its worker's event loop", { timeout: 60_000 }, () => {
  test("for many leases runs once, and neither it nor those behind and before it go to another worker", async () => {
    const place = new Place();
    const first = await place.worker(10);
    const { submit } = place.tasks;
    // Long enough for a process to start, and for three leases after that.
    const blockMs = 12 * leaseMs;
    const handles = await Promise.all([2, blockMs, 4, 6].map((lagMs) => submit.asynchronous(lagMs)));
    await expect.poll(() => first.said, { timeout: 10_000 }).toContain(`begun ${blockMs} 1`);
    const second = await place.worker(10);
    await sleep(3 * leaseMs);
    await expect(handles[1]!.status()).resolves.toMatchObject({ state: "running", deaths: 0 });
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([2, blockMs, 4, 6]);
    await expect.poll(() => begun(first.said)).toEqual(["begun 2 1", `begun ${blockMs} 1`, "begun 4 1", "begun 6 1"]);
    expect(second.said).toEqual([]);
    // It serves on, and ends by itself.
    expect(await (await submit.asynchronous(8)).result()).toBe(8);
    first.child.tell("stop");
    await first.child.ended();
  });

  test("past its limit is answered on time, and its late finish refused", async () => {
    const place = new Place();
    const { said } = await place.worker(10);
    const tasks = place.tasks.with({ attemptTimeoutMs: 500 });
    const handle = await tasks.submit.asynchronous(4_000);
    await expect.poll(() => said, { timeout: 10_000 }).toEqual(["begun 4000 1"]);
    const begunAt = performance.now();
    await expect(handle.result()).rejects.toMatchObject({
      code: "deadline_exceeded",
      attempt: 1,
      message: expect.stringContaining("the attempt's time was up after 500 ms") as string,
    });
    expect(performance.now() - begunAt).toBeLessThan(1_500);
    await expect.poll(() => said.length, { timeout: 10_000 }).toBe(2);
    expect(said[1]).toMatch(/blocked the event loop.*"answered":1/);
    await expect(handle.status()).resolves.toMatchObject({ state: "failed", attempt: 1 });
    expect(await (await place.tasks.submit.asynchronous(8)).result()).toBe(8);
  });

  test("and then waits past its limit has its signal aborted as soon as the loop runs again", async () => {
    const place = new Place();
    const { said } = await place.worker(10);
    const handle = await place.tasks.with({ attemptTimeoutMs: 500 }).submit.asynchronous(2_001);
    await expect(handle.result()).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect.poll(() => said, { timeout: 10_000 }).toContain("aborted 2001 deadline_exceeded");
  });

  test("past its limit is repeated elsewhere, if another attempt is to follow", async () => {
    const place = new Place();
    const first = await place.worker(1);
    const retry = { attempts: 2, backoff: { type: "fixed", delayMs: 1 } } as const;
    const handle = await place.tasks.with({ attemptTimeoutMs: 500, retry }).submit.asynchronous(50_000);
    await expect.poll(() => first.said, { timeout: 10_000 }).toEqual(["begun 50000 1"]);
    const second = await place.worker(1);
    await expect.poll(() => second.said, { timeout: 10_000 }).toEqual(["begun 50000 2"]);
    await expect(handle.result()).rejects.toMatchObject({ code: "deadline_exceeded", attempt: 2 });
  });

  test("loses its lease when its process dies", async () => {
    const place = new Place();
    const first = await place.worker(1);
    await place.tasks.submit.asynchronous(50_000);
    await expect.poll(() => begun(first.said).length, { timeout: 10_000 }).toBe(1);
    const second = await place.worker(1);
    await sleep(2 * leaseMs);
    expect(second.said).toEqual([]);
    await first.child.kill();
    await expect.poll(() => begun(second.said), { timeout: 10_000 }).toEqual(["begun 50000 1"]);
  });
});
