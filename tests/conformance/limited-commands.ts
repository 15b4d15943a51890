import fc from "fast-check";
import type { LimitedHistory, Said } from "./limited-history.ts";
import { freeTask, limitedTask, type LimitedModel, perMs } from "./limited-model.ts";

/** A step of a history of limits. */
export type LimitedStep = fc.AsyncCommand<LimitedModel, LimitedHistory>;

/** As in the other histories, time goes on in steps, and all durations lie half a step beside. */
const stepMs = 60_000;
const steps = (most: number) => fc.integer({ min: 1, max: most }).map((count) => count * stepMs);
const duration = steps(6).map((ms) => ms - stepMs / 2);
const rarely = <Given>(often: Given, arbitrary: fc.Arbitrary<Given>, weight = 3) =>
  fc.oneof({ weight, arbitrary: fc.constant(often) }, arbitrary);

function command<Given>(
  name: string,
  given: fc.Arbitrary<Given>,
  run: (model: LimitedModel, history: LimitedHistory, given: Given) => Promise<unknown>,
  check: (model: LimitedModel) => boolean = () => true,
): fc.Arbitrary<LimitedStep> {
  return given.map((one) => ({
    check,
    run: async (model, history) => {
      await run(model, history, one);
      await history.compare(model);
    },
    toString: () => `${name}(${fc.stringify(one)})`,
  }));
}

const wish = fc.record({
  limited: rarely(true, fc.constant(false)),
  slots: fc.nat({ max: 1 }),
  starts: fc.nat({ max: 1 }),
  keyed: rarely(true, fc.constant(false), 6),
  priority: fc.constantFrom("high", "nested", "normal", "low"),
  delayMs: rarely(0, duration),
  deadlineMs: rarely(0, duration, 5),
});

const submit = command(
  "submit",
  fc.record({ wishes: fc.array(wish, { minLength: 1, maxLength: 4 }), again: fc.boolean() }),
  (model, history, { wishes, again }) => history.submit(model, wishes, again),
  ({ open }) => open.length < 30,
);

const claim = command(
  "claim",
  fc.record({
    limit: fc.integer({ min: 1, max: 4 }),
    suspect: fc.boolean(),
    nestedOnly: rarely(false, fc.constant(true)),
    leaseMs: duration,
  }),
  (model, history, asked) => history.claim(model, asked),
);

const said: fc.Arbitrary<Said> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("finish" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retry" as const), delayMs: rarely(0, duration, 1) }) },
);
const say = command(
  "say",
  fc.record({ pick: fc.nat(), what: said }),
  (model, history, { pick, what }) => history.say(model, pick, what),
  ({ running }) => running.length > 0,
);

const cancel = command(
  "cancel",
  fc.nat(),
  (model, history, pick) => history.cancel(model, pick),
  ({ open }) => open.length > 0,
);

const pause = command(
  "pause",
  fc.record({ task: fc.constantFrom(undefined, freeTask, limitedTask), paused: rarely(false, fc.constant(true), 1) }),
  (model, history, { task, paused }) => history.pause(model, task, paused),
);

const settle = command(
  "settle",
  fc.record({ nestedOnly: rarely(false, fc.constant(true), 1), suspect: rarely(true, fc.constant(false), 1) }),
  (model, history, asked) => history.settle(model, asked),
);
const advance = command("advance", steps(3), (model, history, ms) => history.advance(model, ms));
const reap = command("reap", fc.constant(null), (model, history) => history.reap(model));
const death = command(
  "death",
  fc.constant(null),
  async (model, history) => {
    await history.advance(model, 6 * stepMs);
    await history.reap(model);
  },
  ({ running }) => running.length > 0,
);
const purge = command("purge", fc.constant(null), (model, history) => history.purge(model));
const reconnect = command("reconnect", fc.constant(null), (_, history) => history.reconnect());

const tell = command(
  "tell",
  fc.record({
    maxConcurrency: fc.constantFrom(undefined, 1, 2, 3),
    rate: fc.constantFrom(undefined, 1, 2, 3).map((limit) => (limit === undefined ? undefined : { limit, perMs })),
  }),
  async (model, _, told) => {
    model.told = told;
    model.toldAnew = true;
  },
);

const weights: readonly (readonly [number, fc.Arbitrary<LimitedStep>])[] = [
  [6, submit],
  [6, claim],
  [7, say],
  [4, settle],
  [3, advance],
  [2, cancel],
  [2, pause],
  [1, reap],
  [1, death],
  [1, reconnect],
];
const often = (some: typeof weights) => some.flatMap(([weight, step]) => Array.from({ length: weight }, () => step));

/** Each as often as it is to be met. */
export const limitedCommands = often(weights);
/** The same, and now and then workers tell other limits, or all that waits is purged. */
export const changingCommands = often([...weights, [1, tell], [1, purge]]);
