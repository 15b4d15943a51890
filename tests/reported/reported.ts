import { type Broker } from "taskpact";
import { onTestFinished, test } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { CallLab } from "../calls/lab.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";

/** One line of the table that `npm run reported` prints. */
export interface ReportedRow {
  /** The row's number, such as `A1`. */
  readonly row: string;
  /** What is right, in a few words. */
  readonly right: string;
  /** The broker that the test ran on; undefined where it makes no difference. */
  readonly broker?: string | undefined;
  /** What the test saw. */
  got?: string;
}

declare module "vitest" {
  interface TaskMeta {
    reported?: ReportedRow;
  }
}

/** Says what the test saw, for the table: `got("0 of 60 unimplemented")`. */
export type Got = (what: string) => void;

/** A test of one reported fault. */
export function reported(
  row: string,
  right: string,
  run: (got: Got) => void | Promise<void>,
  timeoutMs?: number,
): void {
  define({ row, right }, run, timeoutMs);
}

/** A way to connect to a store of the test's own: a URL, or a fresh broker that whoever asks for it closes. */
export type Open = () => string | Broker;

/** The same test on the memory broker and on a real Redis. */
export function reportedOnBrokers(
  row: string,
  right: string,
  run: (given: {
    readonly lab: CallLab;
    readonly open: Open;
    readonly broker: "memory:" | "redis:";
    readonly got: Got;
  }) => void | Promise<void>,
  timeoutMs?: number,
): void {
  const on = (broker: "memory:" | "redis:", makeOpen: () => Open): void =>
    define(
      { row, right, broker },
      (got) => {
        const open = makeOpen();
        return run({ lab: new CallLab(open), open, broker, got });
      },
      timeoutMs,
    );
  on("memory:", () => {
    const url = `memory:reported-${count++}`;
    return () => url;
  });
  describeRedis("over a real Redis", () => on("redis:", openOnRedis));
}

/** A namespace of its own on the run's Redis, removed with the test. */
export function openOnRedis(): Open {
  const namespace = namespaceUntil(onTestFinished);
  return () => new RedisBroker(sharedRedisUrl(), { namespace });
}

let count = 0;

function define(line: ReportedRow, run: (got: Got) => void | Promise<void>, timeoutMs = 60_000): void {
  test(`${line.row}: ${line.right}`, { timeout: timeoutMs }, async ({ task }) => {
    const row = { ...line };
    task.meta.reported = row;
    await run((what) => {
      row.got = what;
    });
  });
}
