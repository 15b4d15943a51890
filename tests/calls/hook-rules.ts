import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createWorker, type Hook, type HookEnd, type Implementation, type Logger } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import { type CallLab, quiet } from "./lab.ts";
import * as declared from "./lab-contract.ts";

function told(end: HookEnd): string {
  return end.ok ? "ok" : end.error.name === "TaskError" ? end.error.code : end.error.name;
}

/** A hook that writes down what it is around, as it begins and as it ends. */
function scribe(name: string, events: string[]): Hook {
  const around = async (what: string, next: () => Promise<HookEnd>) => {
    events.push(`${name} ${what}`);
    events.push(`${name} ${what}: ${told(await next())}`);
  };
  return {
    name,
    submit: ({ task, awaited }, next) => around(`${awaited ? "call" : "submit"} ${task}`, next),
    attempt: ({ task, attempt }, next) => around(`attempt ${attempt} ${task}`, next),
    reply: ({ task }, next) => around(`reply ${task}`, next),
  };
}

/** A logger that keeps what it is told of hooks. */
function kept(): { readonly lines: (object & { readonly message: string })[]; readonly log: Logger } {
  const lines: (object & { readonly message: string })[] = [];
  const line = (fields: object, message: string) => void lines.push({ message, ...fields });
  return { lines, log: { ...quiet, warn: line, error: line } };
}

/** A handler that answers with what it is given by `see`. */
function seeing(see: () => unknown): Implementation {
  return implement(contractOf("lab", declared, ["anything"]), { anything: async () => see() });
}

