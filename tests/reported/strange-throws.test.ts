import { runInNewContext } from "node:vm";
import { expect, onTestFinished } from "vitest";
import { TaskError } from "taskpact";
import { reported, reportedOnBrokers } from "./reported.ts";
import { CallLab } from "../calls/lab.ts";

const refusing = (): never => {
  throw new Error("a trap");
};
/** A proxy whose every trap throws. */
function opaque(target: object): object {
  const traps = ["get", "has", "getPrototypeOf", "ownKeys", "getOwnPropertyDescriptor", "set", "defineProperty"];
  return new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, refusing])));
}
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
function withMember(error: object, name: string, member: PropertyDescriptor): object {
  // A stack is written when it is first read, and then has the message of before.
  void (error as Error).stack;
  return Object.defineProperty(error, name, { configurable: true, ...member });
}
function loop(): Error {
  const error = new Error("round and round");
  error.cause = new AggregateError([error], "within", { cause: error });
  return error;
}
const plain = Object.assign(Object.create(null) as object, { toString: refusing, toJSON: refusing });

/** What a handler may throw, and the words that are to be had of it. */
const thrown: readonly (readonly [string, () => unknown, string])[] = [
  ["a message that is a symbol", () => withMember(new Error("said"), "message", { value: Symbol("odd") }), "said"],
  ["a message that can't be read", () => withMember(new Error("said"), "message", { get: refusing }), "said"],
  ["a proxy whose traps throw", () => opaque(new Error("hidden")), "the handler threw a value of type object"],
  ["a function whose traps throw", () => opaque(() => 1), "the handler threw a function"],
  ["a revoked proxy", revoked, "the handler threw a value of type object"],
  ["a stack that is a number", () => withMember(new Error("said"), "stack", { value: 5 }), "said"],
  ["a stack that can't be read", () => withMember(new Error("said"), "stack", { get: refusing }), "said"],
  ["a name that is an object", () => withMember(new Error("said"), "name", { value: plain }), "said"],
  ["causes that go round", loop, "round and round"],
  ["an object without a prototype", () => plain, "the handler threw a value of type object"],
  ["a message in an object that is no JSON", () => ({ message: "said", toJSON: refusing }), "said"],
  ["a frozen error", () => Object.freeze(new RangeError("said")), "said"],
  ["an error of another realm", () => runInNewContext("new TypeError('said')") as unknown, "said"],
  ["a bigint", () => 5n, "the handler threw 5n"],
  ["a thenable", () => withMember({ odd: 1 }, "then", { value: refusing }), 'the handler threw {"odd":1}'],
  ["errors without a message of their own", () => new AggregateError([new Error("one"), new Error("two")]), "one; two"],
  ["a frozen TaskError", () => Object.freeze(new TaskError("failed", "said")), "said"],
  [
    "what is only branded as a TaskError",
    () => withMember(new Error("said"), Symbol.for("taskpact.TaskError") as never, { value: true }),
    "said",
  ],
  [
    "a TaskError whose parts were replaced",
    () => Object.assign(new TaskError("failed", "said"), { code: Symbol("odd"), issues: 5 }),
    "[failed] said",
  ],
];

reportedOnBrokers(
  "C4",
  "whatever is thrown is `failed`, with the best text that can be had",
  async ({ lab, got }) => {
    const told: string[] = [];
    const log = { debug() {}, info() {}, warn: (fields: object) => told.push(JSON.stringify(fields)), error() {} };
    lab.acts["throws"] = (_, index: number) => {
      throw thrown[index]![1]();
    };
    lab.acts["rejects"] = (_, index: number) =>
      Promise.resolve().then(() => {
        throw thrown[index]![1]();
      });
    await lab.worker({ log });
    const remote = lab.client();
    const local = lab.client({ implementations: [lab.implementation("here")] });
    const seen: string[] = [];
    for (const [index, [what, , words]] of thrown.entries()) {
      for (const act of ["throws", "rejects"]) {
        for (const tasks of [remote, local]) {
          const answer = await tasks.safe.acting(act, index);
          const error = answer.ok ? undefined : answer.error;
          seen.push(`${what}: ${error?.code} ${error?.reason}`);
          expect(`${what}: ${error?.code} ${error?.reason}`).toBe(`${what}: failed ${words}`);
        }
      }
    }
    got(`${seen.length} of ${thrown.length * 4} failed with their words`);
    expect(told.length).toBeGreaterThanOrEqual(thrown.length);
  },
  60_000,
);

