import { createWorker } from "taskpact";
import { implement } from "taskpact/codegen";
import { expect, onTestFinished } from "vitest";
import { createTasks, implementMath, implementText, type Tasks } from "../../generated/index.ts";
import { type Open, reported, reportedOnBrokers } from "./reported.ts";

type Implementations = Parameters<typeof createWorker>[0]["implementations"];

/** Processes that serve parts of contracts, and clients, on one store. */
class Parts {
  readonly #open: Open;

  constructor(open: Open) {
    this.#open = open;
  }

  async worker(implementations: Implementations): Promise<void> {
    const broker = this.#open();
    let listening!: () => void;
    const listens = new Promise<void>((resolve) => (listening = resolve));
    const log = {
      debug() {},
      info: (_: object, said: string) => said === "listening" && listening(),
      warn() {},
      error() {},
    };
    const worker = createWorker({ broker, implementations, log, handleSignals: false });
    const running = worker.run();
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
      await running;
      if (typeof broker !== "string") await broker.close();
    });
    await Promise.race([listens, running]);
  }

  client(options: Omit<Parameters<typeof createTasks>[0], "broker"> = {}): Tasks {
    const broker = this.#open();
    const tasks = createTasks({ broker, ...options });
    onTestFinished(async () => {
      await tasks.client.close();
      if (typeof broker !== "string") await broker.close();
    });
    return tasks;
  }
}

const adds = implementMath.partial({ addition: ({ a, b }) => a + b });
const divides = implementMath.partial({ division: ({ dividend, divisor }) => dividend / divisor });

reportedOnBrokers("G3", "two workers serve a queue, each with a part of a contract", async ({ open, got }) => {
  const parts = new Parts(open);
  // One of them calls the other's task.
  const subtracts = implementMath.partial({
    addition: ({ a, b }) => a + b,
    subtraction: async ({ minuend, subtrahend }, { tasks }) => minuend - (await tasks.division(subtrahend, 1)),
  });
  await parts.worker([subtracts]);
  await parts.worker([divides]);
  const tasks = parts.client();
  const calls = Array.from({ length: 60 }, (_, n) => [
    tasks.addition(n, 1),
    tasks.division(n, 2),
    tasks.subtraction(n, 1),
  ]);
  const delayed = await tasks.with({ delayMs: 50 }).submit.division(9, 3);
  const values = await Promise.all(calls.flat());
  expect(values).toEqual(Array.from({ length: 60 }, (_, n) => [n + 1, n / 2, n - 1]).flat());
  expect(await delayed.result()).toBe(3);
  const presence = await tasks.client.presence("math");
  const served = presence.map((one) =>
    one.tasks
      .filter((name) => name.startsWith("math."))
      .toSorted()
      .join(" "),
  );
  got(`${values.length} of 180 answered; served: ${served.toSorted().join(" | ")}`);
  expect(served.toSorted()).toEqual(["math.addition math.subtraction", "math.division"]);
});

reportedOnBrokers("G3", "what no worker has a handler of is unimplemented, until one has", async ({ open, got }) => {
  const parts = new Parts(open);
  await parts.worker([adds]);
  const tasks = parts.client();
  const handle = await tasks.submit.division(6, 2);
  const answer = await tasks.safe.division(1, 2);
  got(answer.ok ? "answered" : answer.error.code);
  expect(answer).toMatchObject({ ok: false, error: { code: "unimplemented" } });
  await parts.worker([divides]);
  expect(await handle.result()).toBe(3);
});

reportedOnBrokers(
  "G3",
  "a client with a part of a contract runs that here, and sends the rest",
  async ({ open, got }) => {
    const parts = new Parts(open);
    await parts.worker([divides]);
    const here: number[] = [];
    const own = implementMath.partial({ addition: ({ a, b }) => (here.push(a), a + b) });
    const tasks = parts.client({ implementations: [own] }).with({ policy: "local-first" });
    expect([await tasks.addition(1, 2), await tasks.division(6, 2)]).toEqual([3, 3]);
    expect(here).toEqual([1]);
    const answer = await tasks.with({ policy: "local-only" }).safe.division(6, 2);
    got(answer.ok ? "answered" : answer.error.reason);
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "unavailable", reason: expect.stringContaining("local-only") },
    });
  },
);

reported("G3", "parts are checked: at least one handler, of tasks that exist, each task once", async (got) => {
  const reasons = [
    () => implementMath.partial({}),
    () => implementMath.partial({ addition: undefined } as never),
    () => implementMath.partial({ multiplication: () => 1 } as never),
    () => implementMath.partial({ addition: 3 } as never),
    () => implementMath({ addition: () => 1 } as never),
    () => createTasks({ broker: "memory:", implementations: [adds, divides, adds] }),
  ].map((make) => {
    try {
      make();
      return "taken";
    } catch (refused) {
      return (refused as { reason: string }).reason;
    }
  });
  got(reasons[0]!);
  expect(reasons).toEqual([
    'the handlers of contract "math": there are none; its tasks are addition, division, subtraction',
    'the handlers of contract "math": there are none; its tasks are addition, division, subtraction',
    'the handlers of contract "math": there is no task multiplication; its handler can be deleted',
    'the handlers of contract "math": the handler of addition is no function',
    'the handlers of contract "math": division has no handler; subtraction has no handler',
    "math.addition is implemented twice",
  ]);
  const both = createTasks({ broker: "memory:", implementations: [adds, divides] });
  onTestFinished(() => both.client.close());
  expect([await both.addition(1, 2), await both.division(6, 2)]).toEqual([3, 3]);
  // A contract without tasks has nothing to be left out.
  expect(implement({ name: "none", tasks: {}, names: [] } as never, {}).tasks).toEqual([]);
  expect(implementText).toHaveProperty("partial");
});
