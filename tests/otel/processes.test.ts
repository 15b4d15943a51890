import { expect, onTestFinished, test } from "vitest";
import { createClient } from "taskpact/codegen";
import { type LooseTasks, quiet, registry } from "../calls/lab.ts";
import { Child } from "../processes/child.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { type SeenSpan, Sight, withContextManager } from "./sight.ts";

describeRedis("telemetry of two processes over one Redis", () => {
  withContextManager();

  test("is one trace, from the caller over the worker to what its handler calls", { timeout: 60_000 }, async () => {
    const namespace = namespaceUntil(onTestFinished);
    const worker = new Child(new URL("worker.ts", import.meta.url), [sharedRedisUrl(), namespace]);
    onTestFinished(() => worker.kill());
    expect(await worker.said()).toBe("listening");
    const here = new Sight();
    const tasks = createClient<LooseTasks>(registry, {
      broker: sharedRedisUrl(),
      namespace,
      hooks: [here.hook],
      log: quiet,
    });
    onTestFinished(() => tasks.client.close());
    await expect(tasks.acting("nest")).resolves.toBe(3);
    worker.tell("stop");
    const there = (await worker.said()) as (SeenSpan & { readonly remote: boolean })[];
    await worker.ended();
    const [call] = (await here.spans()) as [SeenSpan];
    const nested = there.find(({ name }) => name === "call lab.addition")!;
    const parentOf = (name: string) => there.find((span) => span.name === name);
    expect(parentOf("process lab.acting")).toMatchObject({ parent: call.id, remote: true });
    expect(nested).toMatchObject({ parent: parentOf("process lab.acting")!.id });
    expect(parentOf("process lab.addition")).toMatchObject({ parent: nested.id, remote: true });
    expect(there.map(({ trace }) => trace)).toEqual(Array(3).fill(call.trace));
  });
});
