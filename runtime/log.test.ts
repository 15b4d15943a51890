import { afterEach, describe, expect, it, vi } from "vitest";
import { childLogger, streamLogger } from "./log.ts";

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

  it("survives fields that contain themselves", () => {
    const { lines } = written();
    const loop: { self?: unknown } = {};
    loop.self = loop;
    streamLogger("info").info({ loop }, "round");
    expect(lines[0]).toContain("round");
  });
});
