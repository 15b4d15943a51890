import { expect, test } from "vitest";
import type { Report } from "./broker.ts";
import { Leases } from "./leases.ts";
import { streamLogger } from "./log.ts";

function batch(queue: string, fence: number, size: number) {
  const calls = Array.from({ length: size }, (_, index) => ({
    id: `c${index}`,
    record: new Uint8Array(),
    suspect: false,
  }));
  return { queue, fence, now: 0, calls };
}

const settings = {
  keepers: undefined,
  slots: 1,
  worker: "w",
  queues: ["q", "p"].map((name) => ({ name, tasks: [] })),
  presenceMs: 5_000,
  leaseMs: 1_000,
  intervalMs: 300,
  log: streamLogger("silent"),
};

function finish(fence: number): Report {
  return { kind: "finish", id: "c", fence, record: new Uint8Array(), ttlMs: 1 };
}

test("a claim is held until the last of its calls is told of or dropped", () => {
  const leases = new Leases(settings);
  leases.claimed(batch("q", 1, 3));
  leases.claimed(batch("q", 2, 1));
  leases.settled("q", [finish(1), finish(2)]);
  expect(leases.fences("q")).toEqual([1]);
  leases.dropped("q", 1);
  expect(leases.fences("q")).toEqual([1]);
  leases.settled("q", [finish(1)]);
  expect(leases.fences("q")).toEqual([]);
});

test("progress ends nothing", () => {
  const leases = new Leases(settings);
  leases.claimed(batch("q", 1, 1));
  leases.settled("q", [{ kind: "progress", id: "c", fence: 1, value: new Uint8Array() }]);
  expect(leases.fences("q")).toEqual([1]);
});

test("a lost claim is held no more, whatever is said of its calls afterwards", () => {
  const leases = new Leases(settings);
  leases.claimed(batch("q", 1, 2));
  leases.lost("q", 1);
  expect(leases.fences("q")).toEqual([]);
  leases.dropped("q", 1);
  leases.settled("q", [finish(1)]);
  expect(leases.fences("q")).toEqual([]);
});

test("queues have fences of their own", () => {
  const leases = new Leases(settings);
  leases.claimed(batch("q", 1, 1));
  leases.claimed(batch("p", 1, 1));
  leases.dropped("q", 1);
  expect([leases.fences("q"), leases.fences("p"), leases.fences("none")]).toEqual([[], [1], []]);
});

test("a keeper is started with the first claim, and none with one that comes after the end", async () => {
  const started: string[] = [];
  const keepers = {
    start: ({ worker }: { readonly worker: string }) => {
      started.push(worker);
      return { stop: () => Promise.resolve() };
    },
  };
  const busy = new Leases({ ...settings, keepers, worker: "busy" });
  busy.claimed(batch("q", 1, 1));
  busy.claimed(batch("q", 2, 1));
  const idle = new Leases({ ...settings, keepers, worker: "idle" });
  await idle.stop();
  idle.claimed(batch("q", 3, 1));
  expect(started).toEqual(["busy"]);
});