reported("C4", "frames in place of a stack are kept as text, and the message is not lost", async (got) => {
  const lab = new CallLab(() => "memory:frames");
  lab.acts["throws"] = () => {
    const before = Error.prepareStackTrace;
    Error.prepareStackTrace = (_, frames) => frames;
    try {
      const error = new Error("said");
      // Made while frames are wanted.
      void error.stack;
      throw error;
    } finally {
      Error.prepareStackTrace = before;
    }
  };
  await lab.worker();
  const tasks = lab.client();
  const handle = await tasks.with({ keepRequest: true }).submit.acting("throws");
  const answer = await handle.safeResult();
  const kept = await tasks.client.parked.show("acting", handle.id);
  got(`${answer.ok ? "" : answer.error.message}; ${kept.reason?.remoteStack?.split("\n", 1)[0]}`);
  expect(answer).toMatchObject({ ok: false, error: { code: "failed", reason: "said" } });
  expect(kept.reason?.remoteStack).toMatch(/^Error: said\n {4}at .*strange-throws/);
});

reported(
  "C4",
  "a promise that lies about itself, and a hook, an abort and a listener that throw strange things",
  async (got) => {
    const lab = new CallLab(() => "memory:strange");
    lab.acts["constructs"] = () => withMember(Promise.resolve(1), "constructor", { get: refusing });
    lab.acts["thens"] = () => withMember(Promise.resolve(1), "then", { value: () => "no promise" });
    lab.acts["waits"] = (context) =>
      new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(revoked())));
    lab.acts["reports"] = (context) => context.progress({ current: 1, total: 1 });
    const hook = {
      attempt: (_: unknown, next: () => Promise<unknown>) => next().then(() => Promise.reject(opaque({}))),
    };
    await lab.worker({ hooks: [hook] });
    const tasks = lab.client();
    const codes: string[] = [];
    for (const act of ["constructs", "thens"]) {
      const answer = await tasks.safe.acting(act);
      codes.push(answer.ok ? "ok" : `${answer.error.code} ${answer.error.reason}`);
    }
    const abort = new AbortController();
    const waiting = tasks.with({ signal: abort.signal }).safe.acting("waits");
    abort.abort(opaque(new Error("reason")));
    codes.push(((await waiting) as { error?: TaskError }).error?.code ?? "ok");
    const onProgress = (): never => {
      throw opaque({}) as Error;
    };
    const heard = await tasks.with({ onProgress }).safe.acting("reports");
    codes.push(heard.ok ? "ok" : heard.error.code);
    got(codes.join(", "));
    expect(codes).toEqual(["failed a trap", "ok", "canceled", "ok"]);
  },
);

reported("C4", "the log on standard error writes what can't be read, and no call ends by it", async (got) => {
  const lab = new CallLab(() => "memory:strange-log");
  const { streamLogger } = await import("taskpact");
  const lines: string[] = [];
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (line: string) => lines.push(line) > 0;
  onTestFinished(() => void (process.stderr.write = write));
  for (const format of ["text", "json"] as const) {
    const log = streamLogger("debug", format);
    log.warn({ err: opaque(new Error("hidden")), odd: plain, next: 1 }, "strange");
    log.warn({ err: withMember(new Error("x"), "stack", { get: refusing }) }, "strange");
    log.warn(opaque({}), "strange");
  }
  lab.acts["logs"] = (context) => context.log.info(opaque({}), "strange");
  await lab.worker({ log: streamLogger("debug", "json") });
  const answer = await lab.client().safe.acting("logs");
  process.stderr.write = write;
  got(`${lines.filter((line) => line.includes("strange")).length} lines`);
  expect(answer).toMatchObject({ ok: true });
  expect(lines.filter((line) => line.includes("strange"))).toHaveLength(7);
});
