import { expect, onTestFinished, test } from "vitest";
import { createTasks } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { Child } from "./child.ts";

/** Longer than a busy machine takes to start the thread that keeps a blocked worker's lease. */
const leaseMs = 2_500;

interface Said {
  readonly what: string;
  readonly lagMs: number;
  readonly fence: number;
  readonly at: number;
}

describeRedis("a lock that workers in several processes want", { timeout: 150_000 }, () => {
  test("stays its holder's while that blocks its event loop, and is another's when its holder is killed", async () => {
    const namespace = namespaceUntil(onTestFinished);
    const broker = new RedisBroker(sharedRedisUrl(), { namespace });
    onTestFinished(() => broker.close());
    const { submit, client } = createTasks({ broker });
    onTestFinished(() => client.close());
    const started = async (said: string, ...more: readonly string[]): Promise<Child> => {
      const child = new Child("locking.ts", [sharedRedisUrl(), namespace, String(leaseMs), ...more]);
      onTestFinished(() => child.kill());
      expect(await child.said()).toBe(said);
      return child;
    };
    const heard = async (child: Child, what: string, lagMs: number): Promise<Said> => {
      const said = (await child.said()) as Said;
      expect(said).toMatchObject({ what, lagMs });
      return said;
    };

    const first = await started("listening");
    // Started before the first one blocks, which may end sooner than a process starts. It claims the next call.
    const second = await started("waits", "waits");
    const blockMs = 4 * leaseMs;
    const blocking = await submit.asynchronous(blockMs);
    await heard(first, "asks", blockMs);
    const holds = await heard(first, "holds", blockMs);
    second.tell("go");
    expect(await second.said()).toBe("listening");
    await submit.asynchronous(1);
    await heard(second, "asks", 1);
    const next = await heard(second, "holds", 1);
    const done = await heard(first, "done", blockMs);
    expect(await blocking.result()).toBe(blockMs);
    expect(next.at).toBeGreaterThanOrEqual(done.at);
    expect(next.fence).toBeGreaterThan(holds.fence);

    await submit.asynchronous(3);
    await heard(first, "asks", 3);
    const killedAt = Date.now();
    await second.kill();
    const last = await heard(first, "holds", 3);
    expect(last.fence).toBeGreaterThan(next.fence);
    // Its lease, the beat that takes it back, and the longest pause between two looks.
    expect(last.at - killedAt).toBeLessThan(leaseMs + 1_000 + 6_250 + 2_000);
  });
});
