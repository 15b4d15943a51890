import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import { expect, onTestFinished } from "vitest";
import { describeError } from "taskpact";
import { reportedOnBrokers } from "./reported.ts";
import { CallLab } from "../calls/lab.ts";

const secret = "s3cr3t";
const url = `postgres://shop:${secret}@db.internal/orders`;

function unreachable(): Error {
  const cause = new AggregateError([new Error(`no route to ${url}`)], `tried ${url}`);
  return Object.assign(new Error(`can't reach ${url}`, { cause }), { target: url });
}

reportedOnBrokers(
  "G2",
  "callers get the message alone, operators the stack, and nobody the password of a URL",
  async ({ lab, got }) => {
    const lines: unknown[] = [];
    const line = (fields: object, message: string): void => void lines.push([fields, message]);
    lab.acts["fails"] = () => {
      throw unreachable();
    };
    lab.acts["fails once"] = (context) => {
      if (context.attempt === 1) throw unreachable();
    };
    const ends: unknown[] = [];
    const hook = { attempt: async (_: unknown, next: () => Promise<unknown>) => ends.push(await next()) };
    await lab.worker({ log: { debug: line, info: line, warn: line, error: line }, hooks: [hook] });
    const tasks = lab.client();
    const events: unknown[] = [];
    const on = (
      tasks.client as never as { events: { on(kind: string, hear: (e: unknown) => void): Promise<() => void> } }
    ).events;
    await on.on("failed", (event) => events.push(event));
    const handle = await tasks.with({ keepRequest: true }).submit.acting("fails");
    const answer = await handle.safeResult();
    const kept = await tasks.client.parked.show("acting", handle.id);
    const error = answer.ok ? undefined : answer.error;
    got(`caller: ${error?.reason}, stack ${String(error?.remoteStack)}`);
    expect(error).toMatchObject({ code: "failed", reason: "can't reach postgres://shop:***@db.internal/orders" });
    expect(error?.remoteStack).toBeUndefined();
    expect(kept.reason?.remoteStack).toMatch(/^Error: can't reach postgres:\/\/shop:\*\*\*@db.internal\/orders\n +at /);
    const record = (await lab.broker().read("lab", [handle.id]))[0]!.record;
    await expect.poll(() => events.length).toBe(1);
    const told = [Buffer.from(record).toString("latin1"), inspect([error, kept, lines, events], { depth: 10 })];
    expect(told.join("\n")).not.toContain(secret);
    // In the process of the handler, hooks have what it threw as the cause; its words are redacted.
    expect((ends[0] as { error: { message: string } }).error.message).not.toContain(secret);
  },
);

reportedOnBrokers(
  "G2",
  "describeError decides what is carried, on workers and where calls run here",
  async ({ lab, got }) => {
    const scope = new AsyncLocalStorage<string>();
    const scopes: (string | undefined)[] = [];
    lab.acts["fails"] = () => {
      throw unreachable();
    };
    const describe = (error: unknown) => {
      scopes.push(scope.getStore());
      if (scopes.length > 2) throw new Error("it fails itself");
      return { message: "something went wrong", stack: describeError(error).message };
    };
    await scope.run("giver", () => lab.worker({ describeError: describe }));
    const tasks = lab.client();
    const handle = await scope.run("caller", () => tasks.with({ keepRequest: true }).submit.acting("fails"));
    const answer = await handle.safeResult();
    const kept = await tasks.client.parked.show("acting", handle.id);
    expect(answer).toMatchObject({ ok: false, error: { reason: "something went wrong", remoteStack: undefined } });
    expect(kept.reason?.remoteStack).toBe("can't reach postgres://shop:***@db.internal/orders");
    const implementations = [lab.implementation("here")];
    const local = scope.run("local giver", () => lab.client({ implementations, describeError: describe }));
    const here = await scope.run("caller", () => local.safe.acting("fails"));
    expect(here).toMatchObject({ ok: false, error: { reason: "something went wrong", remoteStack: undefined } });
    expect(scopes).toEqual(["giver", "local giver"]);
    const fallback = await local.safe.acting("fails");
    got(`${answer.ok ? "" : answer.error.reason}; where it throws: ${fallback.ok ? "" : fallback.error.reason}`);
    expect(fallback).toMatchObject({ error: { reason: "can't reach postgres://shop:***@db.internal/orders" } });
    expect(() => new CallLab(() => "memory:").client({ describeError: "no" as never })).toThrow(
      /describeError must be/,
    );
    onTestFinished(() => local.client.close());
  },
);
