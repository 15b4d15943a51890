import { createWorker, type Implementation } from "taskpact";
import { type TestBroker, testBroker } from "taskpact/testing";
import { createTasks, implementMath, implementOrders, type Tasks } from "../../generated/index.ts";

export const math = implementMath({
  // Under a lock, which it gets from whatever runs it.
  addition: ({ a, b }, { lock }) => lock("sums", (fence) => (fence > 0 ? a + b : Number.NaN)),
  subtraction: async ({ minuend, subtrahend }, { signal, attempt, log }) => {
    log.info({ minuend, attempt }, "begun");
    // Whoever subtracts 0 waits for the end of its time.
    if (subtrahend === 0) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error())));
    return minuend - subtrahend;
  },
  division: ({ dividend, divisor }, { errors, progress, attempt, callId, fence }) => {
    if (divisor === 0) throw errors.divisionByZero({ dividend });
    if (divisor < 0) throw new RangeError(`not by ${divisor}`);
    progress({ current: attempt, total: 3 });
    return callId === "lie" ? (`${fence}` as unknown as number) : dividend / divisor;
  },
});

/** Depends on something that no test can open. */
export const rated = implementMath(
  {
    addition: ({ a }, { dependencies }) => a * dependencies.rate,
    subtraction: () => 0,
    division: () => 0,
  },
  {
    dependencies: (): { readonly rate: number } => {
      throw new Error("it was opened");
    },
  },
);

export const placedAt = new Date(1_700_000_000_000);
export const money = { amount: 3, currency: "EUR" } as const;
export const orders = implementOrders({
  place: () => {
    throw new Error("not today");
  },
  quote: ({ lines, currency }) => ({
    total: { amount: lines.reduce((sum, { quantity }) => sum + quantity, 0), currency },
    byLine: [],
    validUntil: placedAt.toISOString(),
  }),
  cancelOrder: ({ id, reason }, { errors }) => {
    if (reason === "late") throw errors.alreadyShipped({ shippedAt: placedAt.toISOString(), carrier: id });
    return { status: "canceled", refund: money, canceledAt: placedAt.toISOString() };
  },
});

export interface Stage extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly tasks: Tasks;
}

/** A client whose calls nobody takes. */
export function idle(): Stage {
  const broker = testBroker();
  const tasks = createTasks({ broker });
  return {
    broker,
    tasks,
    async [Symbol.asyncDispose]() {
      await tasks.client.close();
      await broker.close();
    },
  };
}

/** A client, and a worker that listens. */
export async function work(implementation: Implementation = math): Promise<Stage> {
  const stage = idle();
  const worker = createWorker({ broker: stage.broker, implementations: [implementation], handleSignals: false });
  const running = worker.run();
  await stage.broker.clock.advance(0);
  return {
    ...stage,
    async [Symbol.asyncDispose]() {
      await worker.stop({ graceMs: 0 });
      await running;
      await stage[Symbol.asyncDispose]();
    },
  };
}

/** Where a call stands, and its attempts so far. */
export async function stateOf(handle: {
  status(): Promise<{ state: string; attempt: number }>;
}): Promise<[string, number]> {
  const { state, attempt } = await handle.status();
  return [state, attempt];
}
