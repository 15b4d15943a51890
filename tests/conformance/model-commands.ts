import fc from "fast-check";
import { callIds, type History, type WorkerName, workerTasks } from "./model-history.ts";
import type { ModelReport } from "./model-call.ts";
import { asideTasks } from "./model-sight.ts";
import type { Model } from "./model.ts";

/** A step of a history. */
export type Step = fc.AsyncCommand<Model, History>;

/**
 * Time goes on in steps of ten seconds, and all durations lie half a step beside: a broker whose time goes on by itself
 * is not off as long as a history takes less than that.
 */
const stepMs = 10_000;
const steps = (most: number) => fc.integer({ min: 1, max: most }).map((count) => count * stepMs);
const longestMs = 6 * stepMs;
const duration = steps(6).map((ms) => ms - stepMs / 2);
const ttlMs = fc.oneof(duration, fc.constant(1_000_000 + stepMs / 2));

const id = fc.constantFrom(...callIds);
const worker = fc.constantFrom(...(Object.keys(workerTasks) as WorkerName[]));
const maxDeliveries = fc.integer({ min: 0, max: 3 });

function command<Given>(
  name: string,
  given: fc.Arbitrary<Given>,
  run: (model: Model, history: History, given: Given) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): fc.Arbitrary<Step> {
  return given.map((one) => ({
    check,
    run: async (model, history) => {
      await run(model, history, one);
      await history.compare(model);
    },
    toString: () => `${name}(${fc.stringify(one)})`,
  }));
}

const hasLeases = ({ leases }: Model): boolean => leases.length > 0;

/** One attempt of all there were, mostly one that goes on. */
const attempt = fc.record({ pick: fc.nat(), old: fc.nat({ max: 3 }).map((number) => number === 0) });
type Pick = typeof attempt extends fc.Arbitrary<infer Given> ? Given : never;

function picked(model: Model, { pick, old }: Pick): Model["leases"][number] {
  const held = model.leases.filter((lease) => model.held(lease.id, lease.fence) !== undefined);
  const some = old || held.length === 0 ? model.leases : held;
  return some[pick % some.length]!;
}

const submission = fc.record({
  id,
  // Most calls of one id are the same call.
  fingerprint: fc.nat({ max: 4 }).map((number) => (number === 0 ? "00000000000000ff" : "0000000000000000")),
  delayMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, duration),
  deadlineMs: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, duration),
  awaited: fc.boolean(),
  priority: fc.constantFrom("high", "nested", "normal", "low"),
  // Most say nothing of their delivery.
  atMostOnce: fc.nat({ max: 4 }).map((number) => number === 0),
  maxDeliveries: fc.constantFrom(0, 0, 0, 1, 2, 4),
});

const submit = command(
  "submit",
  fc.record({
    calls: fc.array(submission, { minLength: 1, maxLength: 3 }),
    acknowledged: fc.array(id, { maxLength: 2 }),
    twice: fc.boolean(),
  }),
  (model, history, { calls, acknowledged, twice }) => {
    const numbered = calls.map((call) => ({ ...call, number: ++model.number }));
    return history.submit(model, numbered, acknowledged, twice);
  },
);

const claim = command(
  "claim",
  fc.record({
    worker,
    limit: fc.integer({ min: 1, max: 4 }),
    suspect: fc.boolean(),
    mostSuspects: fc.integer({ min: 1, max: 4 }),
    besideSuspects: fc.boolean(),
    nestedOnly: fc.nat({ max: 3 }).map((number) => number === 0),
    leaseMs: duration,
  }),
  (model, history, wish) => history.claim(model, wish),
);

const crowding = fc.record({ call: submission, room: fc.constantFrom(0, 1) });
type Crowding = typeof crowding extends fc.Arbitrary<infer Given> ? Given : never;

async function makeCrowd(model: Model, history: History, { call, room }: Crowding): Promise<void> {
  // What a broker has found full is not to be looked through again at once.
  await history.advance(model, stepMs);
  // An id that stands twice in a list is counted twice.
  if (!model.haunted) await history.crowd(model, { ...call, number: ++model.number }, room);
}

const crowd = command("crowd", crowding, makeCrowd);

