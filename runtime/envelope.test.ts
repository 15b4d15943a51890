import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, encode } from "./codec.ts";
import {
  bareRecord,
  fromWire,
  readReply,
  readRequest,
  toWire,
  waitingClient,
  writeReply,
  writeRequest,
} from "./envelope.ts";
import { type Header, headerBytes, headerOffset, newHeader, readHeader, withHeader } from "./header.ts";
import { TaskError, taskErrorCodes } from "./errors.ts";
import { states } from "./state.ts";

/** A fence, or what is said in its place. */
const fenceOrMarks = fc.oneof(
  fc.record({
    fence: fc.maxSafeNat().map((fence) => fence + 1),
    begun: fc.constant(false),
    atMostOnce: fc.constant(false),
    maxDeliveries: fc.constant(0),
    besideOthers: fc.constant(false),
    lostAmongOthers: fc.constant(false),
  }),
  fc.record({
    fence: fc.constant(0),
    begun: fc.boolean(),
    atMostOnce: fc.boolean(),
    maxDeliveries: fc.nat({ max: 255 }),
    besideOthers: fc.boolean(),
    lostAmongOthers: fc.boolean(),
  }),
);
const fields = fc.record({
  version: fc.nat({ max: 255 }),
  state: fc.constantFrom(...states),
  deaths: fc.nat({ max: 255 }),
  awaited: fc.boolean(),
  keepRequest: fc.boolean(),
  priority: fc.constantFrom("normal", "high", "low", "nested"),
  attempt: fc.nat({ max: 65_535 }),
  generation: fc.nat({ max: 65_535 }),
  deadline: fc.maxSafeNat(),
  fingerprint: fc.stringMatching(/^[0-9a-f]{16}$/),
  limitKeys: fc.option(fc.stringMatching(/^[0-9a-f]{16}$/), { nil: undefined }),
});
const header: fc.Arbitrary<Header> = fc
  .tuple(fields, fenceOrMarks)
  .map(([some, others]) => Object.assign({}, some, others));
const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,31}$/);
const request = { to: "client", task: "q.task", params: { a: 1 } };

describe("the header", () => {
  test("is read as it was written, whatever it stands before", () => {
    fc.assert(
      fc.property(header, fc.jsonValue(), (given, params) => {
        expect(readHeader(writeRequest(given, { task: "q.task", params }))).toEqual(given);
        expect(readHeader(writeReply(given, { value: params }))).toEqual(given);
        expect(readHeader(bareRecord(given))).toEqual(given);
      }),
    );
  });

  test("stands at the documented bytes", () => {
    const given = newHeader({
      version: 1,
      state: "retrying",
      deaths: 2,
      awaited: true,
      keepRequest: true,
      priority: "low",
      attempt: 258,
      generation: 772,
      fence: 1_700_000_000_000_123,
      deadline: 1_700_000_000_456,
      fingerprint: "0123456789abcdef",
    });
    const record = writeRequest(given, { to: "abc", task: "t", params: 1 });
    expect([headerOffset, headerBytes]).toEqual([5, 40]);
    expect(record.subarray(0, 5).toString("hex")).toBe("84a168c428");
    const fields = ["01", "03", "02", "23", "0102", "0304", double(1_700_000_000_000_123), double(1_700_000_000_456)];
    const hashes = ["0123456789abcdef", "0000000000000000"];
    expect(record.subarray(5, 45).toString("hex")).toBe([...fields, ...hashes].join(""));
    expect(record.subarray(45).toString("hex")).toBe(
      encode({ to: "abc", task: "t", params: 1 }).toString("hex").slice(2),
    );
  });

  test.each(states.map((state, number) => [state, number] as const))("state %s is number %i", (state, number) => {
    expect(bareRecord(newHeader({ state }))[headerOffset + 1]).toBe(number);
  });

  test("priorities are the flags 16 and 32", () => {
    const flags = (["normal", "high", "low"] as const).map(
      (priority) => bareRecord(newHeader({ priority }))[headerOffset + 3],
    );
    expect(flags).toEqual([0, 16, 32]);
  });

  test("a record is a map that any library of MessagePack reads, the header first", () => {
    const record = writeRequest(newHeader({}), request);
    expect(Object.keys(decode(record) as object)).toEqual(["h", "to", "task", "params"]);
  });

  test("a changed header is a copy: the record and the rest stay as they were", () => {
    fc.assert(
      fc.property(header, header, (before, after) => {
        const record = writeRequest(before, request);
        const copy = Buffer.from(record);
        const changed = withHeader(record, after);
        expect(record.equals(copy)).toBe(true);
        expect(readHeader(changed)).toEqual(after);
        expect(changed.subarray(45).equals(record.subarray(45))).toBe(true);
      }),
    );
  });

  test("some of its fields are changed, the others are not", () => {
    fc.assert(
      fc.property(header, (given) => {
        const changed = withHeader(bareRecord(given), { state: "expired", deaths: 9 });
        expect(readHeader(changed)).toEqual({ ...given, state: "expired", deaths: 9 });
      }),
    );
  });

  test("in a state that does not exist, it is refused", () => {
    for (const [at, byte] of [
      [1, 9],
      [1, 255],
    ]) {
      const record = bareRecord(newHeader({}));
      record[headerOffset + at!] = byte!;
      expect(() => readHeader(record)).toThrow(/malformed/);
    }
  });
});