/** What runs around calls and attempts. */
export function hookRules(lab: () => CallLab): void {
  it("they run around the reply, the submit and the attempt of a call, the first outermost", async () => {
    const it = lab();
    const here: string[] = [];
    const there: string[] = [];
    await it.worker({ hooks: [scribe("c", there), scribe("d", there)] });
    const tasks = it.client({ hooks: [scribe("a", here), scribe("b", here)] });
    await expect(tasks.addition(4, 6)).resolves.toBe(10);
    await turn();
    expect(here).toEqual([
      "a reply lab.addition",
      "b reply lab.addition",
      "a call lab.addition",
      "b call lab.addition",
      "b call lab.addition: ok",
      "a call lab.addition: ok",
      "b reply lab.addition: ok",
      "a reply lab.addition: ok",
    ]);
    expect(there).toEqual([
      "c attempt 1 lab.addition",
      "d attempt 1 lab.addition",
      "d attempt 1 lab.addition: ok",
      "c attempt 1 lab.addition: ok",
    ]);
  });

  it("a local run has them all in one process, an attempt for each of its attempts", async () => {
    const it = lab();
    const events: string[] = [];
    const tasks = it.client({ implementations: [it.implementation("here")], hooks: [scribe("a", events)] });
    await expect(tasks.flaky("x", 1)).resolves.toBe(2);
    await turn();
    expect(events.toSorted()).toEqual([
      "a attempt 1 lab.flaky",
      "a attempt 1 lab.flaky: failed",
      "a attempt 2 lab.flaky",
      "a attempt 2 lab.flaky: ok",
      "a call lab.flaky",
      "a call lab.flaky: ok",
      "a reply lab.flaky",
      "a reply lab.flaky: ok",
    ]);
    await expect(tasks.addition(1, 2)).resolves.toBe(3);
  });

  it("a submitted call has its submit, and each wait for its answer a reply", async () => {
    const it = lab();
    const events: string[] = [];
    const tasks = it.client({ hooks: [scribe("a", events)] });
    const handle = await tasks.submit.division(1, 0);
    await turn();
    await expect(handle.result({ timeoutMs: 5 })).rejects.toMatchObject({ code: "deadline_exceeded" });
    await it.worker();
    await expect(handle.safeResult()).resolves.toMatchObject({ ok: false });
    await turn();
    expect(events).toEqual([
      "a submit lab.division",
      "a submit lab.division: ok",
      "a reply lab.division",
      "a reply lab.division: deadline_exceeded",
      "a reply lab.division",
      "a reply lab.division: divisionByZero",
    ]);
  });

  it("they are told of what was refused, of time that was up, and of what was canceled", async () => {
    const it = lab();
    const here: string[] = [];
    const there: string[] = [];
    await it.worker({ hooks: [scribe("w", there)] });
    const tasks = it.client({ hooks: [scribe("a", here)] });
    await expect(tasks.addition("4")).rejects.toMatchObject({ code: "invalid_argument" });
    await turn();
    expect(here).toContain("a call lab.addition: invalid_argument");
    expect(here).toContain("a reply lab.addition: invalid_argument");
    await expect(tasks.stubborn("x")).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(there).toContain("w attempt 1 lab.stubborn: deadline_exceeded");
    it.release("x");
    const canceler = new AbortController();
    const canceled = tasks.with({ signal: canceler.signal }).held("y");
    await it.begun("y");
    canceler.abort();
    await expect(canceled).rejects.toMatchObject({ code: "canceled" });
    await expect.poll(() => there).toContain("w attempt 1 lab.held: canceled");
    expect(here).toContain("a call lab.held: ok");
    expect(here).toContain("a reply lab.held: canceled");
  });

  it("they see what was given and what came of it", async () => {
    const it = lab();
    const seen: unknown[] = [];
    await it.worker({
      hooks: [
        {
          async attempt({ callId, params, context }, next) {
            seen.push([callId, context.callId, params], await next());
          },
        },
      ],
    });
    const tasks = it.client({
      hooks: [
        {
          submit({ callId, params, options }) {
            seen.push([callId, params, options.priority]);
          },
          async reply({ callId }, next) {
            seen.push([callId, await next()]);
          },
        },
      ],
    });
    await tasks.with({ id: "x", priority: "high" }).addition(1, 2);
    await turn();
    expect(seen).toEqual([
      ["x", { a: 1, b: 2 }, "high"],
      ["x", "x", { a: 1, b: 2 }],
      { ok: true, value: 3 },
      ["x", { ok: true, value: 3 }],
    ]);
  });

  it("they are told the queue and the policy, whether a reply is of an awaited call, and where a call was taken", async () => {
    const it = lab();
    const events: string[] = [];
    const sight: Hook = {
      async submit({ queue, policy }, next) {
        const end = await next();
        events.push(`submit ${queue} ${policy} ${end.ok ? end.value : end.error.code}`);
      },
      attempt: ({ queue }) => void events.push(`attempt ${queue}`),
      reply: ({ queue, awaited }) => void events.push(`reply ${queue} ${awaited ? "awaited" : "of a handle"}`),
    };
    await it.worker({ hooks: [{ attempt: ({ queue }) => void events.push(`attempt there ${queue}`) }] });
    const tasks = it.client({
      implementations: [it.implementation("here", ["addition", "elsewhere"])],
      hooks: [sight],
    });
    const heard = async (call: Promise<unknown>) => {
      await call.catch(() => undefined);
      await turn();
      return events.splice(0).toSorted();
    };
    const awaited = "reply lab-elsewhere awaited";
    const local = ["attempt lab-elsewhere", awaited, "submit lab-elsewhere local-first local"];
    await expect(heard(tasks.elsewhere("x"))).resolves.toEqual(local);
    const remote = ["attempt there lab-elsewhere", awaited, "submit lab-elsewhere remote-only remote"];
    await expect(heard(tasks.with({ policy: "remote-only" }).elsewhere("x"))).resolves.toEqual(remote);
    const refused = ["reply lab awaited", "submit lab local-only unimplemented"];
    await expect(heard(tasks.with({ policy: "local-only" }).held("x"))).resolves.toEqual(refused);
    const handled = ["attempt there lab", "reply lab of a handle", "submit lab remote-only remote"];
    const submitted = tasks.submit.addition(1, 2);
    await expect(heard(submitted.then((handle) => handle.result()))).resolves.toEqual(handled);
  });

  it("what they are around runs within their own scope", async () => {
    const it = lab();
    const scope = new AsyncLocalStorage<string>();
    const inner = new AsyncLocalStorage<string>();
    const hooks: Hook[] = [
      { attempt: ({ callId }, next) => scope.run(`run ${callId}`, next) },
      { attempt: (_, next) => inner.run(`within ${scope.getStore()}`, next) },
    ];
    const implementations = [seeing(() => [scope.getStore(), inner.getStore()])];
    const expected = ["run x", "within run x"];
    await it.worker({ implementations, hooks });
    await expect(it.client().with({ id: "x" }).anything("")).resolves.toEqual(expected);
    await expect(it.client({ implementations, hooks }).with({ id: "x" }).anything("")).resolves.toEqual(expected);
    const submitted = it.client({ hooks: [{ reply: (_, next) => scope.run("reply", next) }, hookThatSees()] });
    const seen: unknown[] = [];
    function hookThatSees(): Hook {
      return { submit: () => void seen.push(scope.getStore()) };
    }
    await submitted.anything("");
    expect(seen).toEqual(["reply"]);
  });

  const wrong: readonly (readonly [string, (next: () => Promise<unknown>) => unknown, string | undefined])[] = [
    [
      "throws at once",
      () => {
        throw new Error("hooked");
      },
      "a hook failed; the call goes on without it",
    ],
    [
      "throws behind next",
      (next) => {
        void next();
        throw new Error("hooked");
      },
      "a hook failed; the call goes on without it",
    ],
    [
      "rejects at the end",
      async (next) => {
        await next();
        throw new Error("hooked");
      },
      "a hook failed; the call goes on without it",
    ],
    ["never calls next", () => undefined, "a hook did not call next() at once: calls go on without it"],
    [
      "calls next late",
      async (next) => {
        await turn();
        await next();
      },
      "a hook did not call next() at once: calls go on without it",
    ],
    ["calls next twice", (next) => Promise.all([next(), next()]), undefined],
    ["never ends", (next) => Promise.all([next(), new Promise(() => {})]), undefined],
  ];
  it.each(wrong)("one that %s harms no call, and is named in the log", async (_, act, message) => {
    const it = lab();
    const { lines, log } = kept();
    const around = (__: object, next: () => Promise<unknown>) => act(next);
    const hook: Hook = { name: "odd", submit: around, attempt: around, reply: around };
    const events: string[] = [];
    let ran = 0;
    await it.worker({ implementations: [seeing(() => (ran += 1))], hooks: [hook, scribe("w", events)] });
    const tasks = it.client({ hooks: [hook, scribe("c", events)], log });
    await expect(tasks.anything("")).resolves.toBe(1);
    await expect(tasks.safe.anything("")).resolves.toEqual({ ok: true, value: 2 });
    const handle = await tasks.submit.anything("");
    await expect(handle.result()).resolves.toBe(3);
    await turn();
    expect(ran).toBe(3);
    expect(events.filter((event) => event === "c reply lab.anything: ok")).toHaveLength(3);
    expect(events.filter((event) => event === "w attempt 1 lab.anything: ok")).toHaveLength(3);
    const kinds = message === undefined ? [] : ["reply", "submit"];
    for (const kind of kinds) expect(lines).toContainEqual(expect.objectContaining({ message, hook: "odd", kind }));
    if (message === undefined) expect(lines).toEqual([]);
  });

  it("one that fails in an attempt is logged by its place with the task, the call and the error", async () => {
    const it = lab();
    const { lines, log } = kept();
    const error = new Error("hooked");
    const broken: Hook = {
      attempt() {
        throw error;
      },
    };
    const implementations = [it.implementation("here")];
    const tasks = it.client({ implementations, hooks: [scribe("a", []), broken], log });
    await expect(tasks.with({ id: "x" }).addition(1, 2)).resolves.toBe(3);
    expect(lines).toEqual([
      {
        message: "a hook failed; the call goes on without it",
        hook: 1,
        kind: "attempt",
        task: "lab.addition",
        callId: "x",
        err: error,
      },
    ]);
  });

  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  /** A hook that keeps what it is told of where calls come from. */
  function witness(seen: unknown[]): Hook {
    return {
      submit({ task, callId, parentId, rootId, metadata, trace }, next) {
        seen.push({ at: "submit", task, callId, parentId, rootId, metadata, trace });
        return next();
      },
      attempt({ task, callId, context: { parentId, rootId, metadata }, trace }, next) {
        seen.push({ at: "attempt", task, callId, parentId, rootId, metadata, trace });
        return next();
      },
    };
  }

  it("what they hand on goes with the call: to hooks within, to its attempt, and to the calls that it makes", async () => {
    const it = lab();
    const here: unknown[] = [];
    const there: unknown[] = [];
    it.acts["nest"] = async ({ tasks, metadata }) => [metadata, await tasks.with({ id: "y" }).anything("")];
    const hooks: Hook[] = [
      { submit: (_, next) => next({ metadata: { tenant: "b", request: "r" }, trace: { traceparent } }) },
      { submit: (_, next) => next({ metadata: { request: "r2" } }) },
    ];
    await it.worker({ hooks: [witness(there)] });
    const tasks = it.client({ hooks: [...hooks, witness(here)] }).with({ metadata: { tenant: "a", language: "en" } });
    const metadata = { tenant: "b", language: "en", request: "r2" };
    const answered = await tasks.with({ id: "x" }).acting("nest");
    expect(answered).toEqual([metadata, expect.anything()]);
    const trace = { traceparent };
    const first = { task: "lab.acting", callId: "x", parentId: undefined, rootId: "x", metadata, trace };
    const second = { task: "lab.anything", callId: "y", parentId: "x", rootId: "x", metadata, trace };
    expect(here).toEqual([{ at: "submit", ...first }]);
    expect(there).toEqual([
      { at: "attempt", ...first },
      { at: "submit", ...second },
      { at: "attempt", ...second },
    ]);
    const handle = await tasks.with({ delayMs: 60_000 }).submit.addition(1, 2);
    expect(await handle.status()).toMatchObject({ metadata });
  });

  it("what they hand on goes with local runs, too", async () => {
    const it = lab();
    const seen: unknown[] = [];
    const giving: Hook = {
      submit: (_, next) => next({ metadata: { request: "r" }, trace: { traceparent, tracestate: "a=1" } }),
    };
    const tasks = it.client({ implementations: [it.implementation("here")], hooks: [giving, witness(seen)] });
    await tasks.with({ id: "x" }).addition(1, 2);
    const told = { task: "lab.addition", callId: "x", parentId: undefined, rootId: "x", metadata: { request: "r" } };
    const trace = { traceparent, tracestate: "a=1" };
    expect(seen).toEqual([
      { at: "submit", ...told, trace },
      { at: "attempt", ...told, trace },
    ]);
  });

  it("calls that handlers make have the submit and the reply of their place, with scope, trace and metadata", async () => {
    const it = lab();
    const events: string[] = [];
    const scope = new AsyncLocalStorage<string>();
    const span: Hook = {
      name: "span",
      attempt: ({ callId }, next) => scope.run(`within ${callId}`, next),
      submit: ({ task }, next) => {
        events.push(`${task} ${scope.getStore()}`);
        return next({ metadata: { span: String(scope.getStore()) } });
      },
    };
    it.acts["nest"] = async ({ tasks }) => {
      const handle = await tasks.submit.acting("tell");
      return [await tasks.acting("tell"), await handle.result()];
    };
    it.acts["tell"] = ({ metadata }) => metadata;
    await it.worker({ hooks: [scribe("w", events), span] });
    const told = { span: "within x" };
    await expect(it.client().with({ id: "x" }).acting("nest")).resolves.toEqual([told, told]);
    await turn();
    expect(events.filter((event) => event.includes("within"))).toEqual(Array(2).fill("lab.acting within x"));
    expect(events).toContain("w submit lab.acting: ok");
    expect(events).toContain("w call lab.acting: ok");
    expect(events.filter((event) => event === "w reply lab.acting: ok")).toHaveLength(2);
  });

  const uncarried: readonly (readonly [string, unknown, RegExp])[] = [
    ["metadata that is no text", { metadata: { n: 1 } }, /metadata must be an object of strings; "n" is none/],
    ["too much metadata", { metadata: { n: "x".repeat(4_100) } }, /metadata takes \d+ bytes, more than the 4096/],
    ["a trace that is none", { trace: { traceparent: "x" } }, /trace\.traceparent must be/],
    ["a long tracestate", { trace: { traceparent, tracestate: "x".repeat(513) } }, /trace\.tracestate must be/],
    ["names that nobody knows", { metdata: {} }, /there is no option "metdata"/],
    ["anything else", "request", /it must be \{ metadata, trace \}; got "request"/],
  ];
  it.each(uncarried)(
    "of what they hand on, %s is dropped and logged, and the call goes on",
    async (_, more, reason) => {
      const it = lab();
      const seen: unknown[] = [];
      const { lines, log } = kept();
      const odd: Hook = { name: "odd", submit: (__, next) => next(more as never) };
      const good: Hook = { submit: (__, next) => next({ metadata: { b: "2" } }) };
      const tasks = it
        .client({ implementations: [it.implementation("here")], hooks: [odd, good, witness(seen)], log })
        .with({ metadata: { a: "1" } });
      await expect(tasks.with({ id: "x" }).addition(1, 2)).resolves.toBe(3);
      const told = { metadata: { a: "1", b: "2" }, trace: undefined };
      expect(seen).toMatchObject([told, told]);
      expect(lines).toEqual([
        {
          message: "what a hook gave next() is dropped",
          hook: "odd",
          kind: "submit",
          task: "lab.addition",
          callId: "x",
          reason: expect.stringMatching(reason) as string,
        },
      ]);
    },
  );

  it("what can't be a hook is refused", () => {
    const implementations = [lab().implementation("here")];
    const made = (hooks: unknown) => () => createWorker({ broker: "memory:", implementations, hooks: hooks as Hook[] });
    expect(made({})).toThrow(/createWorker\(\): hooks must be a list; got an object/);
    expect(made([{ sumbit() {} }])).toThrow(/hooks\[0\] has none of submit, attempt, reply/);
    expect(made([{ attempt: "x" }])).toThrow(/hooks\[0\] must hold functions; got "x"/);
    expect(() => lab().client({ hooks: [undefined] as never })).toThrow(/createTasks\(\): hooks\[0\] has none of/);
  });
}
