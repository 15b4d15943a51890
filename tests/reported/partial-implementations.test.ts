import { expect, onTestFinished } from "vitest";
import type { ClientOptions } from "taskpact/codegen";
import { createTasks, implementMath, implementText, type Tasks } from "../../generated/index.ts";
import { quiet } from "../calls/lab.ts";
import { type Open, reported, reportedOnBrokers } from "./reported.ts";

function client(open: Open, options: Partial<ClientOptions> = {}): Tasks {
  const broker = open();
  const tasks = createTasks({ broker, log: quiet, ...options });
  onTestFinished(async () => {
    await tasks.client.close();
    if (typeof broker !== "string") await broker.close();
  });
  return tasks;
}

/** A contract in two halves, which note where each task ran. The first calls tasks of both. */
function halves(ran: string[]) {
  const sums = (place: string) =>
    implementMath.partial({
      addition: async ({ a, b }, { tasks }) => {
        ran.push(`addition ${place}`);
        if (a === 0) return b;
        return (await tasks.division(await tasks.addition(0, a), 1)) + b;
      },
      subtraction: ({ minuend, subtrahend }) => {
        ran.push(`subtraction ${place}`);
        return minuend - subtrahend;
      },
    });
  const quotients = (place: string) =>
    implementMath.partial({
      division: ({ dividend, divisor }, { errors }) => {
        ran.push(`division ${place}`);
        if (divisor === 0) throw errors.divisionByZero({ dividend });
        return dividend / divisor;
      },
    });
  return { sums, quotients };
}

const listed = (ran: readonly string[]): readonly string[] => [...new Set(ran)].toSorted();
const patient = { policy: "remote-only", timeoutMs: 60_000 } as const;

reportedOnBrokers(
  "G3",
  "two workers each serve their half of a contract in one queue",
  async ({ lab, open, got }) => {
    const ran: string[] = [];
    const { sums, quotients } = halves(ran);
    const first = await lab.worker({ implementations: [sums("first")], concurrency: 2 });
    const second = await lab.worker({ implementations: [quotients("second")], concurrency: 2 });
    const all = client(open);
    const tasks = all.with(patient);
    const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
    const awaited = numbers.flatMap((n) => [tasks.addition(n, 1), tasks.subtraction(n, 1), tasks.division(n, 2)]);
    expect(await Promise.all(awaited)).toEqual(numbers.flatMap((n) => [n + 1, n - 1, n / 2]));
    const later = all.with({ delayMs: 50 }).submit;
    const delayed = await Promise.all(numbers.flatMap((n) => [later.addition(n, 1), later.division(n, 2)]));
    expect(await Promise.all(delayed.map((handle) => handle.result()))).toEqual(numbers.flatMap((n) => [n + 1, n / 2]));
    const answer = await tasks.safe.division(1, 0);
    expect(answer.ok ? undefined : answer.error.name).toBe("divisionByZero");
    got(`${ran.length} runs: ${listed(ran).join(", ")}`);
    expect(listed(ran)).toEqual(["addition first", "division second", "subtraction first"]);
    // 100 of each that was awaited, 100 of two that were delayed, one error; each sum of a caller's makes one of each.
    expect(ran).toHaveLength(300 + 200 + 1 + 200 * 2);
    // What each tells of itself.
    const workers = await all.client.workers();
    expect(new Map(workers.map(({ id, tasks }) => [id, tasks]))).toEqual(
      new Map([
        [first.id, ["math.addition", "math.subtraction"]],
        [second.id, ["math.division"]],
      ]),
    );
    expect(await all.client.presence("math")).toMatchObject(workers);
    const info = await all.client.queue("math").info();
    expect([info.workers, info.waiting.normal, info.held.aside]).toEqual([2, 0, 0]);
  },
  120_000,
);

