import { expect } from "vitest";
import type { Broker } from "../../runtime/broker.ts";
import type { Rank } from "../../runtime/header.ts";
import { type Claimed, ids, Lab, queue, submission } from "../../runtime/testing/conformance/lab.ts";
import type { Harness } from "./harness.ts";
import { freeTask, type LimitedCall, limitedTask, type LimitedModel, perMs } from "./limited-model.ts";

/** A call to be made. */
export interface LimitedWish {
  readonly limited: boolean;
  /** Which of two keys it has for each limit. */
  readonly slots: number;
  readonly starts: number;
  readonly keyed: boolean;
  readonly priority: Rank;
  readonly delayMs: number;
  readonly deadlineMs: number;
}

/** What a claim asks. */
interface ClaimWish {
  readonly limit: number;
  readonly suspect: boolean;
  readonly nestedOnly: boolean;
  readonly leaseMs: number;
}

/** What is said of a running call. */
export type Said =
  | { readonly kind: "finish" }
  | { readonly kind: "release" }
  | { readonly kind: "retry"; readonly delayMs: number };

const hex = (key: number): string => String(key + 1).repeat(8);
const all: ClaimWish = { limit: 100, suspect: true, nestedOnly: false, leaseMs: 330_000 };
/** So many times a broker may be asked in vain before it has nothing to give. */
const vain = 3;

/** A broker that goes through a history of limited, nested and paused calls, and is held to a {@link LimitedModel}. */
export class LimitedHistory {
  readonly #harness: Harness;
  readonly #observer: Broker;
  #lab: Lab;
  #count = 0;

  static async open(harness: Harness): Promise<LimitedHistory> {
    return new LimitedHistory(harness, await harness.connect(), new Lab(await harness.connect(), harness));
  }

  private constructor(harness: Harness, observer: Broker, lab: Lab) {
    this.#harness = harness;
    this.#observer = observer;
    this.#lab = lab;
  }

  /** @param again - whether the ids of calls that have ended are used again, which may stand in lists and lines still. */
  async submit(model: LimitedModel, wishes: readonly LimitedWish[], again: boolean): Promise<void> {
    const ended = again ? [...model.calls.values()].filter(({ state }) => state === "ended") : [];
    const made = wishes.map((wish, at) => {
      const { limited, priority, delayMs, deadlineMs } = wish;
      const id = ended[at]?.id ?? `c${this.#count++}`;
      const task = limited ? limitedTask : freeTask;
      const limitKeys = limited && wish.keyed ? hex(wish.slots) + hex(wish.starts) : undefined;
      const call: LimitedCall = {
        id,
        task,
        priority,
        slots: limited ? hex(wish.slots) : undefined,
        starts: limited ? hex(wish.starts) : undefined,
        deadline: deadlineMs === 0 ? Infinity : model.now + deadlineMs,
        keyed: wish.keyed,
        state: delayMs > 0 ? "waiting" : "queued",
        due: model.now + delayMs,
        started: false,
        suspect: false,
        lease: undefined,
        hasSlot: false,
      };
      const header = { priority, deadline: deadlineMs, limitKeys };
      return { call, sent: submission(id, { task, delayMs, header }) };
    });
    await this.#lab.submitAll([], ids(ended));
    const outcomes = await this.#lab.submitAll(made.map(({ sent }) => sent));
    expect(outcomes).toEqual(made.map(() => ({ outcome: "accepted" })));
    for (const { id } of ended) model.calls.delete(id);
    for (const { call } of made) model.calls.set(call.id, call);
  }

  /** @returns how many were given. */
  async claim(model: LimitedModel, wish: ClaimWish): Promise<number> {
    const { limits } = model;
    const queues = [{ name: queue, tasks: [freeTask, limitedTask], limits }];
    const claimed = await this.#lab.claim({ worker: "w", queues, ...wish });
    if (!model.paused) model.promote();
    expect(claimed.length).toBeLessThanOrEqual(wish.limit);
    expect(claimed.filter(({ suspect }) => suspect).length).toBeLessThanOrEqual(wish.suspect ? 1 : 0);
    for (const one of claimed) this.#given(model, one, wish);
    const unsaid = claimed.filter(({ id }) => model.calls.get(id)!.slots !== undefined && !model.calls.get(id)!.keyed);
    const reports = unsaid.map(({ id, fence }) => {
      const { slots = "", starts = "" } = model.calls.get(id)!;
      return { kind: "limit", id, fence, keys: slots + starts } as const;
    });
    expect(await this.#lab.broker.finish(queue, reports)).toEqual(reports.map(() => "accepted"));
    for (const { id } of unsaid) {
      const call = model.calls.get(id)!;
      call.keyed = true;
      model.leave(call, "queued");
    }
    return claimed.length;
  }

  #given(model: LimitedModel, { id, fence, now, suspect }: Claimed, { nestedOnly, leaseMs }: ClaimWish): void {
    const call = model.calls.get(id)!;
    const { state, priority } = call;
    const paused = model.isPaused(call);
    const late = model.isLate(call);
    const blocked = call.keyed ? model.blockedBy(call, now) : undefined;
    const may = { id, state: "queued", suspect, paused: false, late: false, blocked: undefined };
    expect({ id, state, suspect: call.suspect, paused, late, blocked }).toEqual(may);
    if (nestedOnly && !suspect) expect(`${id} ${priority}`).toBe(`${id} nested`);
    model.start(call, { fence, leaseMs, at: now });
  }

