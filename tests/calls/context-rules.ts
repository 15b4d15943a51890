import { AsyncLocalStorage } from "node:async_hooks";
import { expect, it, onTestFinished } from "vitest";
import type { Hook, Logger } from "taskpact";
import { implement } from "taskpact/codegen";
import { type CallLab, labContract, quiet, registry } from "./lab.ts";

const store = new AsyncLocalStorage<string>();

/** In which context each callback runs: that of whoever gave it, though others' calls came first. */
export function contextRules(lab: () => CallLab): void {
  it("each callback runs in the context of whoever gave it", { timeout: 60_000 }, async ({ skip }) => {
    const it = lab();
    skip(it.broker().operator === undefined, "its broker has no events");
    const seen: Record<string, Set<string | undefined>> = {};
    const see = (callback: string): void => void (seen[callback] ??= new Set()).add(store.getStore());
    const hook = (side: string): Hook => ({
      attempt: (_, next) => (see(`${side} attempt hook`), next()),
      submit: (_, next) => (see(`${side} submit hook`), next()),
      reply: (_, next) => (see(`${side} reply hook`), next()),
    });
    const log = (side: string): Logger => ({ ...quiet, warn: () => see(`${side} log`) });
    const implementation = store.run("implementation", () =>
      implement(
        labContract,
        Object.fromEntries(
          it.implementation("here").tasks.map(({ declaration, handler }) => [declaration.shortName, handler]),
        ),
        registry,
        {
          dependencies: ({ onClose }) => {
            see("open");
            onClose(() => see("close"));
          },
        },
      ),
    );
    it.acts["waits"] = async ({ signal, progress }) => {
      see("handler");
      progress(1);
      await new Promise((resolve) => signal.addEventListener("abort", () => (see("abort listener"), resolve(1))));
    };
    const worker = await store.run("worker", () => it.worker({ hooks: [hook("worker")], log: log("worker") }));
    const tasks = store.run("client", () =>
      it.client({ implementations: [implementation], hooks: [hook("client")], log: log("client") }),
    );
    const remote = tasks.with({ policy: "remote-only" });
    // Whoever comes first opens connections, channels and timers for all.
    await store.run("first", async () => {
      await remote.addition(1, 2);
      await tasks.addition(1, 2);
      const handle = await remote.submit.addition(1, 2);
      await handle.result();
    });
    const events = (tasks.client as unknown as { events: { on: (...args: unknown[]) => Promise<unknown> } }).events;
    await store.run("listener", () => events.on(["started", "failed", "canceled"], () => see("events.on")));
    const listening = store.run("progress", () =>
      remote.with({
        timeoutMs: 60_000,
        onProgress: () => {
          see("onProgress");
          throw new Error("it is logged");
        },
      }),
    );
    const signal = new AbortController();
    const call = store.run("second", () => listening.with({ signal: signal.signal }).safe.acting("waits"));
    await expect.poll(() => seen["onProgress"]?.size, { timeout: 10_000 }).toBe(1);
    signal.abort();
    await call;
    await expect.poll(() => seen["abort listener"]?.size, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => seen["events.on"]?.size, { timeout: 10_000 }).toBe(1);
    await worker.stop();
    await store.run("last", () => tasks.client.close());
    const contexts = Object.fromEntries(Object.entries(seen).map(([name, all]) => [name, [...all]]));
    expect(contexts).toEqual({
      // A client's hooks are around a call, in its caller's context; so is a handler that runs in this process.
      "client attempt hook": ["first"],
      "client submit hook": ["first", "second"],
      "client reply hook": ["first", "second"],
      "client log": ["client"],
      "worker attempt hook": ["worker"],
      handler: ["worker"],
      "abort listener": ["worker"],
      open: ["implementation"],
      close: ["implementation"],
      onProgress: ["progress"],
      "events.on": ["listener"],
    });
  });

  it("an iterator gives its values in the context of whoever asks", { timeout: 60_000 }, async () => {
    const it = lab();
    await it.worker();
    const tasks = it.client();
    await store.run("first", () => tasks.addition(1, 2));
    await store.run("second", async () => {
      const handle = await tasks.submit.steps(1, "x");
      for await (const value of handle.progress()) {
        expect(value).toEqual({ step: 1 });
        expect(store.getStore()).toBe("second");
        break;
      }
      it.release("x");
      await handle.result();
    });
  });

  it("calls on one signal are silent, however many, and leave nothing on it", { timeout: 60_000 }, async () => {
    const it = lab();
    const warnings: string[] = [];
    const warned = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", warned);
    onTestFinished(() => void process.off("warning", warned));
    const worker = await it.worker();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
    const tasks = it.client({ implementations: [it.implementation("here")] }).with({ signal });
    const calls = [];
    for (let call = 0; call < 30; call++) {
      calls.push(tasks.with({ policy: "local-only" }).held("x"), tasks.with({ policy: "remote-only" }).held("x"));
      calls.push(tasks.submit.held("x").then((handle) => handle.result({ signal })));
    }
    await it.begun("x");
    await new Promise((resolve) => setImmediate(resolve));
    expect(listeners).toBeLessThan(10);
    it.release("x");
    await Promise.all(calls);
    expect(listeners).toBe(0);
    await worker.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });
}
