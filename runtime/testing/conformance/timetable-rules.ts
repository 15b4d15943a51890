import { writeRequest } from "../../envelope.ts";
import { newHeader, readHeader } from "../../header.ts";
import type { DueSlot, Fired, Timetable } from "../../timetable.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { ids, queue } from "./lab.ts";

const task = "q.task";
const minute = 60_000;

/** What is kept of schedules, and how slots become calls. */
export function timetableRules({ lab, rule }: Chapter): void {
  const timetable = (): Timetable => lab().broker.timetable!;
  const now = async (): Promise<number> => (await timetable().read(queue)).now;
  const entry = async () => (await timetable().read(queue)).entries.get(task);
  const idOf = (slot: number) => `${task}@${slot}`;

  const dueSlot = (slot: number, due: Partial<DueSlot> = {}): DueSlot => {
    const record = writeRequest(newHeader({ priority: "high" }), { task, params: { slot } });
    return { slot, id: idOf(slot), record, queuedAt: slot, overlap: "allow", ...due };
  };
  const fire = (slot: number, due: Partial<DueSlot> = {}): Promise<Fired> =>
    timetable().fire(queue, { task, next: slot + minute, due: dueSlot(slot, due) });

  /** Tells of the schedule, and lets some time pass. @returns now, a whole number of ms. */
  const begin = async (ms = 10 * minute): Promise<number> => {
    await timetable().fire(queue, { task, next: undefined });
    await lab().advance(ms);
    return Math.floor(await now());
  };

  rule.timed("a schedule that is told of begins then, once, and holds what was told last", async () => {
    expect((await timetable().read(queue)).entries).toEqual(new Map());
    const before = Math.floor(await now());
    expect(await timetable().fire(queue, { task, next: before + minute })).toBe("told");
    const { last, ...rest } = (await entry())!;
    expect(last).toBeGreaterThanOrEqual(before);
    expect(rest).toEqual({ next: before + minute, call: undefined, paused: false });
    await lab().advance(minute);
    await timetable().fire(queue, { task, next: before + 2 * minute });
    await timetable().fire(queue, { task: "q.other", next: undefined });
    expect(await entry()).toEqual({ ...rest, last, next: before + 2 * minute });
    await timetable().fire(queue, { task, next: undefined });
    expect((await entry())!.next).toBeUndefined();
    expect((await timetable().read("elsewhere")).entries.size).toBe(0);
  });

  rule.timed("a slot's call that bears the keys of its limits is judged by them from its first claim on", async () => {
    const slot = await begin();
    const limits = [{ task, maxConcurrency: 1, rate: undefined }];
    const queues = [{ name: queue, tasks: [task], limits }];
    const record = writeRequest(newHeader({ limitKeys: "0000000000000000" }), { task, params: {} });
    expect(await fire(slot - 1, { record })).toBe("fired");
    expect(await fire(slot, { record })).toBe("fired");
    const first = await lab().claimOne({ queues });
    expect(await lab().claim({ queues })).toEqual([]);
    await lab().finish(first);
    expect(ids(await lab().claim({ queues }))).toEqual([idOf(slot)]);
  });

  rule.timed("a slot's call is stored and queued by its priority, and wakes a worker that waits", async () => {
    const slot = await begin();
    await lab().submit("waits");
    await lab().claimOne();
    const waiting = lab().claim({ waitMs: 30_000 });
    expect(await fire(slot)).toBe("fired");
    const [claimed] = await waiting;
    expect(claimed).toMatchObject({ id: idOf(slot), suspect: false });
    expect(readHeader(claimed!.record)).toMatchObject({ state: "queued", priority: "high", attempt: 0, deadline: 0 });
    expect(await entry()).toEqual({ last: slot, next: slot + minute, call: idOf(slot), paused: false });
    await lab().finish(claimed!);
    expect(await lab().state(idOf(slot))).toBe("succeeded");
  });

  rule.timed("of many who fire a slot, at a time or after one another, one does", async () => {
    const slot = await begin();
    const brokers = await Promise.all(Array.from({ length: 4 }, () => lab().connect()));
    const due = { task, next: undefined, due: dueSlot(slot) };
    const outcomes = await Promise.all(brokers.map((broker) => broker.timetable!.fire(queue, due)));
    expect([...outcomes].sort()).toEqual(["fired", "passed", "passed", "passed"]);
    await lab().finish(await lab().claimOne(), "done", 1_000);
    await lab().advance(minute);
    expect(await lab().state(idOf(slot))).toBe("gone");
    expect(await fire(slot)).toBe("passed");
    expect(await fire(slot - minute)).toBe("passed");
    expect(await lab().claim()).toEqual([]);
  });

  rule.timed("slots before a schedule was told of have passed", async () => {
    const before = Math.floor(await now()) - minute;
    await begin();
    expect(await fire(before)).toBe("passed");
    expect(await lab().claim()).toEqual([]);
  });

  rule.timed("a slot that is not due by the broker's time is not fired, however late it is here", async () => {
    const slot = (await begin()) + minute;
    expect(await fire(slot)).toBe("early");
    expect(await lab().claim()).toEqual([]);
    await lab().advance(minute);
    expect(await fire(slot)).toBe("fired");
    expect(ids(await lab().claim())).toEqual([idOf(slot)]);
  });

  rule.timed("a call that is there under the slot's id is left alone", async () => {
    const slot = await begin();
    await lab().submit(idOf(slot), { params: { by: "hand" } });
    expect(await fire(slot)).toBe("passed");
    expect(ids(await lab().claim())).toEqual([idOf(slot)]);
    expect((await entry())!.last).toBe(slot);
  });

  rule.timed("a call may be held back beyond its slot", async () => {
    const slot = await begin();
    expect(await fire(slot, { queuedAt: slot + minute })).toBe("fired");
    expect(await lab().state(idOf(slot))).toBe("delayed");
    expect(await lab().claim()).toEqual([]);
    await lab().advance(minute + 1);
    expect(ids(await lab().claim())).toEqual([idOf(slot)]);
  });

  rule.timed(
    "where calls must not overlap, a slot is left out while the call before waits, runs or is to be repeated",
    async () => {
      const first = (await begin()) - 5 * minute;
      const skip = { overlap: "skip" } as const;
      expect(await fire(first, skip)).toBe("fired");
      expect(await fire(first + minute, skip)).toBe("skipped");
      const claimed = await lab().claimOne();
      expect(await fire(first + 2 * minute, skip)).toBe("skipped");
      await lab().retry(claimed, minute);
      expect(await fire(first + 3 * minute, skip)).toBe("skipped");
      expect(await entry()).toMatchObject({ last: first + 3 * minute, call: idOf(first) });
      await lab().broker.cancel(queue, idOf(first));
      expect(await fire(first + 4 * minute, skip)).toBe("fired");
      // What was left out does not come again.
      expect(await fire(first + 3 * minute, skip)).toBe("passed");
      expect(ids(await lab().claim())).toEqual([idOf(first + 4 * minute)]);
    },
  );

  rule.timed("where calls may overlap, each slot is fired", async () => {
    const first = (await begin()) - minute;
    expect([await fire(first), await fire(first + 1)]).toEqual(["fired", "fired"]);
    expect(await lab().claim()).toHaveLength(2);
  });

  rule.timed("the call before no longer counts when its record is gone", async () => {
    const slot = await begin();
    await fire(slot);
    await lab().finish(await lab().claimOne(), "done", 1_000);
    await lab().advance(minute);
    expect(await fire(slot + minute, { overlap: "skip" })).toBe("fired");
  });

  rule.timed("a paused schedule lets its slots pass, and goes on with those after it was resumed", async () => {
    const slot = await begin();
    await timetable().pause(queue, task, true);
    await timetable().pause(queue, task, true);
    expect((await entry())!.paused).toBe(true);
    expect(await fire(slot - 1)).toBe("paused");
    expect(await fire(slot - 1)).toBe("passed");
    await timetable().pause(queue, task, false);
    const resumed = (await entry())!;
    expect(resumed).toMatchObject({ paused: false });
    expect(resumed.last).toBeGreaterThanOrEqual(slot);
    expect(await fire(slot)).toBe("passed");
    await lab().advance(minute);
    await timetable().pause(queue, task, false);
    expect((await entry())!.last).toBe(resumed.last);
    expect(await fire(slot + minute)).toBe("fired");
  });

  rule.timed("one that nobody has told of yet can be paused", async () => {
    await timetable().pause(queue, task, true);
    expect(await fire(await begin())).toBe("paused");
    expect(await lab().claim()).toEqual([]);
  });

  rule.timed("a worker that looked before another one fired does not put the next slot back", async () => {
    const slot = await begin();
    await fire(slot);
    await timetable().fire(queue, { task, next: slot });
    expect((await entry())!.next).toBe(slot + minute);
  });

  rule.timed("a clock that is set back makes no slot come twice", async () => {
    const slot = await begin();
    await fire(slot);
    await lab().finish(await lab().claimOne(), "done", 1);
    await lab().advance(-5 * minute);
    expect(await fire(slot - 6 * minute)).toBe("passed");
    expect(await fire(slot)).toBe("early");
    await lab().advance(5 * minute);
    expect(await fire(slot)).toBe("passed");
    expect(await fire(slot + 1, { slot: slot - 1 })).toBe("passed");
    expect(await lab().claim()).toEqual([]);
  });

  rule.timed("a slot that was fired as the clock was days ahead does not keep later ones from it", async () => {
    const slot = await begin();
    await lab().advance(3 * 86_400_000);
    expect(await fire(slot + 3 * 86_400_000)).toBe("fired");
    await lab().advance(-3 * 86_400_000);
    await timetable().fire(queue, { task, next: undefined });
    expect(await fire(slot)).toBe("passed");
    await lab().advance(minute);
    expect(await fire(slot + minute)).toBe("fired");
  });
}
