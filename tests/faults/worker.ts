/** A worker under faults: its plan is its first argument, as JSON. It says "ready", and waits to be told "go"; told to stop, it stops. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Context, createWorker, type Logger, type TaskError } from "taskpact";
import { implement } from "taskpact/codegen";
import { redisBroker } from "taskpact/redis";
import { say, sayLast } from "../processes/say.ts";
import { Journal } from "./journal.ts";
import type { WorkerPlan } from "./plan.ts";
import { die, listenToBells, Mortality, seamed } from "./seams.ts";
import { contractWith, type Name, names, type RunAnswer } from "./tasks.ts";

const plan = JSON.parse(process.argv[2] ?? "") as WorkerPlan;
// Without its parent it has no reason to be.
process.once("disconnect", () => process.exit(1));
const journal = new Journal(plan.folder);
const mortality = new Mortality(plan.death);
listenToBells(mortality);

type Handler = (params: never, context: Context) => unknown;
const answer = (number: number, { attempt, fence }: Context): RunAnswer => ({
  number,
  attempt,
  fence,
  pid: process.pid,
});

const handlers: Record<Name, Handler> = {
  work: last,
  errand: last,
  async stubborn({ number, lastsMs }: { number: number; lastsMs: number }, context) {
    await sleep(lastsMs);
    return answer(number, context);
  },
  block({ number, blocksMs }: { number: number; blocksMs: number }, context) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocksMs);
    return answer(number, context);
  },
  flaky({ number, failures }: { number: number; failures: number }, context) {
    if (context.attempt <= failures) throw new Error(`attempt ${context.attempt}`);
    return answer(number, context);
  },
  poison: die,
  echo: ({ value }: { value: unknown }) => value,
};

async function last({ number, lastsMs }: { number: number; lastsMs: number }, context: Context): Promise<RunAnswer> {
  if (mortality.comes("in the handler")) {
    await sleep(lastsMs / 2);
    die();
  }
  await sleep(lastsMs, undefined, { signal: context.signal });
  return answer(number, context);
}

/** A handler whose runs are written down. */
function recorded(handler: Handler): Handler {
  return (params, context) => {
    const { callId: id, attempt, fence } = context;
    journal.write({ what: "began", id, attempt, fence });
    context.signal.addEventListener("abort", () => {
      journal.write({ what: "aborted", id, fence, code: (context.signal.reason as TaskError).code });
    });
    const returned = handler(params, context);
    const ended = () => journal.write({ what: "ended", id, attempt, fence });
    if (!(returned instanceof Promise)) {
      ended();
      return returned;
    }
    return returned.finally(ended);
  };
}

/** Says that its last finish is due, and waits until it is told to make it. */
async function askToFinish(): Promise<void> {
  if (plan.asksBeforeDeath !== true) return;
  const told = new Promise((resolve) => process.once("message", resolve));
  say("finishing");
  await told;
}

const line = (level: string) => (fields: object, message: string) =>
  void process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
const log: Logger = {
  debug() {},
  info: (_, message) => void (message === "listening" && say({ listening: worker.id })),
  warn: line("warn"),
  error: line("error"),
};
const broker = redisBroker(plan.url, { namespace: plan.namespace });
const implemented = plan.tasks ?? names;
const worker = createWorker({
  broker: seamed(broker, mortality, journal, askToFinish),
  implementations: [
    implement(
      contractWith(implemented),
      Object.fromEntries(implemented.map((name) => [name, recorded(handlers[name]) as never])),
    ),
  ],
  concurrency: plan.concurrency,
  leaseMs: plan.leaseMs,
  maxDeliveries: plan.maxDeliveries,
  graceMs: plan.graceMs,
  log,
});
process.on("message", (told) => void (told === "stop" && worker.stop()));
const told = new Promise((resolve) => process.once("message", resolve));
say("ready");
await told;
await worker.run();
await broker.close();
sayLast("stopped");