reportedOnBrokers(
  "G3",
  "a task that no worker has yet waits for one, or is unimplemented where it is awaited",
  async ({ lab, open, got }) => {
    const ran: string[] = [];
    const { sums, quotients } = halves(ran);
    await lab.worker({ implementations: [sums("first")] });
    const tasks = client(open);
    const handles = await Promise.all([1, 2, 3].map((n) => tasks.submit.division(n, 2)));
    const answer = await tasks.with(patient).safe.division(1, 2);
    got(answer.ok ? "ok" : answer.error.message);
    expect(answer.ok ? undefined : answer.error.code).toBe("unimplemented");
    await expect(tasks.with(patient).subtraction(3, 1)).resolves.toBe(2);
    await lab.worker({ implementations: [quotients("second")] });
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([0.5, 1, 1.5]);
    expect(ran).not.toContain("division first");
  },
  60_000,
);

reportedOnBrokers(
  "G3",
  "a client runs the tasks that it has and sends the others",
  async ({ lab, open, got }) => {
    const ran: string[] = [];
    const { sums, quotients } = halves(ran);
    const tasks = client(open, { implementations: [sums("here")] });
    const local = tasks.with({ policy: "local-only" });
    const missing = await local.safe.division(1, 2);
    const unknown = await local.safe.wordCount("a b");
    got(missing.ok ? "ok" : missing.error.message);
    expect([missing, unknown].map((answer) => (answer.ok ? "ok" : answer.error.code))).toEqual([
      "unimplemented",
      "unavailable",
    ]);
    expect(missing.ok ? "" : missing.error.message).toContain(
      "it is local-only, and the implementation of its contract here leaves it out",
    );
    await lab.worker({ implementations: [quotients("worker")] });
    await expect(tasks.with({ timeoutMs: 60_000 }).addition(4, 6)).resolves.toBe(10);
    await expect(tasks.with({ timeoutMs: 60_000 }).division(4, 8)).resolves.toBe(0.5);
    await expect(tasks.with({ timeoutMs: 60_000, policy: "auto" }).subtraction(4, 8)).resolves.toBe(-4);
    expect(listed(ran)).toEqual(["addition here", "division worker", "subtraction here"]);
  },
  60_000,
);

reportedOnBrokers(
  "G3",
  "disjoint parts given together are joined",
  async ({ lab, open, got }) => {
    const ran: string[] = [];
    const { sums, quotients } = halves(ran);
    await lab.worker({ implementations: [sums("both"), quotients("both")] });
    const all = client(open);
    await expect(all.with(patient).addition(4, 6)).resolves.toBe(10);
    const [worker] = await all.client.workers();
    got(worker?.tasks.join(", ") ?? "no worker");
    expect(worker?.tasks).toEqual(["math.addition", "math.division", "math.subtraction"]);
    const here = client(open, { implementations: [quotients("here"), sums("here")] });
    await expect(here.with({ policy: "local-only" }).addition(4, 6)).resolves.toBe(10);
    expect(listed(ran)).toEqual(["addition both", "addition here", "division both", "division here"]);
  },
  60_000,
);

reported("G3", "a part without tasks, with unknown ones, or with another's is refused by name", (got) => {
  const refusals: string[] = [];
  const refused = (make: () => unknown, reason: string): void => {
    expect(make).toThrow(reason);
    refusals.push(reason);
  };
  const addition = () => 1;
  const tasks = "its tasks are addition, division, subtraction";
  const handlers = 'the handlers of contract "math"';
  refused(() => implementMath.partial({}), `${handlers}: none is given, and one at least is needed; ${tasks}`);
  refused(
    () => implementMath.partial({ addition, adition: addition } as never),
    `${handlers}: there is no task adition; ${tasks}`,
  );
  refused(() => implementMath.partial({ addition: undefined } as never), `${handlers}: addition has no handler`);
  refused(() => implementMath.partial({ addition: 1 } as never), `${handlers}: the handler of addition is no function`);
  refused(() => implementMath.partial(undefined as never), `${handlers} must be an object; got undefined`);
  refused(() => implementText.partial({ wordCount: addition } as never, { open: addition } as never), "no option");
  const two = [implementMath.partial({ addition }), implementMath.partial({ addition, subtraction: addition })];
  refused(
    () => createTasks({ broker: "memory:", implementations: two }),
    "math.addition is implemented twice: leave it out of one of the implementations",
  );
  got(`${refusals.length} refusals`);
});