  async say(model: LimitedModel, pick: number, said: Said): Promise<void> {
    const { running } = model;
    const call = running[pick % running.length]!;
    const { id } = call;
    const { fence } = call.lease!;
    if (said.kind === "finish") expect(await this.#lab.finish({ id, fence })).toBe("accepted");
    else if (said.kind === "retry") expect(await this.#lab.retry({ id, fence }, said.delayMs)).toBe("accepted");
    else expect(await this.#lab.report({ id, fence }, { kind: "release" })).toBe("accepted");
    if (said.kind === "finish") return model.leave(call, "ended");
    if (said.kind === "release") return model.leave(call, "queued");
    call.started = true;
    call.suspect = false;
    call.due = model.now + said.delayMs;
    return model.leave(call, "waiting");
  }

  async cancel(model: LimitedModel, pick: number): Promise<void> {
    const call = model.open[pick % model.open.length]!;
    const expected = model.isLate(call) ? "expired" : "canceled";
    expect((await this.#lab.broker.cancel(queue, call.id))?.state).toBe(expected);
    model.leave(call, "ended");
  }

  async purge(model: LimitedModel): Promise<void> {
    await this.#lab.broker.operator!.purge(queue, { states: ["queued"] });
    for (const call of model.open) {
      // What is due counts as delayed until a claim comes by.
      const found = call.state === "queued" && (await this.#state(call.id));
      if (found === "canceled" || (found === "expired" && model.isLate(call))) model.leave(call, "ended");
      else expect([call.id, found]).toEqual([call.id, false]);
    }
  }

  async pause(model: LimitedModel, task: string | undefined, paused: boolean): Promise<void> {
    await this.#lab.broker.operator!.pause(queue, task, paused);
    if (task === undefined) {
      model.paused = paused;
    } else if (paused) {
      model.pausedTasks.add(task);
    } else {
      model.pausedTasks.delete(task);
    }
  }

  async reap(model: LimitedModel): Promise<void> {
    const { reaped } = await this.#lab.beat({ worker: "reaper", maxDeliveries: 255, reap: true });
    expect(reaped).toBe(model.reap());
  }

  async advance(model: LimitedModel, ms: number): Promise<void> {
    await this.#harness.advance(ms);
    model.now += ms;
  }

  async reconnect(): Promise<void> {
    await this.#lab.broker.close();
    this.#lab = new Lab(await this.#harness.connect(), this.#harness);
  }

  /** Claims until nothing more is given: what still waits then has a reason to, be it that no such claim may take it. */
  async settle(model: LimitedModel, asked: Pick<ClaimWish, "nestedOnly" | "suspect">): Promise<void> {
    const { nestedOnly, suspect } = asked;
    let now = 0;
    for (let idle = 0; idle < vain;) {
      if (idle === 0) ({ now } = await this.#observer.timetable!.read(queue));
      idle = (await this.claim(model, { ...all, ...asked })) === 0 ? idle + 1 : 0;
    }
    // Where limits were changed, only an end lets those on that waited for what they were.
    if (model.toldAnew) return;
    for (const call of model.open) {
      if (call.state !== "queued" || model.isPaused(call) || model.isLate(call)) continue;
      if (call.suspect && (nestedOnly || !suspect)) continue;
      if (nestedOnly && call.priority !== "nested") continue;
      expect([call.id, model.blockedBy(call, now) ?? "nothing"]).not.toEqual([call.id, "nothing"]);
    }
  }

  /** After each step: what the broker says of all calls. */
  async compare(model: LimitedModel): Promise<void> {
    const known = [...model.calls.values()];
    const found = await this.#observer.read(queue, ids(known));
    for (const [at, call] of known.entries()) {
      const state = found[at]?.state ?? "gone";
      if (state === "expired" && model.isLate(call)) model.leave(call, "ended");
      // One that is due is queued with the next claim; one that has ended may be forgotten.
      const allowed = { queued: /queued|delayed|retrying/, waiting: /delayed|retrying|queued/, running: /running/ };
      const ended = /succeeded|canceled|expired|gone/;
      const pattern = call.state === "ended" ? ended : allowed[call.state];
      expect({ id: call.id, state }).toEqual({ id: call.id, state: expect.stringMatching(pattern) as string });
    }
  }

  /** The end of a history: all goes on, and each call that is open ends; nothing is left of limits. */
  async end(model: LimitedModel): Promise<void> {
    for (const task of [undefined, freeTask, limitedTask]) await this.pause(model, task, false);
    for (let rounds = 0; model.open.length > 0; rounds++) {
      if (rounds === 200) throw new Error(`${ids(model.open).join()} never start`);
      await this.settle(model, all);
      while (model.running.length > 0) await this.say(model, 0, { kind: "finish" });
      await this.advance(model, perMs + 30_000);
      await this.compare(model);
    }
    // What was canceled where it waited counts until a claim comes by, and stands at a gate until that opens.
    await this.advance(model, perMs + 30_000);
    await this.claim(model, all);
    expect(await this.#lab.broker.operator!.census(queue)).toMatchObject({
      limited: 0,
      aside: 0,
      suspects: 0,
      running: 0,
    });
    await this.advance(model, perMs + 30_000);
    const left = (await this.#harness.keys?.(queue)) ?? [];
    const mayBeLeft = /^(fence|bell|bell:nested|blocked|excused|workers|worker:\w+|result:.*)$/;
    expect(left.filter((key) => !mayBeLeft.test(key))).toEqual([]);
  }

  async #state(id: string): Promise<string> {
    const [call] = await this.#observer.read(queue, [id]);
    return call?.state ?? "gone";
  }
}
