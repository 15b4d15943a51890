import { expect, onTestFinished, test } from "vitest";
import { createTasks } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { Child } from "./child.ts";

describeRedis("a worker's process that is told to stop", () => {
  test.for([
    ["gives back what is not done within its grace, and ends by itself", 50, ["SIGTERM"]],
    ["does so at once when told twice", 60_000, ["SIGINT", "SIGTERM"]],
  ] as const)("%s", { timeout: 30_000 }, async ([, graceMs, signals]) => {
    const namespace = namespaceUntil(onTestFinished);
    const broker = new RedisBroker(sharedRedisUrl(), { namespace });
    onTestFinished(() => broker.close());
    const start = (): Child => {
      const child = new Child("stopping.ts", [sharedRedisUrl(), namespace, String(graceMs)]);
      onTestFinished(() => child.kill());
      return child;
    };
    const tasks = createTasks({ broker });
    onTestFinished(() => tasks.client.close());

    const first = start();
    const handle = await tasks.submit.asynchronous(1);
    expect(await first.said()).toBe("running");
    for (const signal of signals) first.signal(signal);
    expect(await first.said()).toBe("aborted");
    await first.ended();
    await expect(handle.status()).resolves.toMatchObject({ state: "queued", attempt: 0, deaths: 0 });
  });

  test("ends as soon as all is done, and not only after its grace", { timeout: 30_000 }, async () => {
    const namespace = namespaceUntil(onTestFinished);
    const child = new Child("stopping.ts", [sharedRedisUrl(), namespace, "60000"]);
    onTestFinished(() => child.kill());
    const tasks = createTasks({ broker: sharedRedisUrl(), namespace });
    onTestFinished(() => tasks.client.close());
    await expect(tasks.asynchronous(0)).resolves.toBe(0);
    child.signal("SIGTERM");
    await child.ended();
  });
});
