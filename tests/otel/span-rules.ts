import { context, ROOT_CONTEXT, trace, type TextMapPropagator, type TraceState } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { describe, expect, test } from "vitest";
import type { Hook } from "taskpact";
import { writeRequest } from "../../runtime/envelope.ts";
import { newHeader } from "../../runtime/header.ts";
import { type CallLab, quiet } from "../calls/lab.ts";
import { type SeenSpan, Sight } from "./sight.ts";

/** What spans tell of calls and attempts, on any broker. */
export function spanRules(lab: () => CallLab): void {
  test("a call, its attempt, what the handler does and calls are one trace", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    it.acts["nest"] = async ({ tasks }) => {
      await there.within(() => Promise.resolve());
      return tasks.with({ id: "y" }).addition(1, 2);
    };
    await it.worker({ hooks: [there.hook] });
    const tasks = it.client({ hooks: [here.hook] });
    await here.within(() => tasks.with({ id: "x" }).acting("nest"));
    const [root, call] = (await here.spans()) as [SeenSpan, SeenSpan];
    const [attempt, own, nested, second] = (await there.spans()) as [SeenSpan, SeenSpan, SeenSpan, SeenSpan];
    const spans = [root, call, attempt, own, nested, second];
    expect(spans.map(({ name, kind, parent }) => [name, kind, spans.find(({ id }) => id === parent)?.name])).toEqual([
      ["test", "INTERNAL", undefined],
      ["call lab.acting", "CLIENT", "test"],
      ["process lab.acting", "CONSUMER", "call lab.acting"],
      ["test", "INTERNAL", "process lab.acting"],
      ["call lab.addition", "CLIENT", "process lab.acting"],
      ["process lab.addition", "CONSUMER", "call lab.addition"],
    ]);
    expect(new Set(spans.map(({ trace }) => trace)).size).toBe(1);
    expect(await here.spans()).toHaveLength(2);
    expect(await there.spans()).toHaveLength(4);
    const both = {
      "messaging.system": "taskpact",
      "messaging.destination.name": "lab",
      "messaging.message.conversation_id": "x",
    };
    expect(call.attributes).toEqual({
      ...both,
      "messaging.operation.name": "call",
      "messaging.operation.type": "send",
      "messaging.message.id": "x",
      "taskpact.task": "lab.acting",
      "taskpact.policy": "local-first",
      "taskpact.place": "remote",
    });
    expect(second.attributes).toEqual({
      ...both,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.message.id": "y",
      "taskpact.task": "lab.addition",
      "taskpact.attempt": 1,
      "taskpact.place": "remote",
    });
    for (const { error, exceptions } of spans) expect([error, exceptions]).toEqual([undefined, []]);
  });

  test("a submit ends when it is taken, and a handle's wait is another span", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    const tasks = it.client({ hooks: [here.hook] });
    const handle = await here.within(() => tasks.submit.elsewhere("x"));
    const [, submit] = (await here.spans()) as [SeenSpan, SeenSpan];
    expect(submit).toMatchObject({
      name: "submit lab.elsewhere",
      kind: "PRODUCER",
      error: undefined,
      attributes: {
        "messaging.operation.name": "submit",
        "messaging.operation.type": "send",
        "messaging.destination.name": "lab-elsewhere",
        "messaging.message.id": handle.id,
        "messaging.message.conversation_id": handle.id,
        "taskpact.place": "remote",
      },
    });
    await it.worker({ hooks: [there.hook] });
    await handle.result();
    const [, , result] = (await here.spans()) as [SeenSpan, SeenSpan, SeenSpan];
    expect(result).toMatchObject({ name: "result lab.elsewhere", kind: "CLIENT", parent: undefined });
    expect(result.attributes).not.toHaveProperty("messaging.operation.type");
    expect(await there.spans()).toMatchObject([{ parent: submit.id, trace: submit.trace }]);
  });

  test("each attempt has a span of its own, that of a failed one with what was thrown", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    await it.worker({ hooks: [there.hook] });
    await it.client({ hooks: [here.hook] }).flaky("x", 2);
    const [call] = (await here.spans()) as [SeenSpan];
    expect(call.error).toBeUndefined();
    const attempts = await there.spans();
    expect(attempts.map(({ parent, attributes, error }) => [parent, attributes["taskpact.attempt"], error])).toEqual([
      [call.id, 1, "[failed] lab.flaky: attempt 1"],
      [call.id, 2, "[failed] lab.flaky: attempt 2"],
      [call.id, 3, undefined],
    ]);
    expect(attempts[0]).toMatchObject({
      attributes: { "error.type": "failed" },
      exceptions: [
        {
          "exception.type": "Error",
          "exception.message": "attempt 1",
          "exception.stacktrace": expect.stringContaining("lab.ts") as string,
        },
      ],
    });
    expect(attempts[2]!.attributes).not.toHaveProperty("error.type");
    expect(attempts[2]!.exceptions).toEqual([]);
  });

  test("a declared error goes by its name, on both sides", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    await it.worker({ hooks: [there.hook] });
    await it.client({ hooks: [here.hook] }).safe.division(1, 0);
    const declared = {
      attributes: { "error.type": "divisionByZero" },
      error: "[declared] lab.division: divisionByZero",
    };
    expect(await here.spans()).toMatchObject([{ ...declared, exceptions: [] }]);
    expect(await there.spans()).toMatchObject([{ ...declared, exceptions: [{ "exception.type": "divisionByZero" }] }]);
  });

  test("what is refused, late or canceled ends its spans", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    const tasks = it.client({ hooks: [here.hook] });
    const waiting = await tasks.with({ id: "waiting" }).submit.held("never");
    await waiting.safeResult({ timeoutMs: 5 });
    await waiting.cancel();
    await it.worker({ hooks: [there.hook] });
    await tasks.safe.addition("4");
    await tasks.safe.stubborn("x");
    it.release("x");
    const canceler = new AbortController();
    const canceled = tasks.with({ signal: canceler.signal }).safe.held("y");
    await it.begun("y");
    canceler.abort();
    await canceled;
    const told = async (sight: Sight) =>
      (await sight.spans()).map(({ name, attributes }) => `${name} ${String(attributes["error.type"])}`);
    expect(await told(here)).toEqual([
      "submit lab.held undefined",
      "result lab.held deadline_exceeded",
      "call lab.addition invalid_argument",
      "call lab.stubborn deadline_exceeded",
      "call lab.held canceled",
    ]);
    await expect
      .poll(() => told(there))
      .toEqual(["process lab.stubborn deadline_exceeded", "process lab.held canceled"]);
  });

  test("no span is left open by a client that is closed, or a worker that stops", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    const worker = await it.worker({ hooks: [there.hook] });
    const tasks = it.client({ hooks: [here.hook] });
    const calls = [tasks.safe.held("x"), tasks.safe.held("y")];
    await Promise.all([it.begun("x"), it.begun("y")]);
    const handle = await tasks.submit.held("z");
    const result = handle.safeResult();
    await it.begun("z");
    await tasks.client.close();
    await worker.stop(0);
    await Promise.all([...calls, result]);
    expect(await here.spans()).toHaveLength(4);
    expect(await there.spans()).toHaveLength(3);
  });

  test("a local run is within its call, in one process, and no message", async () => {
    const it = lab();
    const here = new Sight();
    const tasks = it.client({ implementations: [it.implementation("here")], hooks: [here.hook] });
    await tasks.flaky("x", 1);
    const [call, first, second] = (await here.spans()) as [SeenSpan, SeenSpan, SeenSpan];
    expect(call).toMatchObject({ kind: "CLIENT", attributes: { "taskpact.place": "local" } });
    for (const attempt of [first, second])
      expect(attempt).toMatchObject({ kind: "INTERNAL", parent: call.id, attributes: { "taskpact.place": "local" } });
  });

  test("calls in turn and at once, also of one id, each have their own trace", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    await it.worker({ hooks: [there.hook] });
    const tasks = it.client({ implementations: [it.implementation("here", ["addition"])], hooks: [here.hook] });
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? tasks.addition(n, n) : tasks.anything(n))));
    await Promise.all([1, 2].map(() => tasks.with({ id: "same" }).anything(0)));
    const spans = [...(await here.spans()), ...(await there.spans())];
    const calls = spans.filter(({ name }) => name.startsWith("call"));
    expect(new Set(calls.map(({ trace }) => trace)).size).toBe(22);
    for (const attempt of spans.filter(({ name }) => name.startsWith("process"))) {
      const call = calls.find(({ id }) => id === attempt.parent);
      expect(call?.attributes["messaging.message.id"]).toBe(attempt.attributes["messaging.message.id"]);
      expect(call?.trace).toBe(attempt.trace);
    }
  });

  test("a call that another hook makes on the way of one is below it, and both are linked with their attempts", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    await it.worker({ hooks: [there.hook] });
    const audits: Promise<unknown>[] = [];
    const audit: Hook = {
      reply({ task }, next) {
        if (task === "lab.addition") audits.push(tasks.elsewhere("audit"));
        return next();
      },
    };
    const tasks = it.client({ hooks: [here.hook, audit] });
    await tasks.addition(1, 2);
    await Promise.all(audits);
    const [call, audited] = (await here.spans()) as [SeenSpan, SeenSpan];
    expect(audited).toMatchObject({ name: "call lab.elsewhere", parent: call.id });
    const parents = new Map((await there.spans()).map(({ name, parent }) => [name, parent]));
    expect(parents).toEqual(
      new Map([
        ["process lab.addition", call.id],
        ["process lab.elsewhere", audited.id],
      ]),
    );
  });

  test("an attempt whose call brings no trace begins one, whatever its worker was started in", async () => {
    const it = lab();
    const there = new Sight();
    await there.within(() => it.worker({ hooks: [there.hook] }));
    await it.client().addition(1, 2);
    const [started, attempt] = (await there.spans()) as [SeenSpan, SeenSpan];
    expect(attempt).toMatchObject({ name: "process lab.addition", parent: undefined });
    expect(attempt.trace).not.toBe(started.trace);
  });

  test("a process that records nothing passes on the trace that it is in", async () => {
    const it = lab();
    const [here, there] = [new Sight(), new Sight()];
    const silent: Hook = new Sight({ tracerProvider: { getTracer: () => trace.getTracer("nobody's") } }).hook;
    it.acts["nest"] = ({ tasks }) => tasks.elsewhere("x");
    await it.worker({ implementations: [it.implementation("silent", ["acting"])], hooks: [silent] });
    await it.worker({ implementations: [it.implementation("seen", ["elsewhere"])], hooks: [there.hook] });
    await it.client({ hooks: [here.hook] }).acting("nest");
    const [call] = (await here.spans()) as [SeenSpan];
    expect(await there.spans()).toMatchObject([{ trace: call.trace, parent: call.id }]);
  });

  test("the attributes of the option are on all spans, and hide none", async () => {
    const it = lab();
    const here = new Sight({ attributes: { team: "shop", "messaging.system": "odd" } });
    await it.client({ implementations: [it.implementation("here")], hooks: [here.hook] }).addition(1, 2);
    for (const { attributes } of await here.spans())
      expect(attributes).toMatchObject({ team: "shop", "messaging.system": "taskpact" });
  });

  describe("the trace is linked, and no call is harmed,", () => {
    const broken = (): never => {
      throw new Error("broken");
    };
    const w3c = new W3CTraceContextPropagator();
    const propagators: readonly (readonly [string, TextMapPropagator | undefined])[] = [
      ["that is not set", undefined],
      ["of W3C Trace Context", w3c],
      ["that throws", { inject: broken, extract: broken, fields: broken }],
      [
        "that speaks another language",
        {
          inject: (_, carrier, setter) => setter.set(carrier, "b3", "0"),
          extract: (context) => context,
          fields: () => ["b3"],
        },
      ],
      [
        "that writes nonsense and reads nothing",
        {
          inject: (_, carrier, setter) => setter.set(carrier, "traceparent", 7 as never),
          extract: () => undefined as never,
          fields: () => [],
        },
      ],
    ];
    test.each(propagators)("by a propagator %s", async (_, propagator) => {
      const it = lab();
      const lines: string[] = [];
      const line = (__: object, message: string) => void lines.push(message);
      const log = { ...quiet, warn: line, error: line };
      const [here, there] = [new Sight({ propagator }), new Sight({ propagator })];
      await it.worker({ hooks: [there.hook], log });
      const tasks = it.client({ hooks: [here.hook], log });
      await expect(tasks.addition(1, 2)).resolves.toBe(3);
      const handle = await tasks.submit.addition(1, 2);
      await expect(handle.result()).resolves.toBe(3);
      const [call, submit] = (await here.spans()) as [SeenSpan, SeenSpan];
      expect((await there.spans()).map(({ trace, parent }) => [trace, parent])).toEqual([
        [call.trace, call.id],
        [submit.trace, submit.id],
      ]);
      expect(lines).toEqual([]);
    });
  });

  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

  test("a tracestate is carried in whole entries, as far as there is room", async () => {
    const it = lab();
    const seen: unknown[] = [];
    await it.worker({ hooks: [{ attempt: ({ trace }) => void seen.push(trace) }] });
    const tasks = it.client({ hooks: [new Sight().hook] });
    const vendors = Array.from({ length: 30 }, (_, n) => `vendor${n + 10}=${"x".repeat(20)}`);
    for (const state of ["a=1", vendors.join(","), "x".repeat(600)]) {
      const traceState: TraceState = {
        serialize: () => state,
        get: () => state,
        set: () => traceState,
        unset: () => traceState,
      };
      const span = { traceId, spanId: "b7ad6b7169203331", traceFlags: 1, traceState };
      await context.with(trace.setSpanContext(ROOT_CONTEXT, span), () => tasks.addition(1, 2));
    }
    const parent = expect.stringContaining(traceId) as string;
    expect(seen).toEqual([
      { traceparent: parent, tracestate: "a=1" },
      { traceparent: parent, tracestate: vendors.slice(0, 17).join(",") },
      { traceparent: parent },
    ]);
  });

  const hostile: readonly (readonly [string, Record<string, string>, string | undefined])[] = [
    ["a good one", { traceparent, tracestate: "a=1" }, traceId],
    ["one of a later version", { traceparent: traceparent.replace("00-", "01-") }, traceId],
    ["no hex", { traceparent: "00-zzf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }, undefined],
    ["all zeros", { traceparent: `00-${"0".repeat(32)}-${"0".repeat(16)}-00` }, undefined],
    ["a version that is none", { traceparent: traceparent.replace("00-", "ff-") }, undefined],
    ["a long text", { traceparent: "0".repeat(10_000) }, undefined],
    ["nothing", { traceparent: "" }, undefined],
    ["a tracestate alone", { tracestate: "a=1" }, undefined],
    ["a tracestate of nonsense", { traceparent, tracestate: "\u0000=,=,,".repeat(400) }, traceId],
    ["names of others", { traceparent, __proto__x: "1", constructor: "2" }, traceId],
  ];
  test.each(hostile)("an attempt begins whatever its envelope has for a trace: %s", async (_, carried, expected) => {
    for (const propagator of [undefined, new W3CTraceContextPropagator()]) {
      const it = lab();
      const there = new Sight({ propagator });
      const lines: string[] = [];
      const line = (__: object, message: string) => void lines.push(message);
      await it.worker({ hooks: [there.hook], log: { ...quiet, warn: line, error: line } });
      const record = writeRequest(newHeader({}), {
        task: "lab.addition",
        params: { a: 1, b: 2 },
        trace: carried as never,
      });
      const calls = [{ id: "foreign", record, priority: "normal", delayMs: 0 }] as const;
      await it.broker().submit("lab", { calls, acknowledged: [] });
      await expect(it.client().client.handle("addition", "foreign").result()).resolves.toBe(3);
      const [attempt] = (await there.spans()) as [SeenSpan];
      expect(attempt.name).toBe("process lab.addition");
      if (expected === undefined) expect(attempt.parent).toBeUndefined();
      else expect([attempt.trace, attempt.parent]).toEqual([expected, "b7ad6b7169203331"]);
      expect(lines).toEqual([]);
    }
  });
}
