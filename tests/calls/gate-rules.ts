import { expect, it } from "vitest";
import { type CallLab, isDeclared } from "./lab.ts";

/** What is checked, and what gets through: the same on a worker and here. */
export function gateRules(lab: () => CallLab): void {
  const places = [
    ["on a worker", async (it: CallLab) => (await it.worker(), it.client())],
    ["here", async (it: CallLab) => it.client({ implementations: [it.implementation("here")] })],
  ] as const;

  for (const [where, open] of places) {
    it(`defaults, optionals and results ${where}`, async () => {
      const tasks = await open(lab());
      await expect(tasks.addition(4, 6)).resolves.toBe(10);
      await expect(tasks.addition(4)).resolves.toBe(4);
      await expect(tasks.addition(undefined, 6)).resolves.toBe(6);
      await expect(tasks.stamped()).resolves.toMatch(/^made-/);
    });

    it(`arguments that do not fit are refused ${where}, with where and why`, async () => {
      const tasks = await open(lab());
      const refused = await tasks.safe.addition("four", null);
      expect(refused).toMatchObject({
        ok: false,
        error: { code: "invalid_argument", task: "lab.addition", issues: [{ path: ["a"] }, { path: ["b"] }] },
      });
      await expect(tasks.addition("four")).rejects.toThrow(/^\[invalid_argument\] lab\.addition: params\.a: /);
      await expect(tasks.addition(1, 2, 3)).rejects.toThrow(/takes at most 2 \(a, b\); got 3/);
      await expect(tasks.nothing(1)).rejects.toThrow(/takes no arguments; got 1/);
    });

    it(`a result that does not fit is invalid_result ${where}, told at once and not retried`, async () => {
      const tasks = await open(lab());
      await expect(tasks.with({ retry: { attempts: 5 } }).lying()).rejects.toMatchObject({
        code: "invalid_result",
        attempt: 1,
        task: "lab.lying",
      });
    });

    it(`a declared error arrives ${where} with its name and data, and is not retried`, async () => {
      const tasks = await open(lab());
      const answer = await tasks.with({ retry: { attempts: 5 } }).safe.division(7, 0);
      expect(answer).toMatchObject({
        ok: false,
        error: { name: "divisionByZero", code: "declared", data: { dividend: 7 }, attempt: 1 },
      });
      const thrown: unknown = await tasks.division(7, 0).catch((error: unknown) => error);
      expect(isDeclared(thrown, "division", "divisionByZero")).toBe(true);
      expect(isDeclared(thrown, "division", "rejectedOn")).toBe(false);
      expect(isDeclared(thrown, "addition", "divisionByZero")).toBe(false);
    });

    it(`a declared error whose data does not fit is invalid_result ${where}`, async () => {
      const tasks = await open(lab());
      await expect(tasks.division(7, -1)).rejects.toMatchObject({ code: "invalid_result" });
    });

    it(`undefined and null are answers ${where}`, async () => {
      const tasks = await open(lab());
      await expect(tasks.nothing()).resolves.toBeUndefined();
      await expect(tasks.none()).resolves.toBeNull();
    });

    it(`a codec decodes and a transform is applied exactly once ${where}`, async () => {
      const tasks = await open(lab());
      const at = "2026-02-03T04:05:06.000Z";
      await expect(tasks.day(at, "x")).resolves.toEqual({ at: Date.parse(at), marked: "x!?" });
    });

    it(`rich values arrive ${where} as they were sent`, async () => {
      const tasks = await open(lab());
      const value = {
        date: new Date("2026-02-03T04:05:06.789Z"),
        map: new Map([["a", new Set([1, 2])]]),
        big: 2n ** 80n,
        bytes: new Uint8Array([1, 2, 250]),
        nested: { absent: undefined },
      };
      const got = (await tasks.rich(value)) as typeof value;
      expect(got).toEqual(value);
      expect(got.bytes).toBeInstanceOf(Uint8Array);
    });

    it(`a thrown value that is no Error is a failure that says what it was ${where}`, async () => {
      const tasks = await open(lab());
      const messages: string[] = [];
      for (const what of ["string", "null", "object", "undefined"]) {
        const answer = await tasks.safe.throwing(what);
        if (!answer.ok) messages.push(`${answer.error.code} ${answer.error.reason}`);
      }
      expect(messages).toEqual([
        "failed just text",
        "failed the handler threw null",
        'failed the handler threw {"odd":1}',
        "failed the handler threw undefined",
      ]);
    });

    it(`a handler that never settles is answered at its limit ${where}`, async () => {
      const tasks = await open(lab());
      await expect(tasks.stubborn("never")).rejects.toMatchObject({
        code: "deadline_exceeded",
        reason: expect.stringMatching(/the attempt's time was up after 60 ms/) as string,
      });
    });
  }

  it("the stack of a remote error is kept as text for operators, and its caller gets none", async ({ skip }) => {
    const it = lab();
    skip(it.broker().operator === undefined, "its broker keeps nothing for operators");
    await it.worker();
    const tasks = it.client();
    const handle = await tasks.with({ keepRequest: true }).submit.throwing("error");
    const answer = await handle.safeResult();
    expect(answer).toMatchObject({ ok: false, error: { code: "failed", reason: "boom", remoteStack: undefined } });
    const kept = await tasks.client.parked.show("throwing", handle.id);
    expect(kept.reason?.remoteStack).toContain("lab.ts");
  });

  it("the error of a nested call is not the caller's own, also of the same task", async () => {
    const it = lab();
    await it.worker();
    await expect(it.client().nested(0)).rejects.toMatchObject({ code: "declared", data: { marked: "x!" } });
    await expect(it.client().with({ id: "parent" }).nested(1)).rejects.toMatchObject({
      code: "failed",
      callId: "parent",
    });
  });

  it("invalid arguments fail before anything is sent", async () => {
    const it = lab();
    const tasks = it.client();
    await expect(tasks.with({ id: "not-sent" }).addition("four")).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(tasks.client.handle("addition", "not-sent").status()).rejects.toMatchObject({ code: "not_found" });
    await expect(tasks.submit.addition("four")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("a __proto__ key neither pollutes nor gets lost", async () => {
    const it = lab();
    await it.worker();
    const value = JSON.parse('{ "__proto__": { "polluted": true }, "a": 1 }') as object;
    const got = (await it.client().anything(value)) as object;
    expect(Object.keys(got)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(got)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("a request or a result over the size limit is resource_exhausted, told to the caller", async () => {
    const it = lab();
    await it.worker({ maxResultBytes: 2_000 });
    const tasks = it.client({ maxParamsBytes: 1_000 });
    await expect(tasks.throwing("x".repeat(1_000))).rejects.toMatchObject({ code: "resource_exhausted" });
    await expect(tasks.long(3_000)).rejects.toMatchObject({
      code: "resource_exhausted",
      reason: expect.stringContaining("more than the 2000 allowed") as string,
    });
    await expect(tasks.long(1_500)).resolves.toHaveLength(1_500);
  });

  it("a reply that is too large for a message is fetched", async () => {
    const it = lab();
    await it.worker();
    await expect(it.client().long(500_000)).resolves.toHaveLength(500_000);
  });
}