describe("a record of the plain level", () => {
  test("has no header, and is a request or a reply all the same", () => {
    expect(readHeader(encode(request))).toBeUndefined();
    expect(readRequest(encode(request))).toEqual(request);
    expect(waitingClient(encode(request))).toBe("client");
    expect(readReply(encode({ value: 5 }))).toEqual({ value: 5 });
    expect(readReply(encode({ error: { code: "failed", message: "no" } }))).toEqual({
      error: { code: "failed", message: "no" },
    });
    expect(readReply(encode(request))).toBeUndefined();
  });

  test("gets a header with what is changed of it, and stays what it was", () => {
    const record = withHeader(encode(request), { attempt: 1, state: "retrying" });
    expect(readHeader(record)).toEqual(newHeader({ attempt: 1, state: "retrying" }));
    expect(readRequest(record)).toMatchObject(request);
    expect(waitingClient(record)).toBe("client");
  });

  test("that has no room for one is copied as it is", () => {
    const full = encode(Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`k${index}`, 1])));
    for (const bytes of [full, encode("text"), encode([1]), Buffer.alloc(0)])
      expect(withHeader(bytes, { attempt: 1 }).equals(bytes)).toBe(true);
  });
});

describe("the client that waits", () => {
  test("is read without unpacking the rest, behind a header or without one", () => {
    fc.assert(
      fc.property(name, fc.boolean(), (to, plain) => {
        const given = { to, task: "q.task", params: null };
        expect(waitingClient(plain ? encode(given) : writeRequest(newHeader({}), given))).toBe(to);
      }),
    );
  });

  test("is nobody where none is named, or not as our names are", () => {
    expect(waitingClient(writeRequest(newHeader({}), { task: "q.task", params: { to: "x" } }))).toBeUndefined();
    expect(waitingClient(encode({ task: "q.task", to: "late" }))).toBeUndefined();
    expect(waitingClient(encode({ to: "" }))).toBeUndefined();
    expect(waitingClient(encode({ to: "x".repeat(32) }))).toBeUndefined();
    expect(waitingClient(encode({ to: 5 }))).toBeUndefined();
    expect(waitingClient(encode({ to: "client" }).subarray(0, 7))).toBeUndefined();
    expect(waitingClient(bareRecord(newHeader({})))).toBeUndefined();
  });
});

