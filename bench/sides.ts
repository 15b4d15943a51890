/**
 * What our own code takes of a call on either side, without a driver and Redis: `sides.js caller|worker [calls] [inFlight]`,
 * in µs a call.
 * A broker that does nothing but answer stands in for them. Run with `--cpu-prof`, it shows where that time goes.
 */
import { type Broker, createWorker, streamLogger } from "taskpact";
import { createTasks, implementMath } from "../generated/index.ts";

const together = Number(process.argv[4] ?? 100);
const count = Number(process.argv[3] ?? 300_000);
const log = streamLogger("error");
const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});

type Submission = Parameters<Broker["submit"]>[1]["calls"][number];

/** Answers with what nobody asks for here. */
const idle: Broker = {
  submit: async (_queue, { calls }) => calls.map(() => ({ outcome: "accepted" })),
  claim: async () => [],
  finish: async (_queue, reports) => reports.map(() => "accepted"),
  renew: async () => ({ lost: [], reaped: 0, waiting: 0 }),
  cancel: async () => undefined,
  revoke: async () => false,
  read: async (_queue, ids) => ids.map(() => undefined),
  subscribe: async () => async () => undefined,
  presence: async () => [{ worker: "w", tasks: ["math.addition"] }],
  close: async () => undefined,
};

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** The records that a client sends. */
async function requests(): Promise<readonly Submission[]> {
  const sent: Submission[] = [];
  const submit: Broker["submit"] = async (queue, batch) => {
    sent.push(...batch.calls);
    return idle.submit(queue, batch);
  };
  const tasks = createTasks({ broker: { ...idle, submit }, log });
  const calls = Array.from({ length: together }, (_, n) => tasks.safe.addition(n, 2));
  await new Promise((sent) => setTimeout(sent, 20));
  await tasks.client.close();
  await Promise.all(calls);
  return sent;
}

/** Runs calls through a worker; resolves with the first reply and the CPU of a call. */
async function work(calls: number): Promise<{ readonly reply: Uint8Array; readonly us: number }> {
  const waiting = (await requests()).map(({ id, record }) => ({ id, record, suspect: false }));
  let claimed = 0;
  let reply: Uint8Array | undefined;
  const claim: Broker["claim"] = async ({ signal }) => {
    // A claim comes from the network: not in the turn in which it was asked for.
    await new Promise((arrived) => setImmediate(arrived));
    if (claimed < calls) {
      claimed += together;
      return [{ queue: "math", fence: 1_767_225_600_000_000, now: 1_767_225_600_000, calls: waiting }];
    }
    if (!signal.aborted) await new Promise((aborted) => signal.addEventListener("abort", aborted));
    return [];
  };
  let start = 0;
  let done = 0;
  const worker = createWorker({
    broker: {
      ...idle,
      claim,
      finish: async (queue, reports) => {
        if (done === 0) start = cpuUs();
        done += reports.length;
        const [first] = reports;
        if (first?.kind === "finish") reply ??= first.record;
        if (done >= calls) void worker.stop();
        return idle.finish(queue, reports);
      },
    },
    implementations: [math],
    log,
  });
  await worker.run();
  return { reply: reply!, us: (cpuUs() - start) / done };
}

async function callerUs(): Promise<number> {
  const { reply } = await work(together);
  let hear: Parameters<Broker["subscribe"]>[1] = () => undefined;
  const broker: Broker = {
    ...idle,
    submit: async (queue, batch) => {
      setImmediate(() => {
        for (const { id } of batch.calls) hear({ kind: "ended", id, record: reply });
      });
      return idle.submit(queue, batch);
    },
    subscribe: async (_channel, listener) => {
      hear = listener;
      return async () => undefined;
    },
  };
  const tasks = createTasks({ broker, log });
  let made = 0;
  const keepOneOpen = async (): Promise<void> => {
    while (made < count) await tasks.addition(made++, 2);
  };
  const start = cpuUs();
  await Promise.all(Array.from({ length: together }, keepOneOpen));
  const us = (cpuUs() - start) / count;
  await tasks.client.close();
  return us;
}

const [side] = process.argv.slice(2);
const us = side === "caller" ? await callerUs() : (await work(count)).us;
console.log(`${side}: ${us.toFixed(2)} µs a call`);
