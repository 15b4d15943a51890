/** A caller whose clock may be off: makes calls that have to do with time, writes down their answers, and says "done". */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "taskpact";
import { sayLast } from "../processes/say.ts";
import { Journal } from "./journal.ts";
import type { ClockCallerPlan } from "./plan.ts";
import { Random } from "./random.ts";
import { type Answer, createFaultTasks, type FaultTasks } from "./tasks.ts";

const plan = JSON.parse(process.argv[2] ?? "") as ClockCallerPlan;
process.once("disconnect", () => process.exit(1));
const journal = new Journal(plan.folder);
const random = new Random(plan.seed);
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const tasks = createFaultTasks({ broker: plan.url, namespace: plan.namespace, log: quiet });

/** Makes a call of a kind; its id is the kind, the caller's name, and a number. */
async function make(kind: string, number: number, act: (as: FaultTasks, id: string) => Promise<Answer>): Promise<void> {
  const id = `${kind}-${plan.name}-${number}`;
  const begun = performance.now();
  journal.write({ what: "submitting", id });
  const answer = await act(tasks, id);
  const outcome = answer.ok ? "ok" : answer.error.code;
  journal.write({ what: "answered", id, outcome, afterMs: performance.now() - begun });
}

const { waitMs, longMs } = plan;
const kinds: Readonly<Record<string, (all: FaultTasks, id: string) => Promise<Answer>>> = {
  plain: (all, id) => all.with({ id, timeoutMs: 20_000 }).safe.work(0, random.between(1, 50)),
  // Longer than a lease: others, with other clocks, must leave it alone.
  long: (all, id) => all.with({ id, timeoutMs: 20_000, attemptTimeoutMs: 10_000 }).safe.work(0, longMs),
  delayed: async (all, id) => (await all.with({ id, delayMs: waitMs }).submit.work(0, 1)).safeResult(),
  "run-at": async (all, id) =>
    (await all.with({ id, runAt: new Date(Date.now() + waitMs) }).submit.work(0, 1)).safeResult(),
  "expires-later": async (all, id) => (await all.with({ id, expiresInMs: 20_000 }).submit.work(0, 1)).safeResult(),
  // Nobody serves these, and they expire.
  unserved: (all, id) => all.with({ id, timeoutMs: waitMs }).safe.errand(0, 1),
  expires: async (all, id) => {
    const handle = await all.with({ id, expiresInMs: waitMs }).submit.errand(0, 1);
    await sleep(waitMs / 2);
    const { state } = await handle.status();
    if (state !== "queued") throw new Error(`${id} is ${state} before its time`);
    return handle.safeResult({ timeoutMs: 20_000 });
  },
  retried: async (all, id) => all.with({ id, timeoutMs: 20_000 }).safe.flaky(0, 2),
  "attempt-limited": (all, id) =>
    all.with({ id, timeoutMs: 20_000, attemptTimeoutMs: waitMs }).safe.stubborn(0, longMs),
};

// Connected before anything is timed.
await tasks.with({ timeoutMs: 20_000 }).work(0, 0);
await Promise.all(
  Object.entries(kinds).flatMap(([kind, act]) =>
    Array.from({ length: kind === "plain" ? 20 * plan.calls : plan.calls }, (_, number) => make(kind, number, act)),
  ),
);
await tasks.client.close();
sayLast("done");
