import { expect, it, onTestFinished } from "vitest";
import { createWorker, type Implementation, type Logger, type Open, type Opening } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import { type CallLab, quiet } from "./lab.ts";
import * as declared from "./lab-contract.ts";

interface Context {
  readonly dependencies: { readonly name: string };
}

/** A contract of one task, whose handler answers with what it depends on. */
function dependent(
  open: Open<{ readonly name: string }>,
  act: (value: string) => Promise<unknown> = async () => undefined,
): Implementation {
  const handlers = {
    anything: async ({ value }: { value: string }, { dependencies }: Context) =>
      (await act(value)) ?? `${value} with ${dependencies.name}`,
  };
  return implement(contractOf("lab", declared, ["anything"]), handlers, undefined, { dependencies: open });
}

/** Another contract on the same dependencies, with a handler that is synchronous. */
function beside(open: Open<{ readonly name: string }>): Implementation {
  const elsewhere = (_: unknown, { dependencies }: Context) => dependencies.name;
  return implement(contractOf("lab", declared, ["elsewhere"]), { elsewhere }, undefined, { dependencies: open });
}

/** Opens a pool and then a cache, and says so. */
class Stores {
  readonly events: string[] = [];
  /** What the next opening throws, behind the pool. */
  failsWith: Error | undefined;
  readonly open = async ({ onClose }: Opening): Promise<{ readonly name: string }> => {
    this.events.push("open pool");
    onClose(() => void this.events.push("close pool"));
    await Promise.resolve();
    if (this.failsWith !== undefined) throw this.failsWith;
    this.events.push("open cache");
    onClose(async () => {
      await Promise.resolve();
      this.events.push("close cache");
    });
    return { name: "stores" };
  };
}

const opened = ["open pool", "open cache"];
const closed = [...opened, "close cache", "close pool"];

/** A logger that keeps its messages. */
function kept(): { readonly messages: string[]; readonly log: Logger } {
  const messages: string[] = [];
  const line = (_: object, message: string) => void messages.push(message);
  return { messages, log: { ...quiet, warn: line, error: line } };
}

