import { expect } from "vitest";
import type { Broker } from "../../runtime/broker.ts";
import { encode } from "../../runtime/codec.ts";
import { keptRequest, nextGeneration, readRequest, writeReply } from "../../runtime/envelope.ts";
import { newHeader, readHeader } from "../../runtime/header.ts";
import { type Claimed, ids, Lab, queue, submission } from "../../runtime/testing/conformance/lab.ts";
import type { Harness } from "./harness.ts";
import { type ModelReport, type ModelSubmission, runsAlone } from "./model-call.ts";
import { expected, possibleOrigins, suspectCounts, told } from "./model-sight.ts";
import { type Model, pausedTask } from "./model.ts";

/** Calls and workers of a history: few, so that they meet again and again. */
export const callIds = Array.from({ length: 12 }, (_, index) => `c${index}`);
/** Workers, and what they implement. */
export const workerTasks = {
  w0: ["q.task"],
  w1: ["q.task", "q.other"],
  w2: ["q.task", "q.other", "q.third"],
} as const;
export type WorkerName = keyof typeof workerTasks;

/** What a claim asks. */
export interface ModelWish {
  readonly worker: WorkerName;
  readonly limit: number;
  readonly suspect: boolean;
  readonly mostSuspects?: number;
  readonly besideSuspects?: boolean;
  readonly leaseMs: number;
  readonly nestedOnly?: boolean;
}

/** What happens while calls are held back. */
export interface Pause {
  /** The whole queue, and not the calls' task. */
  readonly whole: boolean;
  readonly claims: readonly Pick<Required<ModelWish>, "worker" | "suspect" | "nestedOnly">[];
  readonly ms: number;
  readonly reaps: boolean;
}

/** How far the clocks of a broker and the model may be apart: half of the smallest step of time. */
const toleranceMs = 5_000;

/** A broker that goes through the same history as a {@link Model}, and is compared with it at each step. */
export class History {
  readonly #harness: Harness;
  readonly #watched: boolean;
  /** Looks on, over a connection of its own. */
  readonly #observer: Broker;
  /** What each attempt was given, by id and fence. */
  readonly #claimed = new Map<string, Claimed>();
  /** The calls that a discard was for. */
  readonly #discarded = new Set<string>();
  #lab: Lab;

  /** @param watched - whether every call is looked at after every step; a look itself ends what is late. */
  static async open(harness: Harness, watched: boolean): Promise<History> {
    const observer = await harness.connect();
    return new History(harness, watched, observer, new Lab(await harness.connect(), harness));
  }

  private constructor(harness: Harness, watched: boolean, observer: Broker, lab: Lab) {
    this.#harness = harness;
    this.#watched = watched;
    this.#observer = observer;
    this.#lab = lab;
  }

  async submit(
    model: Model,
    calls: readonly ModelSubmission[],
    acknowledged: readonly string[],
    twice: boolean,
  ): Promise<void> {
    await this.#settle(model, [...ids(calls), ...acknowledged]);
    const submissions = calls.map(submissionOf);
    for (const id of acknowledged) model.acknowledge(id);
    // What was received is not told again: the id may be in use again.
    for (const again of twice ? [false, true] : [false]) {
      const submitted = await this.#lab.submitAll(submissions, again ? [] : acknowledged);
      const known = new Set(ids(calls).filter((id) => model.look(id) !== undefined));
      const expected = calls.map((call) => model.submit(call));
      model.putFirst(ids(calls).filter((id, at) => !known.has(id) && ids(calls).indexOf(id) === at));
      expect(submitted.map(({ outcome, ended }) => ({ outcome, ended: ended !== undefined }))).toEqual(expected);
    }
  }

  /** So many calls wait as are allowed, or one less: what is over does not count. */
  async crowd(model: Model, call: ModelSubmission, room: 0 | 1): Promise<void> {
    await this.#settle(model, [call.id]);
    const { id } = call;
    const known = model.look(id) !== undefined;
    const maxLength = model.waiting + room;
    const [submitted] = await this.#lab.submitAll([submissionOf(call)], [], maxLength);
    model.meetLate();
    if (room === 0 && !known) {
      expect(submitted).toEqual({ outcome: "full" });
      return;
    }
    const { outcome, ended } = model.submit(call);
    if (!known) model.putFirst([id]);
    expect({ outcome: submitted?.outcome, ended: submitted?.ended !== undefined }).toEqual({ outcome, ended });
  }

