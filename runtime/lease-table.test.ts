import { expect, test } from "vitest";
import { LeaseTable, tableLayout } from "./lease-table.ts";

const attempt = {
  queue: 3,
  id: "call-1",
  fence: 1_767_225_600_000_001,
  number: 2,
  begunAt: 0,
  limitMs: 1_000,
  limitedByCall: true,
  ttlMs: 60_000,
  retryMs: undefined,
};

/** A row of an attempt as another thread reads it. */
function read({ memory }: LeaseTable, row: number) {
  const view = new DataView(memory);
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  const { attempt: at } = tableLayout;
  const int = (offset: number) => view.getInt32(row + offset, littleEndian);
  const double = (offset: number) => view.getFloat64(row + offset, littleEndian);
  const characters = Array.from({ length: int(at.idLength) }, (_, index) =>
    view.getUint16(row + at.id + 2 * index, littleEndian),
  );
  return {
    used: (int(0) & 1) === 1,
    queue: int(at.queue),
    number: int(at.number),
    fence: double(at.fence),
    until: double(at.until),
    limitMs: double(at.limitMs),
    ttlMs: double(at.ttlMs),
    retryMs: double(at.retryMs),
    limitedByCall: int(at.limitedByCall),
    id: String.fromCharCode(...characters),
  };
}

test("a running attempt stands in its row, with the end of its time by the clock that threads share", () => {
  const table = new LeaseTable(2);
  const row = table.begin({ ...attempt, begunAt: performance.now() })!;
  const [seconds, nanoseconds] = process.hrtime();
  const { until, ...rest } = read(table, row);
  expect(rest).toEqual({
    used: true,
    queue: 3,
    number: 2,
    fence: attempt.fence,
    limitMs: 1_000,
    ttlMs: 60_000,
    retryMs: -1,
    limitedByCall: 1,
    id: "call-1",
  });
  const leftMs = until - (seconds * 1e3 + nanoseconds / 1e6);
  expect(leftMs).toBeGreaterThan(900);
  expect(leftMs).toBeLessThanOrEqual(1_000);
  table.end(row);
  expect(read(table, row).used).toBe(false);
});

test("a row that is used again is in another state than before", () => {
  const table = new LeaseTable(1);
  const states = [1, 2].map(() => {
    const row = table.begin(attempt)!;
    const state = new Int32Array(table.memory)[row >> 2];
    table.end(row);
    return state;
  });
  expect(states).toEqual([1, 3]);
});

test("each attempt and each lease has a row of its own, and none where there is no room", () => {
  const table = new LeaseTable(2);
  const [a, b] = [table.begin(attempt)!, table.begin({ ...attempt, id: "b" })!];
  expect(table.begin(attempt)).toBeUndefined();
  const held = Array.from({ length: table.leases }, (_, fence) => table.hold(0, fence)!);
  expect(table.hold(0, 99)).toBeUndefined();
  expect(new Set([a, b, ...held]).size).toBe(2 + table.leases);
  expect([read(table, a).id, read(table, b).id]).toEqual(["call-1", "b"]);
  table.end(a);
  table.drop(held[0]);
  table.end(undefined);
  table.drop(undefined);
  expect([table.begin(attempt), table.hold(0, 99)]).toEqual([a, held[0]]);
});

test("an id of any characters fits up to the longest that the protocol allows", () => {
  const table = new LeaseTable(1);
  const id = "ü🌹".repeat(42);
  expect(id.length).toBe(126);
  const row = table.begin({ ...attempt, id })!;
  expect(read(table, row).id).toBe(id);
  table.end(row);
  expect(table.begin({ ...attempt, id: "x".repeat(129) })).toBeUndefined();
  expect(table.begin(attempt)).toBe(row);
});