describe("requests and replies", () => {
  test("a request is read with what it overrides", () => {
    const full = { ...request, options: { attemptTimeoutMs: 5, retry: { attempts: 2 } } };
    expect(readRequest(writeRequest(newHeader({}), full))).toMatchObject(full);
  });

  test("a reply says its value, also undefined and null, or its error", () => {
    const ended = newHeader({ state: "succeeded" });
    for (const value of [undefined, null, 0, { error: 1 }])
      expect(readReply(writeReply(ended, { value }))).toEqual({ value });
    const error = { code: "failed", message: "no" } as const;
    expect(readReply(writeReply(newHeader({ state: "failed" }), { error }))).toEqual({ error });
  });

  test("a reply keeps its request, if asked to", () => {
    const before = writeRequest(newHeader({}), request);
    const record = writeReply(newHeader({ state: "succeeded" }), { value: 1 }, before);
    expect(readReply(record)).toEqual({ value: 1 });
    expect(readRequest((decode(record) as { request: Uint8Array }).request)).toMatchObject(request);
  });

  test("an open call has no reply, whatever else its record holds", () => {
    for (const state of states.slice(0, 4))
      expect(readReply(writeReply(newHeader({ state }), { value: 1 }))).toBeUndefined();
  });

  test("a call that ended without a worker's word says why", () => {
    const codeOf = (state: Header["state"]) => {
      const said = readReply(bareRecord(newHeader({ state, deaths: 3 })));
      return said !== undefined && "error" in said ? said.error.code : undefined;
    };
    expect(states.slice(4).map(codeOf)).toEqual([
      "internal",
      "internal",
      "canceled",
      "deadline_exceeded",
      "worker_lost",
    ]);
  });

  test("an error travels with its code, name, data, issues and attempt", () => {
    for (const code of taskErrorCodes) {
      const sent = new TaskError<string, unknown>(code, "why", {
        name: code === "declared" ? "divisionByZero" : undefined,
        data: code === "declared" ? { dividend: 1 } : undefined,
        attempt: 2,
        issues: [{ path: ["a", 0], message: "wrong" }],
        cause: new Error("deep"),
        remoteStack: "Error: deep\n    at there",
      });
      const record = writeReply(newHeader({ state: "failed" }), { error: toWire(sent) });
      const said = readReply(record)!;
      if (!("error" in said)) throw new Error("no error");
      const got = fromWire(said.error, "q.task", "id", true);
      expect(got).toMatchObject({
        code,
        name: sent.name,
        reason: "why",
        attempt: 2,
        issues: sent.issues,
        task: "q.task",
        callId: "id",
      });
      expect(got.data).toEqual(sent.data);
      expect(got.remoteStack).toBe(code === "failed" ? sent.remoteStack : undefined);
      expect(fromWire(said.error, "q.task", "id").remoteStack).toBeUndefined();
    }
  });

  test("an error of a code that is unknown here reads as internal", () => {
    expect(fromWire({ code: "newer" as "internal", message: "m" }, "t", "i").code).toBe("internal");
  });
});

describe("hostile bytes", () => {
  const quiet = (run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(TaskError);
    }
  };

  test("are read or refused as a TaskError by every reader", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })).map(([at, byte]) => {
        const record = writeRequest(newHeader({}), request);
        record[at % record.length] = byte;
        return record;
      }),
      fc.nat({ max: 80 }).map((length) => writeRequest(newHeader({}), request).subarray(0, length)),
    );
    fc.assert(
      fc.property(bytes, (record) => {
        quiet(() => readHeader(record));
        quiet(() => readRequest(record));
        quiet(() => readReply(record));
        quiet(() => waitingClient(record));
        quiet(() => withHeader(record, { attempt: 1 }));
      }),
      { numRuns: 3_000 },
    );
  });

  test("that are no map, or name no task, are no request", () => {
    for (const value of [null, 5, "text", [1], {}, { task: 5 }]) {
      expect(() => readRequest(encode(value))).toThrow(expect.objectContaining({ code: "invalid_argument" }) as Error);
    }
    expect(() => readRequest(Buffer.alloc(0))).toThrow(/no MessagePack/);
  });
});

function double(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString("hex");
}
