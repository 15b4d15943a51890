import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue, submission } from "./lab.ts";

/** Connections, and who listens. */
export function connectionRules({ lab, rule }: Chapter): void {
  rule("two connections share all there is", async () => {
    const other = await lab().connect();
    await lab().submit("a");
    const claimed = await lab().claim({}, other);
    expect(ids(claimed)).toEqual(["a"]);
    expect(await lab().finish(claimed[0]!)).toBe("accepted");
    expect((await other.read(queue, ["a"]))[0]?.state).toBe("succeeded");
  });

  rule("a closed connection's claims resolve empty, and what comes later is for others", async () => {
    const other = await lab().connect();
    const claim = lab().claim({ waitMs: 60_000 }, other);
    await lab().settled();
    await other.close();
    expect(await claim).toEqual([]);
    await lab().submit("a");
    expect(ids(await lab().claim())).toEqual(["a"]);
  });

  rule("a closed connection hears nothing more, and its calls and leases stay", async () => {
    const other = await lab().connect();
    const [closed, open] = [await lab().client("caller", other), await lab().client("caller")];
    await other.submit(queue, { calls: [submission("a", { to: "caller" }), submission("b")], acknowledged: [] });
    const [claimed] = await lab().claim({ limit: 1 }, other);
    await other.close();
    expect(await lab().state("a")).toBe("running");
    expect(await lab().state("b")).toBe("queued");
    expect(await lab().finish(claimed!)).toBe("accepted");
    await open.heard(1);
    await lab().settled();
    expect(closed.notices).toEqual([]);
  });

  rule("a closed connection rejects everything as unavailable, but may be closed again", async () => {
    const other = await lab().connect();
    await other.close();
    await other.close();
    const { signal } = new AbortController();
    const attempts: (() => Promise<unknown>)[] = [
      () => other.submit(queue, { calls: [submission("a")], acknowledged: [] }),
      () => other.claim({ worker: "w", queues: [], limit: 1, waitMs: 0, leaseMs: 1, suspect: false, signal }),
      () => other.finish(queue, [{ id: "a", fence: 1, kind: "release" }]),
      () => other.renew({ worker: "w", queues: [], leaseMs: 1, presenceMs: 1, maxDeliveries: 1, reap: false }),
      () => other.cancel(queue, "a"),
      () => other.revoke(queue, "a", "n"),
      () => other.read(queue, ["a"]),
      () => other.subscribe("client:c", () => undefined),
      () => other.presence(queue),
    ];
    for (const attempt of attempts)
      await expect(attempt()).rejects.toMatchObject({ name: "TaskError", code: "unavailable" });
    expect(await lab().state("a")).toBe("gone");
  });

  rule("presence tells who listens, to what, for as long as it beats", async () => {
    expect(await lab().broker.presence(queue)).toEqual([]);
    await lab().beat({ worker: "w1", tasks: ["q.a", "q.b"], presenceMs: 60_000 });
    await lab().beat({ worker: "w2", tasks: ["q.c"], presenceMs: 60_000 });
    await lab().beat({ worker: "w1", tasks: ["q.a"], presenceMs: 60_000 });
    const present = [...(await lab().broker.presence(queue))].sort((a, b) => (a.worker < b.worker ? -1 : 1));
    expect(present).toEqual([
      { worker: "w1", tasks: ["q.a"] },
      { worker: "w2", tasks: ["q.c"] },
    ]);
    expect(await lab().broker.presence("other")).toEqual([]);
  });

  rule.timed("a worker that says goodbye is gone at once; one that beats no more, after its time", async () => {
    await lab().beat({ worker: "w1", presenceMs: 60_000 });
    await lab().beat({ worker: "w2", presenceMs: 40 });
    await lab().beat({ worker: "w1", presenceMs: 0 });
    await lab().advance(41);
    await lab().eventually(async () => expect(await lab().broker.presence(queue)).toEqual([]));
  });

  rule("presence is one of each queue that a worker serves", async () => {
    const served = ["q1", "q2"].map((name) => ({ name, tasks: [`${name}.task`], fences: [] }));
    await lab().broker.renew({
      worker: "w",
      queues: served,
      leaseMs: 1_000,
      presenceMs: 60_000,
      maxDeliveries: 3,
      reap: true,
    });
    expect(await lab().broker.presence("q1")).toEqual([{ worker: "w", tasks: ["q1.task"] }]);
    expect(await lab().broker.presence("q2")).toEqual([{ worker: "w", tasks: ["q2.task"] }]);
  });

  rule("what workers tell of themselves is told to those who ask", async () => {
    const perSecond = { succeeded: 1, failed: 0, retried: 0.5 };
    const info = { host: "h", pid: 1, version: "1.0.0", uptimeMs: 5, concurrency: 10, running: 2, perSecond };
    const beat = { leaseMs: 1_000, presenceMs: 60_000, maxDeliveries: 3, reap: false };
    const queues = [{ name: queue, tasks: ["q.task"], fences: [], info }];
    await lab().broker.renew({ worker: "w", queues, ...beat });
    expect(await lab().broker.presence(queue)).toEqual([{ worker: "w", tasks: ["q.task"], info }]);
  });
}
