import { describe, expect, it } from "vitest";
import { TaskError } from "./errors.ts";

describe("TaskError", () => {
  it("says its code, its task and why", () => {
    const error = new TaskError("deadline_exceeded", "no reply within 5000 ms", { task: "math.addition" });
    expect(error.message).toBe("[deadline_exceeded] math.addition: no reply within 5000 ms");
    expect(String(error)).toBe("TaskError: [deadline_exceeded] math.addition: no reply within 5000 ms");
    expect(error.reason).toBe("no reply within 5000 ms");
  });

  it("is recognised across two installed copies of the package", () => {
    const foreign = Object.defineProperty(new Error("x"), Symbol.for("taskpact.TaskError"), { value: true });
    expect(foreign).toBeInstanceOf(TaskError);
    expect(new Error("x")).not.toBeInstanceOf(TaskError);
    expect(null).not.toBeInstanceOf(TaskError);
  });

  it("is made from whatever was thrown, which stays its cause", () => {
    const cause = new RangeError("too far");
    expect(TaskError.from(cause)).toMatchObject({ code: "failed", reason: "too far", cause });
    expect(TaskError.from("text", "internal")).toMatchObject({ code: "internal", reason: "text" });
    expect(TaskError.from(undefined)).toMatchObject({ reason: "the handler threw undefined" });
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(TaskError.from(loop)).toMatchObject({ reason: "the handler threw a value of type object" });
    expect(TaskError.from(Symbol("s"))).toMatchObject({ reason: "the handler threw a symbol" });
    expect(TaskError.from(new Error(""))).toMatchObject({ reason: "Error" });
  });

  it("learns what it did not know, and forgets nothing", () => {
    const cause = new Error("why");
    const declared = new TaskError("declared", "full", { name: "full", data: { left: 0 }, task: "a.b", cause });
    const known = TaskError.from(declared, "failed", { task: "other", callId: "c1", attempt: 2 });
    expect(known).toMatchObject({
      code: "declared",
      name: "full",
      data: { left: 0 },
      task: "a.b",
      callId: "c1",
      attempt: 2,
      cause,
    });
    expect(known.message).toBe("[declared] a.b: full");
    expect(known.stack).toBe(declared.stack);
    const refused = new TaskError("invalid_argument", "no").with({ task: "a.b" });
    expect(refused.stack).toMatch(
      /^TaskError: \[invalid_argument\] a\.b: no\n|^Error: \[invalid_argument\] a\.b: no\n/,
    );
    expect(known.with({ callId: "c2" })).toBe(known);
  });
});
