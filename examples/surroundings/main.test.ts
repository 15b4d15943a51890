import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("shows dependencies, hooks and the log", { timeout: 30_000 }, async () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "--conditions=taskpact-source", main],
    { env: { ...process.env, TASKPACT_LOG: "info" } },
  );
  expect(stdout.trim().split("\n")).toEqual([
    "the ledger is open",
    "ledger: 4 + 6, for request r-1",
    "10",
    "ledger: 9 + -2, for request r-2",
    "7",
    "the ledger is closed",
    "math.addition ok: 1",
    "math.subtraction ok: 1",
    "math.division divisionByZero: 1",
  ]);
  const lines = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const about = { task: "math.addition", callId: "first", attempt: 1, metadata: { requestId: "r-1" } };
  expect(lines).toContainEqual(expect.objectContaining({ ...about, level: "info", message: "added", a: 4, b: 6 }));
  expect(lines).toContainEqual(expect.objectContaining({ ...about, message: "an attempt has ended", outcome: "ok" }));
});

it("has what docs/handlers.md shows of request ids", () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
  expect(read("../../docs/handlers.md")).toContain(`\`\`\`ts\n${read("request-id.ts")}\`\`\`\n`);
});
