import fc from "fast-check";
import { expect, test } from "vitest";
import { readHeader } from "../../runtime/header.ts";
import { type Harness, ids, Lab, queue } from "./lab.ts";
import { Model } from "./model.ts";

/** All durations lie half a second beside all advances, so that a broker whose time goes on by itself can be tested, too. */
const duration = fc.integer({ min: 1, max: 6 }).map((seconds) => seconds * 1_000 - 500);
const id = fc.integer({ min: 0, max: 11 }).map((number) => `c${number}`);
const worker = fc.constantFrom("w0", "w1", "w2");
const pick = fc.nat({ max: 20 });

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("submit"),
      id,
      delayMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, duration),
      deadlineMs: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, duration),
      awaited: fc.boolean(),
      priority: fc.constantFrom("high", "normal", "low"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("claim"),
      worker,
      limit: fc.integer({ min: 1, max: 4 }),
      suspect: fc.boolean(),
      leaseMs: duration,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("finish"), pick }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("retry"), pick, delayMs: fc.oneof(fc.constant(0), duration) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release"), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel"), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke"), id, nonce: fc.constantFrom("n", "m") }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("advance"), seconds: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reap"), maxDeliveries: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("renew"), pick, worker }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const reaperLeaseMs = 4_500;

/** Short histories of all steps against a plain model. */
export function modelRules(open: () => Promise<Harness>): void {
  test("a broker does what the model does, in any history", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 100 }), async (steps) => {
        const harness = await open();
        try {
          await new History(new Lab(await harness.connect(), harness)).run(steps);
        } finally {
          await harness.dispose();
        }
      }),
      { numRuns: 200 },
    );
  });
}

class History {
  readonly #model = new Model();
  /** Every lease ever given, for late reports. */
  readonly #leases: { readonly id: string; readonly fence: number }[] = [];
  readonly #lab: Lab;
  #fence = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const one of steps) await this.#step(one);
    const known = [...this.#model.calls.keys()];
    const found = await this.#lab.broker.read(queue, known);
    expect(found.map((call) => call?.state)).toEqual(known.map((id) => this.#shown(id)));
  }

  async #step(one: Step): Promise<void> {
    const lab = this.#lab;
    const model = this.#model;
    switch (one.kind) {
      case "submit": {
        const { id, delayMs, deadlineMs: deadline, awaited, priority } = one;
        const known = model.look(id);
        const submitted = await lab.submit(id, { delayMs, header: { deadline, awaited, priority } });
        expect(submitted.outcome).toBe("accepted");
        expect(submitted.ended !== undefined).toBe(known !== undefined && isEnd(known.state));
        model.submit(id, delayMs, deadline, awaited);
        break;
      }
      case "claim": {
        const { worker, limit, suspect, leaseMs } = one;
        const { plain, suspects } = model.claimable();
        const claimed = await lab.claim({ worker, limit, suspect, leaseMs });
        const got = claimed.filter((call) => call.suspect);
        const wanted = suspect && suspects.length > 0 ? 1 : 0;
        expect(got.length).toBe(wanted);
        expect(claimed.length).toBe(Math.min(limit, wanted + plain.length));
        for (const call of claimed) {
          expect(ids(call.suspect ? suspects : plain)).toContain(call.id);
          const { attempt, deaths } = model.calls.get(call.id)!;
          expect(readHeader(call.record)).toMatchObject({ attempt, deaths });
          expect(call.fence).toBeGreaterThan(this.#fence);
          model.claim(call.id, call.fence, worker, leaseMs);
          this.#leases.push(call);
        }
        expect(new Set(ids(claimed)).size).toBe(claimed.length);
        this.#fence = claimed[0]?.fence ?? this.#fence;
        break;
      }
      case "finish":
        await this.#report(
          one.pick,
          (lease) => lab.finish(lease),
          (call) => model.leave(call, "succeeded"),
        );
        break;
      case "retry":
        await this.#report(
          one.pick,
          (lease) => lab.retry(lease, one.delayMs),
          (call) => {
            call.attempt++;
            call.suspect = false;
            call.due = model.now + one.delayMs;
            model.leave(call, "retrying");
          },
        );
        break;
      case "release":
        await this.#report(
          one.pick,
          (lease) => lab.report(lease, { kind: "release" }),
          (call) => model.leave(call, "queued"),
        );
        break;
      case "cancel":
        expect((await lab.broker.cancel(queue, one.id))?.state).toBe(model.cancel(one.id));
        break;
      case "revoke":
        expect(await lab.broker.revoke(queue, one.id, one.nonce)).toBe(model.revoke(one.id, one.nonce));
        break;
      case "advance":
        await lab.advance(one.seconds * 1_000);
        model.now += one.seconds * 1_000;
        break;
      case "reap": {
        const beat = {
          worker: "reaper",
          fences: [],
          leaseMs: reaperLeaseMs,
          maxDeliveries: one.maxDeliveries,
          reap: true,
        };
        const { reaped } = await lab.beat(beat);
        expect(reaped).toBe(model.reap(one.maxDeliveries, reaperLeaseMs).length);
        break;
      }
      case "renew": {
        const lease = this.#leases[one.pick % (this.#leases.length || 1)];
        if (lease === undefined) break;
        const held = [...model.calls.values()].filter(
          (call) => call.lease?.fence === lease.fence && call.lease.worker === one.worker,
        );
        const { lost } = await lab.beat({ worker: one.worker, fences: [lease.fence], leaseMs: reaperLeaseMs });
        expect(lost).toEqual(held.length > 0 ? [] : [lease.fence]);
        for (const call of held) call.lease!.due = model.now + reaperLeaseMs;
        break;
      }
    }
  }

  async #report(
    pick: number,
    send: (lease: { id: string; fence: number }) => Promise<string>,
    apply: (call: NonNullable<ReturnType<Model["held"]>>) => void,
  ): Promise<void> {
    const lease = this.#leases[pick % (this.#leases.length || 1)];
    if (lease === undefined) return;
    const call = this.#model.held(lease.id, lease.fence);
    expect(await send(lease)).toBe(call === undefined ? "refused" : "accepted");
    if (call !== undefined) apply(call);
  }

  /** The state that a read shows: what is due but unclaimed is still shown as it waits. */
  #shown(id: string): string {
    return this.#model.look(id)!.state;
  }
}

function isEnd(state: string): boolean {
  return ["succeeded", "failed", "canceled", "expired", "parked"].includes(state);
}
