import { describeError } from "./describe-error.ts";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import * as z from "zod";
import type { Report } from "./broker.ts";
import { task } from "./contract.ts";
import { Dependencies } from "./dependencies.ts";
import { writeRequest } from "./envelope.ts";
import { Executions } from "./executions.ts";
import { emptyHeader, type Header } from "./header.ts";
import { boundTasks, implement } from "./implementation.ts";
import { Leases } from "./leases.ts";
import { streamLogger } from "./log.ts";
import { contractOf } from "./registry.ts";

const quiet = streamLogger("silent");
const declared = { echo: task({ params: { n: z.number() }, result: z.number() }) };

/** Executions of `echo`, which tells what it is called with. */
function setUp(echo: (n: number) => void = () => {}, freed: () => void = () => {}) {
  const ran: number[] = [];
  const reports: string[] = [];
  const implementation = implement(contractOf("lab", declared, ["echo"]), {
    echo: ({ n }: { n: number }) => {
      ran.push(n);
      echo(n);
      return n;
    },
  });
  const beat = { leaseMs: 15_000, presenceMs: 5_000, intervalMs: 1_000 };
  const leases = new Leases({ keepers: undefined, slots: 200, worker: "w", queues: [], log: quiet, ...beat });
  const executions: Executions = new Executions({
    worker: "w",
    tasks: boundTasks([implementation]),
    dependencies: new Dependencies(quiet),
    hooks: undefined,
    describe: describeError,
    maxResultBytes: 1_000_000,
    maxParamsBytes: 1_000_000,
    log: quiet,
    leases,
    report: (_queue: string, report: Report) => void reports.push(`${report.kind} ${report.id}`),
    locks: { take: () => Promise.reject(new Error("it has none")) },
    tasksFor: () => ({}),
    slots: 200,
    freed,
  });
  const claim = (count: number, fence = 7, at?: number, header = emptyHeader) =>
    executions.begin([
      {
        queue: "lab",
        fence,
        now: 0,
        at,
        calls: Array.from({ length: count }, (_, n) => ({
          id: `${n}`,
          record: writeRequest(header, { task: "lab.echo", params: { n } }),
          suspect: false,
        })),
      },
    ]);
  return { ran, reports, executions, leases, claim };
}

test("few calls run at once", () => {
  const { ran, claim } = setUp();
  claim(49);
  expect(ran).toHaveLength(49);
});

test("many calls run fifty at a time, in the turns after their claim, in their order", async () => {
  const { ran, executions, claim } = setUp();
  claim(120);
  expect(ran).toHaveLength(0);
  expect(executions.free).toEqual({ any: 80, nested: 80 });
  await turn();
  expect(ran).toHaveLength(50);
  expect(executions.free).toEqual({ any: 130, nested: 130 });
  await turn();
  await turn();
  expect(ran).toEqual(Array.from({ length: 120 }, (_, n) => n));
  expect(executions.free).toEqual({ any: 200, nested: 200 });
});

test("what has not begun when the worker stops is given back", async () => {
  const { ran, reports, executions, claim } = setUp();
  claim(120);
  await turn();
  await executions.done();
  await turn();
  expect(ran).toHaveLength(50);
  expect(reports.filter((report) => report.startsWith("release"))).toEqual(
    Array.from({ length: 70 }, (_, n) => `release ${n + 50}`),
  );
});

test("what others have ended before it begins never does", async () => {
  const { ran, executions, claim } = setUp();
  claim(60);
  executions.canceled("lab", "55", 7);
  executions.canceled("lab", "56", 8);
  claim(60, 9);
  executions.lost("lab", 9);
  await turn();
  await turn();
  expect(ran).not.toContain(55);
  expect(ran).toHaveLength(59);
});

test("what is dropped before it begins frees its slots, and says so", async () => {
  const free: number[] = [];
  const { executions, claim } = setUp(undefined, () => free.push(executions.free.any));
  claim(60);
  executions.canceled("lab", "55", 7);
  expect(free).toEqual([141]);
  executions.lost("lab", 7);
  expect(free).toEqual([141, 200]);
});

test("a call whose lease may be past is given back unrun, unless a beat has kept it", () => {
  const { ran, reports, leases, claim } = setUp();
  claim(2, 7, performance.now() - 15_000);
  expect([ran, reports]).toEqual([[], ["release 0", "release 1"]]);
  claim(1, 8, performance.now() - 14_000);
  expect(ran).toEqual([0]);
  const before = reports.length;
  leases.kept("lab", [9], performance.now());
  claim(1, 9, performance.now() - 15_001);
  expect(reports.slice(before)).toEqual(["release 0"]);
});

test("of calls that wait here for longer than their lease, those begin whose beats were answered", async () => {
  for (const isKept of [true, false]) {
    const { ran, leases, claim } = setUp();
    claim(60, 7, performance.now() - 14_900);
    const until = performance.now() + 150;
    while (performance.now() < until);
    if (isKept) leases.kept("lab", [7], performance.now());
    await turn();
    await turn();
    expect(ran).toHaveLength(isKept ? 60 : 0);
  }
});

test("a call whose deadline may be past is given back unrun; one that nobody awaits, only before its first start", () => {
  const late = () => performance.now() - 5_000;
  const verdictOf = (header: Partial<Header>): string => {
    const { ran, reports, claim } = setUp();
    claim(1, 7, late(), { ...emptyHeader, deadline: 4_000, ...header });
    return ran.length === 0 ? reports.join() : "begun";
  };
  expect(verdictOf({ awaited: true })).toBe("release 0");
  expect(verdictOf({ awaited: true, attempt: 1 })).toBe("release 0");
  expect(verdictOf({})).toBe("release 0");
  for (const begun of [{ attempt: 1 }, { deaths: 1 }, { awaited: true, deadline: 6_000 }, { deadline: 0 }])
    expect(verdictOf(begun)).toBe("begun");
});

test("a call whose cancel was heard before its claim's reply never begins", () => {
  const { ran, reports, executions, leases, claim } = setUp();
  executions.canceled("lab", "1", 7);
  executions.canceled("lab", "2", 6);
  executions.canceled("other", "2", 7);
  claim(3);
  expect(ran).toEqual([0, 2]);
  expect(reports).toEqual(["finish 0", "finish 2"]);
  expect(leases.fences("lab")).toEqual([7]);
  claim(2);
  expect(ran).toEqual([0, 2, 0, 1]);
});
