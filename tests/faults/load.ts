/** A caller that calls at a rate, however many answers are still to come; its plan is its first argument, as JSON. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Logger } from "taskpact";
import { say, sayLast } from "../processes/say.ts";
import type { LoadPlan, LoadTold } from "./plan.ts";
import { createFaultTasks } from "./tasks.ts";

const plan = JSON.parse(process.argv[2] ?? "") as LoadPlan;
process.once("disconnect", () => process.exit(1));
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const { url: broker, namespace, maxPending, timeoutMs, perSecond, lastsMs } = plan;
const tasks = createFaultTasks({ broker, namespace, maxPending, log: quiet });
const patient = tasks.with({ timeoutMs });

const outcomes: Record<string, number> = {};
let made = 0;
let open = 0;
let mostOpen = 0;
let worstMs = 0;
let idle = (): void => undefined;

async function call(): Promise<void> {
  mostOpen = Math.max(mostOpen, ++open);
  const begun = performance.now();
  const answer = await patient.safe.work(made++, plan.workMs);
  worstMs = Math.max(worstMs, performance.now() - begun - timeoutMs);
  const outcome = answer.ok ? "ok" : answer.error.code;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  if (--open === 0) idle();
}

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
say("calling");
const begun = performance.now();
while (performance.now() - begun < lastsMs) {
  const due = Math.min(((performance.now() - begun) / 1_000) * perSecond, made + 1_000);
  while (made < due) void call();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
if (open > 0) await new Promise<void>((resolve) => (idle = resolve));
const loopMs = delay.max / 1e6;
const settled = performance.now();
const answer = await tasks.with({ timeoutMs: 60_000 }).safe.work(0, 1);
const recoveredMs = performance.now() - settled;
await tasks.client.close();
const told: LoadTold = { made, mostOpen, outcomes, worstMs, loopMs, recovered: answer.ok, recoveredMs };
sayLast(told);
