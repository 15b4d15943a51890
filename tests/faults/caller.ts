/** A caller under faults: makes calls in bursts until it is killed, and writes down which of them were accepted. */
import { type Broker, type Logger, TaskError } from "taskpact";
import { redisBroker } from "taskpact/redis";
import { say } from "../processes/say.ts";
import { Journal } from "./journal.ts";
import type { CallerPlan } from "./plan.ts";
import { overridden } from "./overridden.ts";
import { Random } from "./random.ts";
import { die } from "./seams.ts";
import { createFaultTasks } from "./tasks.ts";

const plan = JSON.parse(process.argv[2] ?? "") as CallerPlan;
process.once("disconnect", () => process.exit(1));
const journal = new Journal(plan.folder);
const random = new Random(plan.seed);
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let passes = 0;
/** A broker whose caller may die when a batch is about to be sent, is on its way, or is stored and nobody knows. */
function mortal(broker: Broker): Broker {
  const { death } = plan;
  return overridden(broker, {
    async submit(...args) {
      passes += 1;
      const last = death !== undefined && passes >= death.pass;
      if (last && death.moment === "before") die();
      const submitting = broker.submit(...args);
      // The driver writes at the end of the turn, if it is connected.
      if (last && death.moment === "during") setImmediate(die);
      const submitted = await submitting;
      if (last) die();
      return submitted;
    },
  });
}

const broker = mortal(redisBroker(plan.url, { namespace: plan.namespace }));
const tasks = createFaultTasks({ broker, log: quiet });

async function call(number: number): Promise<void> {
  const id = `c${number}`;
  const as = tasks.with({ id });
  const lastsMs = random.between(1, 30);
  journal.write({ what: "submitting", id });
  const begun = performance.now();
  if (random.next() < 0.3) {
    const answer = await as.with({ timeoutMs: 60_000 }).safe.work(number, lastsMs);
    const outcome = answer.ok ? "ok" : answer.error.code;
    journal.write({ what: "answered", id, outcome, afterMs: performance.now() - begun });
    return;
  }
  try {
    await as.submit.work(number, lastsMs);
    journal.write({ what: "submitted", id });
  } catch (error) {
    journal.write({ what: "answered", id, outcome: TaskError.from(error).code, afterMs: performance.now() - begun });
  }
}

say("calling");
// Its death is not its own to choose: it comes.
for (let number = plan.first; ;) {
  const burst = random.between(1, 300);
  const calls = Array.from({ length: burst }, (_, at) => call(number + at));
  number += burst;
  await Promise.race([Promise.all(calls), new Promise((resolve) => setTimeout(resolve, random.between(1, 30)))]);
}
