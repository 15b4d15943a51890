import { AsyncLocalStorage } from "node:async_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished } from "vitest";
import { createClient } from "taskpact/codegen";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { type LooseTasks, quiet, registry } from "../calls/lab.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis } from "../redis/suite.ts";
import { reported, reportedOnBrokers } from "./reported.ts";

const store = new AsyncLocalStorage<string | object>();

reportedOnBrokers(
  "D1",
  "onProgress and events.on run in the context of who gave them",
  async ({ lab, got }) => {
    await lab.worker();
    const tasks = lab.client();
    await store.run("first", () => tasks.addition(1, 2));
    const seen = new Map<string, unknown>();
    const { events } = tasks.client as unknown as {
      events: { on(kind: string, callback: () => void): Promise<unknown> };
    };
    await store.run("listener", () => events.on("started", () => seen.set("events.on", store.getStore())));
    const onProgress = () => seen.set("onProgress", store.getStore());
    const call = store.run("second", () => tasks.with({ onProgress, timeoutMs: 60_000 }).steps(1, "x"));
    await expect.poll(() => seen.size, { timeout: 20_000 }).toBe(2);
    lab.release("x");
    await call;
    got(JSON.stringify(Object.fromEntries(seen)));
    expect(Object.fromEntries(seen)).toEqual({ "events.on": "listener", onProgress: "second" });
  },
  60_000,
);

reportedOnBrokers(
  "D1",
  "no connection or timer keeps the context of the first call",
  async ({ lab, got }) => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    await lab.worker();
    const tasks = lab.client({ implementations: [lab.implementation("here")] });
    const first = async (): Promise<WeakRef<object>> => {
      const context = { request: "first" };
      await store.run(context, async () => {
        await tasks.addition(1, 2);
        await tasks.with({ policy: "remote-only" }).addition(1, 2);
        await (await tasks.submit.addition(1, 2)).result();
        await tasks
          .with({ policy: "auto" })
          .locking("l", "x", 0)
          .catch(() => undefined);
      });
      return new WeakRef(context);
    };
    lab.release("x");
    const context = await first();
    await expect
      .poll(
        async () => {
          // Others' calls go on, as they do in a server.
          await tasks.with({ policy: "remote-only" }).addition(1, 2);
          gc();
          return context.deref();
        },
        { timeout: 20_000 },
      )
      .toBeUndefined();
    got("collected");
  },
  60_000,
);

reportedOnBrokers(
  "D2",
  "30 calls on one AbortSignal cause no warning",
  async ({ lab, got }) => {
    const warnings: string[] = [];
    const warned = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", warned);
    onTestFinished(() => void process.off("warning", warned));
    await lab.worker();
    const { signal } = new AbortController();
    const tasks = lab.client().with({ signal });
    lab.release("x");
    await Promise.all(Array.from({ length: 30 }, () => tasks.held("x")));
    await new Promise((resolve) => setImmediate(resolve));
    got(warnings.join(", ") || "silence");
    expect(warnings).toEqual([]);
  },
  60_000,
);

describeRedis("on a Redis that asks for a login", () => {
  reported(
    "D1",
    "credentials are asked for in the context of who gave them",
    async (got) => {
      const server = await startRedis({ config: ["user ann on >secret ~* &* +@all"] });
      onTestFinished(() => server.stop());
      const seen = new Set<unknown>();
      const credentials = () => {
        seen.add(store.getStore());
        return { username: "ann", password: "secret" };
      };
      const broker = store.run("giver", () => new RedisBroker(server.url, { namespace: "contexts", credentials }));
      const tasks = createClient<LooseTasks>(registry, { broker, log: quiet });
      onTestFinished(async () => {
        await tasks.client.close();
        await broker.close();
      });
      await store.run("first", () => tasks.submit.addition(1, 2));
      got([...seen].join(", "));
      expect([...seen]).toEqual(["giver"]);
    },
    60_000,
  );
});