/** What handlers depend on. */
export function dependencyRules(lab: () => CallLab): void {
  it("a worker opens them before its first claim, and closes them when it stops, the last first", async () => {
    const it = lab();
    const stores = new Stores();
    const worker = await it.worker({ implementations: [dependent(stores.open)] });
    expect(stores.events).toEqual(opened);
    await expect(it.client().anything("x")).resolves.toBe("x with stores");
    await worker.stop();
    expect(stores.events).toEqual(closed);
  });

  it("they are open once for all workers, contracts and clients of the process that name them", async () => {
    const it = lab();
    const stores = new Stores();
    const implementations = [dependent(stores.open), beside(stores.open)];
    const first = await it.worker({ implementations });
    const second = await it.worker({ implementations });
    const tasks = it.client({ implementations });
    await expect(tasks.anything("x")).resolves.toBe("x with stores");
    await expect(tasks.elsewhere("x")).resolves.toBe("stores");
    await first.stop();
    await second.stop();
    expect(stores.events).toEqual(opened);
    await tasks.client.close();
    expect(stores.events).toEqual(closed);
    await it.worker({ implementations });
    expect(stores.events).toEqual([...closed, ...opened]);
  });

  it("a worker whose dependencies can't be opened closes those that were, says why, and claims nothing", async () => {
    const it = lab();
    const stores = new Stores();
    stores.failsWith = new Error("no cache at cache:11211");
    const handle = await it.client().submit.anything("x");
    const worker = createWorker({
      broker: it.broker(),
      implementations: [dependent(stores.open)],
      log: quiet,
      handleSignals: false,
    });
    await expect(worker.run()).rejects.toMatchObject({
      code: "unavailable",
      reason: 'the dependencies of "lab" could not be opened: no cache at cache:11211',
      cause: stores.failsWith,
    });
    expect(stores.events).toEqual(["open pool", "close pool"]);
    await expect(handle.status()).resolves.toMatchObject({ state: "queued", attempt: 0 });
    stores.failsWith = undefined;
    await it.worker({ implementations: [dependent(stores.open)] });
    await expect(handle.result()).resolves.toBe("x with stores");
  });

  it("a client opens them at its first local run, once for all calls", async () => {
    const it = lab();
    const stores = new Stores();
    const tasks = it.client({ implementations: [dependent(stores.open), beside(stores.open)] });
    expect(stores.events).toEqual([]);
    const local = tasks.with({ policy: "local-only" });
    await expect(Promise.all([local.elsewhere("x"), local.elsewhere("y")])).resolves.toEqual(["stores", "stores"]);
    expect(stores.events).toEqual(opened);
    await tasks.client.close();
    expect(stores.events).toEqual(closed);
  });

  it("a local run that can't open them is unavailable, and the next one tries again", async () => {
    const it = lab();
    const stores = new Stores();
    const tasks = it.client({ implementations: [dependent(stores.open)] }).with({ policy: "local-only" });
    stores.failsWith = new Error("not yet");
    await expect(tasks.anything("x")).rejects.toMatchObject({
      code: "unavailable",
      task: "lab.anything",
      reason: 'the dependencies of "lab" could not be opened: not yet',
    });
    stores.failsWith = undefined;
    await expect(tasks.anything("x")).resolves.toBe("x with stores");
  });

  it("opening them takes a local run's own time, and ends with its signal", async () => {
    const it = lab();
    let go!: () => void;
    const slow = () => new Promise<{ name: string }>((resolve) => (go = () => resolve({ name: "slow" })));
    const tasks = it.client({ implementations: [dependent(slow)], localConcurrency: 2 });
    const late = tasks.with({ policy: "local-only", timeoutMs: 20 }).anything("x");
    const canceler = new AbortController();
    const canceled = tasks.with({ policy: "local-only", signal: canceler.signal }).anything("x");
    await expect(tasks.with({ policy: "local-only" }).anything("x")).rejects.toMatchObject({
      reason: expect.stringContaining("all local slots are taken"),
    });
    canceler.abort();
    await expect(canceled).rejects.toMatchObject({ code: "canceled" });
    await expect(late).rejects.toMatchObject({
      code: "deadline_exceeded",
      reason: "its dependencies were not open in time",
    });
    const cut = tasks.with({ policy: "local-only" }).anything("x");
    const closing = tasks.client.close();
    await expect(cut).rejects.toMatchObject({ code: "canceled" });
    go();
    await closing;
  });

  it("they stay open until the last handler has ended", async () => {
    const it = lab();
    const stores = new Stores();
    let begun!: () => void;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    let end!: () => void;
    const act = async (value: string) => {
      begun();
      await new Promise<void>((resolve) => (end = resolve));
      stores.events.push(`ended ${value}`);
    };
    const worker = await it.worker({ implementations: [dependent(stores.open, act)] });
    const handle = await it.client().submit.anything("x");
    await hasBegun;
    // Given back at once; its handler does not listen to its signal.
    const stopped = worker.stop(0);
    await expect.poll(async () => (await handle.status()).state).toBe("queued");
    end();
    await stopped;
    expect(stores.events).toEqual([...opened, "ended x", "close cache", "close pool"]);
  });

  it("what can't be closed is logged, and keeps nothing else open", async () => {
    const it = lab();
    const stores = new Stores();
    const open = async (opening: Opening) => {
      const held = await stores.open(opening);
      opening.onClose(() => {
        throw new Error("it is stuck");
      });
      return held;
    };
    const { messages, log } = kept();
    const tasks = it.client({ implementations: [dependent(open)], log });
    await tasks.anything("x");
    await tasks.client.close();
    expect(messages).toEqual(["a dependency could not be closed"]);
    expect(stores.events).toEqual(closed);
  });

  it("what does not close holds a worker no longer than its grace", async () => {
    const { messages, log } = kept();
    const open = ({ onClose }: Opening) => {
      onClose(() => new Promise(() => {}));
      return { name: "stuck" };
    };
    const listening = new Promise<void>((resolve) => {
      log.info = (_, message) => message === "listening" && resolve();
    });
    const worker = createWorker({ broker: "memory:", implementations: [dependent(open)], log, handleSignals: false });
    const running = worker.run();
    await listening;
    await worker.stop({ graceMs: 50 });
    await running;
    expect(messages).toEqual(["dependencies are left behind: a handler goes on, or one does not close"]);
  });

  it("a worker that is stopped while they open does not wait for them, and they are closed when they are open", async () => {
    const stores = new Stores();
    let go!: () => void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let asked!: () => void;
    const opening = new Promise<void>((resolve) => (asked = resolve));
    const open = async (scope: Opening) => {
      asked();
      await gate;
      return stores.open(scope);
    };
    const implementations = [dependent(open)];
    const worker = createWorker({ broker: "memory:", implementations, log: quiet, handleSignals: false });
    const running = worker.run();
    await opening;
    await worker.stop({ graceMs: 0 });
    await running;
    expect(stores.events).toEqual([]);
    go();
    await expect.poll(() => stores.events).toEqual(closed);
    onTestFinished(() => worker.stop());
  });

  it("a replay in this process opens them, too", async ({ skip }) => {
    const it = lab();
    skip(it.broker().operator === undefined, "its broker replays nothing");
    const stores = new Stores();
    const tasks = it.client({ implementations: [dependent(stores.open)] });
    const worker = await it.worker();
    const handle = await tasks.with({ keepRequest: true }).submit.anything("x");
    await expect(handle.result()).resolves.toBe("x");
    await worker.stop();
    await tasks.client.parked.replay("anything", handle.id, { local: true });
    await expect(handle.result()).resolves.toBe("x with stores");
    await tasks.client.close();
    expect(stores.events).toEqual(closed);
  });

  it("what is no function to open them is refused", () => {
    expect(() => dependent({ name: "x" } as never)).toThrow(/dependencies must be a function that opens them/);
  });
}
