import type { HeardEvent, Notice } from "../../broker.ts";
import { encode } from "../../codec.ts";
import { readHeader } from "../../header.ts";
import { keptRequest, nextGeneration } from "../../envelope.ts";
import { eventsChannel } from "../../keys.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { Inbox, type Lab, queue, reply, submission } from "./lab.ts";

export function eventRules({ lab, rule }: Chapter): void {
  async function listen(): Promise<Ear> {
    const inbox = await Inbox.open(lab(), await lab().connect(), eventsChannel(queue));
    await lab().broker.operator!.listen(queue, 60_000);
    // Those who have looked before look again.
    await lab().advance(1_000);
    await lab().eventually(async () => {
      await lab().beat({ worker: "probe", presenceMs: 0 });
      await lab().beat({ worker: "probe" });
      await lab().settled();
      if (!inbox.notices.some(isEvent)) throw new Error("not heard yet");
    });
    await lab().beat({ worker: "probe", presenceMs: 0 });
    await lab().settled();
    inbox.notices.length = 0;
    return new Ear(lab(), inbox);
  }

  rule.timed("a call's way is told in its order", async () => {
    const ear = await listen();
    await lab().submit("a");
    const first = await lab().claimOne();
    await lab().report(first, { kind: "progress", value: encode(7) });
    await lab().retry(first);
    await lab().advance(1);
    const second = await lab().claimOne();
    await lab().finish(second);
    const told = await ear.heard(6);
    expect(told.map(({ name, id, task, attempt, worker }) => [name, id, task, attempt, worker])).toEqual([
      ["queued", "a", "q.task", 0, ""],
      ["started", "a", "q.task", 1, "w"],
      ["progress", "a", "q.task", 1, ""],
      ["retrying", "a", "q.task", 1, ""],
      ["started", "a", "q.task", 2, "w"],
      ["succeeded", "a", "q.task", 1, ""],
    ]);
    expect(told.map(({ bytes }) => bytes?.length ?? 0)).toEqual([0, 0, encode(7).length, expect.any(Number), 0, 0]);
    for (const [at, { at: time }] of told.entries()) expect(time).toBeGreaterThanOrEqual(told[Math.max(0, at - 1)]!.at);
  });

  rule.timed("other ends are told by their states, and errors with what they say", async () => {
    const ear = await listen();
    await lab().submitAll([
      submission("failed"),
      submission("parked"),
      submission("canceled"),
      submission("revoked"),
      submission("late", { header: { deadline: 100 } }),
      submission("later", { delayMs: 60_000 }),
    ]);
    await lab().submitAll([submission("failed")]);
    await lab().broker.cancel(queue, "canceled");
    await lab().broker.revoke(queue, "revoked", "n");
    await lab().advance(101);
    const [failed, parked] = await lab().claim();
    const fails = reply("no", { state: "failed", attempt: 1 });
    await lab().report(failed!, { kind: "finish", record: fails, ttlMs: 60_000 });
    await lab().report(parked!, { kind: "park", record: reply("no", { state: "parked" }), ttlMs: 60_000 });
    const told = await ear.heard(13);
    const ends = told.filter(({ name }) => name !== "queued" && name !== "started");
    expect(ends.map(({ name, id }) => `${name} ${id}`).toSorted()).toEqual([
      "canceled canceled",
      "canceled revoked",
      "delayed later",
      "expired late",
      "failed failed",
      "parked parked",
    ]);
    const error = ends.find(({ name }) => name === "failed");
    expect(readHeader(error!.bytes!)?.state).toBe("failed");
  });

  rule.timed("what workers that die leave behind is told, and so are replays", async () => {
    const ear = await listen();
    await lab().submit("a");
    await lab().dieWith();
    await lab().dieWith({ suspect: true }, 2);
    const stored = await lab().read("a");
    const next = nextGeneration(keptRequest(stored!.record)!, readHeader(stored!.record)!);
    await lab().broker.operator!.replay(queue, "a", { record: next! });
    // The worker that took it back came, too.
    const told = (await ear.heard(7)).filter(({ id }) => id === "a");
    expect(told.map(({ name, worker }) => [name, worker])).toEqual([
      ["queued", ""],
      ["started", "dying"],
      ["reclaimed", "dying"],
      ["started", "dying"],
      ["parked", ""],
      ["replayed", ""],
    ]);
  });

  rule.timed("workers that come, leave and die are told", async () => {
    const ear = await listen();
    await lab().beat({ worker: "a" });
    await lab().beat({ worker: "a" });
    await lab().beat({ worker: "b", presenceMs: 1_000 });
    await lab().beat({ worker: "a", presenceMs: 0 });
    await lab().advance(1_001);
    await lab().beat({ worker: "c" });
    const told = await ear.heard(5);
    expect(told.map(({ name, worker }) => `${name} ${worker}`).toSorted()).toEqual([
      "workerDown a",
      "workerDown b",
      "workerUp a",
      "workerUp b",
      "workerUp c",
    ]);
  });

  rule.timed("what is large is not in an event", async () => {
    const ear = await listen();
    await lab().submit("a");
    const claimed = await lab().claimOne();
    const record = reply("x".repeat(9_000), { state: "failed" });
    await lab().report(claimed, { kind: "finish", record, ttlMs: 60_000 });
    const told = await ear.heard(3);
    expect(told.at(-1)).toMatchObject({ name: "failed", id: "a", bytes: undefined });
  });
}

function isEvent(notice: Notice): notice is HeardEvent {
  return notice.kind === "event";
}

/** What is heard of a queue. */
class Ear {
  readonly #lab: Lab;
  readonly #inbox: Inbox;

  constructor(lab: Lab, inbox: Inbox) {
    this.#lab = lab;
    this.#inbox = inbox;
  }

  /** The events, once there are so many; and that there are no more. */
  async heard(count: number): Promise<readonly HeardEvent[]> {
    await this.#inbox.heard(count);
    await this.#lab.settled();
    const events = this.#inbox.notices.filter(isEvent);
    expect(events).toHaveLength(count);
    return events;
  }
}