const pause = command(
  "pause",
  fc.record({
    whole: fc.boolean(),
    claims: fc.array(fc.record({ worker, suspect: fc.boolean(), nestedOnly: fc.boolean() }), { maxLength: 2 }),
    ms: steps(3),
    reaps: fc.boolean(),
    crowding: fc.option(crowding, { nil: undefined }),
  }),
  (model, history, { crowding: meanwhile, ...given }) =>
    history.paused(model, given, async () => {
      if (meanwhile !== undefined) await makeCrowd(model, history, meanwhile);
    }),
);

const what: fc.Arbitrary<ModelReport> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("finish"), failed: fc.boolean(), ttlMs }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("retry"), delayMs: fc.oneof(fc.constant(0), duration) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release"), begun: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("aside"), task: fc.constantFrom(...asideTasks) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("park"), ttlMs }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("progress"), value: fc.nat({ max: 9 }) }) },
);

const report = command(
  "report",
  fc.record({
    reports: fc.array(fc.record({ attempt, what }), { minLength: 1, maxLength: 4 }),
    twice: fc.boolean(),
  }),
  (model, history, { reports, twice }) => {
    // A worker says one thing at a time of an attempt.
    const byAttempt = new Map(reports.map((one) => [picked(model, one.attempt), one.what]));
    return history.report(
      model,
      [...byAttempt].map(([{ id, fence }, said]) => ({ id, fence, what: said })),
      twice,
    );
  },
  hasLeases,
);

const cancel = command("cancel", id, (model, history, one) => history.cancel(model, one));

const revoke = command("revoke", fc.record({ id, nonce: fc.constantFrom("n", "m") }), (model, history, one) =>
  history.revoke(model, one.id, one.nonce),
);

const replay = command(
  "replay",
  fc.record({
    pick: fc.nat(),
    lease: fc.option(fc.record({ worker, leaseMs: duration }), { nil: undefined }),
    twice: fc.boolean(),
  }),
  (model, history, { pick, lease, twice }) => history.replay(model, pick, lease, twice),
  ({ calls }) => [...calls.values()].some(({ state }) => state === "parked"),
);

const discard = command("discard", id, (model, history, one) => history.discard(model, one));

const renew = command(
  "renew",
  fc.record({ worker, attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }), leaseMs: duration }),
  (model, history, given) => {
    const fences = new Set(given.attempts.map((one) => picked(model, one).fence));
    return history.renew(model, given.worker, [...fences], given.leaseMs);
  },
  hasLeases,
);

const reap = command("reap", fc.record({ maxDeliveries, leaseMs: duration }), (model, history, given) =>
  history.reap(model, given.maxDeliveries, given.leaseMs),
);

const advance = command(
  "advance",
  fc.oneof({ weight: 20, arbitrary: steps(3) }, { weight: 1, arbitrary: fc.constant(3_600_000) }),
  (model, history, ms) => history.advance(model, ms),
);

/** A worker dies: it is silent until its leases have lapsed, while the others go on, and is found out. */
const death = command(
  "death",
  fc.record({ worker, maxDeliveries }),
  async (model, history, dead) => {
    for (const other of Object.keys(workerTasks) as WorkerName[]) {
      const fences = [...new Set(model.heldBy(other).map(({ fence }) => fence))];
      if (other !== dead.worker) await history.renew(model, other, fences, longestMs + stepMs / 2);
    }
    await history.advance(model, longestMs);
    await history.reap(model, dead.maxDeliveries, longestMs / 2 + stepMs / 2);
  },
  (model) => [...model.calls.values()].some(({ lease }) => lease !== undefined),
);

const reconnect = command("reconnect", fc.constant(null), (_, history) => history.reconnect());
const rollCall = command("roll call", fc.constant(null), (model, history) => history.rollCall(model), hasLeases);
const look = command("look", id, (model, history, one) => history.look(model, [one]));

const weights: readonly (readonly [number, fc.Arbitrary<Step>])[] = [
  [6, submit],
  [6, claim],
  [6, report],
  [4, advance],
  [2, reap],
  [2, death],
  [2, cancel],
  [1, revoke],
  [2, replay],
  [1, discard],
  [1, renew],
  [1, reconnect],
  [1, rollCall],
  [1, look],
  [2, crowd],
  [2, pause],
];

/** Each as often as it is to be met: all have the same chance. */
export const commands = weights.flatMap(([weight, step]) => Array.from({ length: weight }, () => step));
