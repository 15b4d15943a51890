import { afterEach, describe, expect, it, vi } from "vitest";
import { checkLog, childLogger, type Logger, loggerOf, streamLogger } from "./log.ts";

function written(): { lines: string[] } {
  const lines: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  return { lines };
}

describe("streamLogger", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  it("writes lines of JSON where there is no terminal, with the fields of a child", () => {
    const { lines } = written();
    childLogger(streamLogger("info"), { worker: "w" }).warn({ error: new Error("boom"), big: 3n }, "odd");
    const line = JSON.parse(lines[0]!) as Record<string, string>;
    expect(line).toMatchObject({ level: "warn", message: "odd", worker: "w", big: "3" });
    expect(line["error"]).toContain("boom");
  });

  it("writes no less than its level, and nothing when silent", () => {
    const { lines } = written();
    streamLogger("warn").info({}, "too little");
    streamLogger("silent").error({}, "nothing");
    expect(lines).toEqual([]);
    vi.stubEnv("TASKPACT_LOG", "debug");
    streamLogger().debug({}, "said");
    expect(lines).toHaveLength(1);
  });

  it("is quiet under a test runner unless told otherwise", () => {
    const { lines } = written();
    vi.stubEnv("TASKPACT_LOG", "");
    streamLogger().error({}, "quiet");
    expect(lines).toEqual([]);
  });

  it("writes lines for people on a terminal: quoted where that takes blanks, with the stacks of errors below", () => {
    const { lines } = written();
    const { isTTY, hasColors } = process.stderr;
    Object.assign(process.stderr, { isTTY: true, hasColors: () => false });
    try {
      const log = childLogger(streamLogger("info"), { task: "math.addition", callId: "x", attempt: 2 });
      log.warn({ reason: "no luck", err: new Error("boom", { cause: new Error("deep") }), absent: undefined }, "odd");
    } finally {
      Object.assign(process.stderr, { isTTY, hasColors });
    }
    const [line, ...stack] = lines.join("").split("\n");
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN  odd task=math\.addition callId=x attempt=2 reason="no luck"$/);
    expect(stack[0]).toBe("    err: Error: boom");
    expect(stack.join("\n")).toContain("[cause]: Error: deep");
  });

  it("writes what it is told to write, wherever that is", () => {
    const { lines } = written();
    const { isTTY } = process.stderr;
    streamLogger("info", "text").info({ a: 1 }, "said");
    Object.assign(process.stderr, { isTTY: true });
    try {
      streamLogger("info", "json").info({ a: 1 }, "said");
    } finally {
      Object.assign(process.stderr, { isTTY });
    }
    expect(lines[0]).toMatch(/INFO .*said.* a=1/);
    expect(JSON.parse(lines[1]!)).toMatchObject({ level: "info", message: "said", a: 1 });
  });

  it("survives fields that contain themselves", () => {
    const { lines } = written();
    const loop: { self?: unknown } = {};
    loop.self = loop;
    streamLogger("info").info({ loop }, "round");
    expect(lines[0]).toContain("round");
  });
});

/** As pino is: methods of one object, which use `this`, with the fields before the message. */
class Pinoish {
  readonly lines: unknown[] = [];
  readonly level = "info";
  debug(fields: unknown, message?: string): void {
    this.#write(20, fields, message);
  }
  info(fields: unknown, message?: string): void {
    this.#write(30, fields, message);
  }
  warn(fields: unknown, message?: string): void {
    this.#write(40, fields, message);
  }
  error(fields: unknown, message?: string): void {
    this.#write(50, fields, message);
  }
  #write(level: number, fields: unknown, msg: string | undefined): void {
    this.lines.push({ level, ...(fields as object), msg });
  }
}

describe("an option log", () => {
  afterEach(() => vi.restoreAllMocks());

  it("may be a logger as pino's are", () => {
    const pinoish = new Pinoish();
    const { warn } = childLogger(loggerOf(pinoish), { task: "math.addition", callId: "x", attempt: 1 });
    warn({ left: 3 }, "soon");
    expect(pinoish.lines).toEqual([
      { level: 40, task: "math.addition", callId: "x", attempt: 1, left: 3, msg: "soon" },
    ]);
  });

  it("may be the least that is written", () => {
    const { lines } = written();
    loggerOf("warn").info({}, "too little");
    loggerOf("warn").warn({}, "said");
    loggerOf("silent").error({}, "nothing");
    expect(lines).toHaveLength(1);
  });

  it("ends no call by what it throws, and is told of once", () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    const broken = () => {
      throw new Error("the stream is closed");
    };
    const log = loggerOf({ debug: broken, info: broken, warn: broken, error: broken });
    log.info({}, "one");
    log.error({}, "two");
    expect(warned.mock.calls).toEqual([["a logger failed: Error: the stream is closed", "TaskpactWarning"]]);
  });

  it("may be nothing else", () => {
    const refuse = (reason: string): never => {
      throw new Error(reason);
    };
    for (const log of [undefined, "silent", "debug", console, new Pinoish()]) checkLog(log, refuse);
    for (const log of ["verbose", false, null, { info() {} }] as unknown as Logger[]) {
      expect(() => checkLog(log, refuse)).toThrow(/log must be one of silent, debug, info, warn, error, or a logger/);
    }
  });
});
