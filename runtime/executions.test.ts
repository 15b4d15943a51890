import { describeError } from "./describe-error.ts";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import * as z from "zod";
import type { Report } from "./broker.ts";
import { task } from "./contract.ts";
import { Dependencies } from "./dependencies.ts";
import { writeRequest } from "./envelope.ts";
import { Executions } from "./executions.ts";
import { emptyHeader } from "./header.ts";
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
    log: quiet,
    leases,
    report: (_queue: string, report: Report) => void reports.push(`${report.kind} ${report.id}`),
    locks: { take: () => Promise.reject(new Error("it has none")) },
    tasksFor: () => ({}),
    slots: 200,
    freed,
  });
  const claim = (count: number, fence = 7) =>
    executions.begin([
      {
        queue: "lab",
        fence,
        now: 0,
        calls: Array.from({ length: count }, (_, n) => ({
          id: `${n}`,
          record: writeRequest(emptyHeader, { task: "lab.echo", params: { n } }),
          suspect: false,
        })),
      },
    ]);
  return { ran, reports, executions, claim };
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
