import { waitingClient } from "../../envelope.ts";
import { isTerminal } from "../../state.ts";
import {
  type DueSlot,
  farAheadMs,
  type Fired,
  type Firing,
  type Timetable,
  type TimetableEntry,
} from "../../timetable.ts";
import { headerOf, newCall, patch } from "./call.ts";
import type { Queue } from "./queue.ts";
import type { Store } from "./store.ts";

/** Where the memory broker keeps which slots were fired. */
export class MemoryTimetable implements Timetable {
  readonly #open: () => Store;

  /** @param open - the store, while its connection is open. */
  constructor(open: () => Store) {
    this.#open = open;
  }

  async read(name: string): Promise<{ now: number; entries: ReadonlyMap<string, TimetableEntry> }> {
    const store = this.#open();
    return { now: store.clock.now(), entries: new Map(store.queue(name).schedules) };
  }

  async fire(name: string, { task, next, due }: Firing): Promise<Fired> {
    const store = this.#open();
    const queue = store.queue(name);
    const now = store.clock.now();
    const entry = entryOf(queue, task, now);
    // A worker that looked before another one fired may be late with its word.
    queue.schedules.set(task, next === undefined || next > entry.last ? { ...entry, next } : entry);
    return due === undefined ? "told" : fireDue(queue, task, due, now);
  }

  async pause(name: string, task: string, paused: boolean): Promise<void> {
    const store = this.#open();
    const queue = store.queue(name);
    const now = store.clock.now();
    const entry = entryOf(queue, task, now);
    const last = entry.paused && !paused ? now : entry.last;
    queue.schedules.set(task, { ...entry, last, paused });
  }
}

function entryOf(queue: Queue, task: string, now: number): TimetableEntry {
  const entry = queue.schedules.get(task) ?? { last: now, next: undefined, call: undefined, paused: false };
  return entry.last > now + farAheadMs ? { ...entry, last: now } : entry;
}

function fireDue(queue: Queue, task: string, { slot, id, record, queuedAt, overlap }: DueSlot, now: number): Fired {
  const entry = entryOf(queue, task, now);
  if (slot > now) return "early";
  if (slot <= entry.last) return "passed";
  const judge = (outcome: Fired, call = entry.call): Fired => {
    queue.schedules.set(task, { ...entry, last: slot, call });
    return outcome;
  };
  if (entry.paused) return judge("paused");
  const before = entry.call === undefined ? undefined : queue.find(entry.call, now);
  if (overlap === "skip" && before !== undefined && !isTerminal(before.state)) return judge("skipped");
  if (queue.find(id, now) !== undefined) return judge("passed", id);
  const call = newCall(id, record, headerOf(record), waitingClient(record));
  queue.calls.set(id, call);
  queue.happened(queuedAt > now ? "delayed" : "queued", call);
  if (queuedAt > now) {
    patch(call, { state: "delayed" });
    queue.delay(call, "delayed", queuedAt);
  } else {
    queue.enqueue(call);
  }
  return judge("fired", id);
}