  /** The task of the calls is paused, or the queue, for a while in which a claim and a beat come by. */
  async paused(
    model: Model,
    { whole, claims, ms, reaps }: Pause,
    meanwhile: (model: Model) => Promise<void>,
  ): Promise<void> {
    const operator = this.#lab.broker.operator!;
    const task = whole ? undefined : pausedTask;
    await operator.pause(queue, task, true);
    model.paused = whole;
    for (const { worker, suspect, nestedOnly } of claims) {
      const queues = [{ name: queue, tasks: workerTasks[worker] }];
      expect(await this.#lab.claim({ worker, suspect, nestedOnly, queues })).toEqual([]);
      if (!whole) model.hold(workerTasks[worker], suspect, nestedOnly);
    }
    await this.advance(model, ms);
    if (reaps) await this.reap(model, 3, 1_000);
    await meanwhile(model);
    model.paused = false;
    await operator.pause(queue, task, false);
  }

  async claim(model: Model, wish: ModelWish): Promise<void> {
    const { worker, limit, suspect, mostSuspects = 1, besideSuspects = false, leaseMs, nestedOnly = false } = wish;
    const tasks = workerTasks[worker];
    const lists = model.claimable(tasks);
    const request = { worker, limit, suspect, mostSuspects, besideSuspects, leaseMs, nestedOnly };
    const claimed = await this.#lab.claim({ ...request, queues: [{ name: queue, tasks }] });
    const suspects = claimed.filter((call) => call.suspect);
    if (model.haunted) {
      expect(ids([...lists.values()].flat())).toEqual(expect.arrayContaining([...ids(claimed)]));
      expect(new Set(ids(claimed)).size).toBe(claimed.length);
      expect(claimed.length).toBeLessThanOrEqual(limit);
      expect(suspects.length).toBeLessThanOrEqual(suspect ? mostSuspects : 0);
    } else {
      const origins = claimed.map(({ id }) => [...lists].find(([, calls]) => ids(calls).includes(id))?.[0]);
      const most = suspect ? Math.min(limit, mostSuspects) : 0;
      expect(suspectCounts(lists.get("suspects") ?? [], most, besideSuspects)).toContain(suspects.length);
      expect(possibleOrigins(lists, { limit, suspects: suspects.length, nestedOnly })).toContainEqual(origins);
      const everywhere = worker === "w2" && suspect && !lists.has("suspects");
      if (claimed.length < limit && !nestedOnly) model.drained(everywhere);
    }
    const others = nestedOnly ? claimed.filter((call) => !call.suspect) : [];
    expect(others.filter(({ id }) => model.calls.get(id)!.priority !== "nested")).toEqual([]);
    for (const [origin, calls] of lists) {
      if (origin === "haunted") continue;
      const given = claimed.flatMap(({ id }) => calls.filter((call) => call.id === id));
      const left = calls.filter((call) => !given.includes(call));
      const places = [...given, ...left].map(({ place }) => place);
      expect(places).toEqual(places.toSorted((one, other) => one - other));
    }
    const isAlone = ({ id }: Claimed): boolean => runsAlone(model.calls.get(id)!);
    if (suspects.length > 1 || besideSuspects) expect(suspects.filter(isAlone)).toEqual([]);
    for (const call of claimed) {
      const { attempt, deaths, suspect, awaited, priority, fingerprint, number, deadline } = model.calls.get(call.id)!;
      const { begun, beside: besideOthers, lost: lostAmongOthers, ...delivery } = model.calls.get(call.id)!;
      const { atMostOnce, maxDeliveries } = delivery;
      const header = readHeader(call.record);
      expect(header).toMatchObject({ begun, besideOthers, lostAmongOthers, atMostOnce, maxDeliveries });
      expect({ ...header, suspect: call.suspect }).toMatchObject({
        attempt,
        deaths,
        suspect,
        awaited,
        priority,
        fingerprint,
      });
      expect(readRequest(call.record).params).toEqual({ number });
      if (deadline === Infinity) expect(header?.deadline).toBe(0);
      else expect(Math.abs(header!.deadline - call.now - (deadline - model.now))).toBeLessThan(toleranceMs);
      expect(call.fence).toBeGreaterThan(model.fence);
      this.#claimed.set(`${call.id} ${call.fence}`, call);
    }
    for (const { id, fence } of claimed) model.claim(id, fence, worker, leaseMs);
    expect(new Set(claimed.map(({ fence }) => fence)).size).toBe(Math.min(1, claimed.length));
  }

  async report(
    model: Model,
    reports: readonly { readonly id: string; readonly fence: number; readonly what: ModelReport }[],
    twice: boolean,
  ): Promise<void> {
    const sent = reports.map(({ id, fence, what }) => ({ id, fence, ...this.#wire(id, fence, what) }));
    for (let count = 0; count < (twice ? 2 : 1); count++) {
      const verdicts = await this.#lab.broker.finish(queue, sent);
      expect(verdicts).toEqual(model.report(reports).map((accepted) => (accepted ? "accepted" : "refused")));
    }
  }

  /** Asks of every attempt there ever was whether it holds its call. */
  async rollCall(model: Model): Promise<void> {
    const reports = model.leases.map((lease) => ({
      ...lease,
      what: { kind: "progress" as const, value: ++model.number },
    }));
    await this.report(model, reports, false);
  }

  async cancel(model: Model, id: string): Promise<void> {
    await this.#settle(model, [id]);
    expect((await this.#lab.broker.cancel(queue, id))?.state).toBe(model.cancel(id));
  }

  async revoke(model: Model, id: string, nonce: string): Promise<void> {
    await this.#settle(model, [id]);
    expect(await this.#lab.broker.revoke(queue, id, nonce)).toBe(model.revoke(id, nonce));
  }

  /** Runs one of the parked calls again: in its queue, or leased to a worker at once. */
  async replay(
    model: Model,
    pick: number,
    lease: { readonly worker: WorkerName; readonly leaseMs: number } | undefined,
    twice: boolean,
  ): Promise<void> {
    await this.#settle(model, callIds);
    const operator = this.#lab.broker.operator!;
    const { calls } = await operator.parked(queue, { limit: 100 });
    const parked = model.parked();
    expect(ids(calls).toSorted()).toEqual(parked);
    const id = parked[pick % Math.max(1, parked.length)];
    if (id === undefined) return;
    const found = (await operator.inspect(queue, id))!;
    const record = nextGeneration(keptRequest(found.record)!, readHeader(found.record)!)!;
    model.replay(id);
    for (let count = 0; count < (twice ? 2 : 1); count++) {
      const replayed = await operator.replay(queue, id, { record, lease });
      expect(replayed?.outcome).toBe(lease === undefined ? "queued" : "leased");
      if (lease === undefined || replayed?.outcome !== "leased") continue;
      const { fence } = replayed;
      expect(replayed.suspect).toBe(model.calls.get(id)!.suspect);
      if (count > 0) {
        expect(fence).toBe(model.fence);
        continue;
      }
      expect(fence).toBeGreaterThan(model.fence);
      model.claim(id, fence, lease.worker, lease.leaseMs);
      const { now, suspect } = replayed;
      this.#claimed.set(`${id} ${fence}`, { queue, fence, now, id, record, suspect });
    }
  }

  async discard(model: Model, id: string): Promise<void> {
    await this.#settle(model, [id]);
    expect(await this.#lab.broker.operator!.discard(queue, id)).toBe(model.discard(id));
    this.#discarded.add(id);
  }

  async renew(model: Model, worker: WorkerName, fences: readonly number[], leaseMs: number): Promise<void> {
    const held = model.heldBy(worker).filter(({ fence }) => fences.includes(fence));
    const { lost } = await this.#lab.beat({ worker, fences, leaseMs, tasks: workerTasks[worker] });
    expect(lost).toEqual(fences.filter((fence) => !held.some((lease) => lease.fence === fence)));
    for (const lease of held) lease.due = model.now + leaseMs;
  }

  async reap(model: Model, maxDeliveries: number, leaseMs: number): Promise<void> {
    const { reaped } = await this.#lab.beat({ worker: "reaper", leaseMs, maxDeliveries, reap: true });
    expect(reaped).toBe(model.reap(maxDeliveries, leaseMs));
  }

  async advance(model: Model, ms: number): Promise<void> {
    await this.#harness.advance(ms);
    model.now += ms;
  }

  /** The connection ends, and another one takes its place; the server has forgotten the scripts meanwhile. */
  async reconnect(): Promise<void> {
    await this.#lab.broker.close();
    await this.#harness.forgetScripts?.();
    this.#lab = new Lab(await this.#harness.connect(), this.#harness);
  }

  async look(model: Model, looked: readonly string[]): Promise<void> {
    await this.#settle(model, looked);
    const found = await this.#observer.read(queue, looked);
    expect(looked.map((id, index) => told(id, found[index]))).toEqual(looked.map((id) => expected(model, id)));
  }

  /** The oracle after each step. */
  async compare(model: Model): Promise<void> {
    if (this.#watched) await this.look(model, callIds);
    const leased = await this.#harness.leases?.(queue);
    if (leased === undefined) return;
    const held = [...model.calls.values()].filter(({ lease }) => lease !== undefined);
    expect(leased).toEqual(new Map(held.map(({ id, lease }) => [id, lease!.fence])));
  }

  /** The end of a history: who holds what, and whether anything is left behind when all is over. */
  async end(model: Model): Promise<void> {
    await this.rollCall(model);
    await this.look(model, callIds);
    for (const id of callIds) await this.cancel(model, id);
    await this.claim(model, { worker: "w2", limit: 100, suspect: true, leaseMs: 1_000 });
    await this.submit(model, [], callIds, false);
    await this.look(model, callIds);
    await this.compare(model);
    const keys = await this.#harness.keys?.(queue);
    expect(keys?.filter((key) => !mayRemain(key, [...model.calls.keys()], this.#discarded)) ?? []).toEqual([]);
  }

  /** Learns from the broker what only it can know. */
  async #settle(model: Model, touched: readonly string[]): Promise<void> {
    const vague = [...new Set(touched)].filter((id) => model.isVague(id));
    if (vague.length === 0) return;
    const found = await this.#observer.read(queue, vague);
    for (const [index, id] of vague.entries()) {
      const call = model.look(id);
      if (found[index] !== undefined || call === undefined) continue;
      expect(model.now).toBeGreaterThanOrEqual(call.forgotten[0]);
      model.calls.delete(id);
    }
  }

  #wire(id: string, fence: number, what: ModelReport) {
    const { record } = this.#claimed.get(`${id} ${fence}`)!;
    const header = { ...readHeader(record)!, fence };
    switch (what.kind) {
      case "finish": {
        const { failed, ttlMs } = what;
        const ended = { ...header, attempt: header.attempt + 1, state: failed ? "failed" : "succeeded" } as const;
        const value = readRequest(record).params;
        const reply = failed ? { error: { code: "failed", message: "no", data: value } as const } : { value };
        return { kind: "finish", record: writeReply(newHeader(ended), reply), ttlMs } as const;
      }
      case "park": {
        const error = { code: "invalid_argument", message: "nobody can run it" } as const;
        const reply = writeReply({ ...header, state: "parked" }, { error }, record);
        return { kind: "park", record: reply, ttlMs: what.ttlMs } as const;
      }
      case "retry":
        return { ...what, failure: encode({ code: "failed", message: "no" }) };
      case "progress":
        return { kind: "progress", value: encode(what.value) } as const;
      default:
        return what;
    }
  }
}

/** A model's submission as its client sends it. */
function submissionOf({ id, number, delayMs, deadlineMs, ...others }: ModelSubmission) {
  const { awaited, priority, fingerprint, atMostOnce, maxDeliveries } = others;
  const header = { deadline: deadlineMs, awaited, priority, fingerprint, atMostOnce, maxDeliveries };
  return submission(id, { delayMs, params: { number }, header });
}

/** Whether a key of a queue may be there when no call is. */
function mayRemain(key: string, parked: readonly string[], discarded: ReadonlySet<string>): boolean {
  return (
    /^(fence|bell|bell:nested|mending|parked|excused|workers|worker:\w+)$/.test(key) ||
    // Kept for a minute, in case the discard is sent again.
    (key.startsWith("forgotten:") && discarded.has(key.slice("forgotten:".length))) ||
    parked.some((id) => key === `result:${id}` || key === `failures:${id}`)
  );
}
