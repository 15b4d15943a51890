import { expect, test } from "vitest";
import { contractHead, temporaryProject } from "../temporary-project.ts";
import { reported } from "./reported.ts";

const a = `${contractHead}
export const first = task({ params: { a: 3, b: z.string() }, result: z.string, timeoutMs: -1, polcy: "auto" });
export const second = task({ params: { when: z.promise(z.string()) }, result: z.void() });
export const third = task({ params: z.object({ a: z.int() }), result: z.symbol(), timeoutMs: 0 });
export const fourth = task({ params: { d: z.int(), e: z.string() }, result: z.void(), schedule: { cron: "no", params: {} } });
export const then = task({ params: {}, result: z.void() });
task(undefined);
`;
const b = `${contractHead}
import { third } from "./a.ts";
export const fifth = task({ params: { d: z.int() }, result: z.void(), queue: "a b" });
export const good = task({ params: third.params, result: z.lazy(() => { throw new Error("too early"); }) });
`;

/** Every mistake of both, in the order of files and lines. */
const mistakes = [
  "contracts/a.ts:4 - error: task(): params.a must be a zod schema; got 3",
  "contracts/a.ts:4 - error: task(): result must be a zod schema; got a function; is a call missing, as in z.number()?",
  'contracts/a.ts:4 - error: task(): there is no option "polcy"; there are ',
  "contracts/a.ts:4 - error: task(): timeoutMs must be a positive number of milliseconds; got -1",
  "contracts/a.ts:5 - error: params.when: ",
  "contracts/a.ts:6 - error: task(): params takes the bare shape",
  "contracts/a.ts:6 - error: task(): timeoutMs must be a positive number of milliseconds; got 0",
  "contracts/a.ts:6 - error: result: a symbol can't be carried",
  'contracts/a.ts:7 - error: schedule: cron "no"',
  "contracts/a.ts:7 - error: schedule: params.d: ",
  "contracts/a.ts:7 - error: schedule: params.e: ",
  'contracts/a.ts:8 - error: a task can\'t be called "then"',
  "contracts/a.ts:9 - error: task(): it takes an object",
  'contracts/b.ts:5 - error: task(): queue must be 1 to 128 letters, digits, "_", ".", ":" or "-"; got "a b"',
  "contracts/b.ts:6 - error: good can't be read: too early",
];

function toldOf(stderr: string): readonly string[] {
  const lines = stderr.split("\n").filter((line) => / - error: /.test(line));
  return lines.map((line) => line.replace(/:\d+ - /, " - "));
}

reported(
  "C7",
  "every mistake of every file is told in one run",
  (got) => {
    const project = temporaryProject({ "contracts/a.ts": a, "contracts/b.ts": b });
    for (const args of [[], ["--check"]]) {
      const { stderr, status } = project.gen(...args);
      const told = toldOf(stderr);
      got(`${told.length} of ${mistakes.length} mistakes told`);
      expect(told.map((line, index) => line.slice(0, mistakes[index]?.length))).toEqual(mistakes);
      expect(stderr).toContain(`\n${mistakes.length} errors\n`);
      expect(stderr).not.toContain("declares no task");
      expect(status).toBe(1);
      expect(project.has("generated")).toBe(false);
    }
  },
  120_000,
);

test(
  "a watching generator tells again what is not mended, also of files that have not changed",
  { timeout: 120_000 },
  async () => {
    const project = temporaryProject({ "contracts/a.ts": a, "contracts/b.ts": b });
    const running = project.startGen("--watch");
    expect(toldOf(await running.until(`${mistakes.length} errors`))).toHaveLength(mistakes.length);
    await running.until("watching");
    project.write("contracts/b.ts", b.replace(`queue: "a b"`, `queue: "b"`));
    expect(toldOf(await running.until(`${mistakes.length - 1} errors`))).toHaveLength(mistakes.length - 1);
    await running.until("watching");
    project.write("contracts/a.ts", `${contractHead}export const third = task({ params: {}, result: z.void() });\n`);
    expect(toldOf(await running.until("1 error"))).toHaveLength(1);
    await running.end("SIGTERM");
  },
);
