import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { describeRedis, sharedRedisUrl } from "../../tests/redis/suite.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** Runs the demo as a user would; rejects if it fails. */
async function demo(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "--conditions=taskpact-source", main, ...args],
    { timeout: 30_000 },
  );
  return stdout;
}

/** What the tour shows, wherever its queues are. */
const lines = [
  "local-first, the default: it ran here",
  "remote-only: it ran on the worker",
  "local-only: it ran here",
  "remote-first: it ran on the worker",
  "auto, and a worker is present: it ran on the worker",
  '→ {"words":5,"characters":24,"lines":1}',
  "[invalid_argument] math.addition: params.a: ",
  "[declared] math.division: divisionByZero",
  '→ {"dividend":1}',
  "[invalid_result] timing.asynchronous: result: ",
  '→ "delayed"',
  "→ 0.125",
];

it("the demo plays its tour on the embedded broker", { timeout: 30_000 }, async () => {
  const output = await demo();
  for (const line of lines) expect(output).toContain(line);
});

it("the lines of code that the demo prints are those that it runs", async () => {
  const source = await readFile(main, "utf8");
  const shown = [
    ...source.matchAll(/show\(\s*(?:`([^`]*)`|'([^']*)'|"([^"]*)"),[\s\S]*?\(\) =>\s*([\s\S]*?),?\s*\);\n/g),
  ];
  expect(shown.length).toBeGreaterThan(10);
  for (const [, backticked, single, double, run] of shown) {
    const code = (backticked ?? single ?? double ?? "").replaceAll(
      /^\(await handle\.status\(\)\)/g,
      "async () => (await handle.status())",
    );
    const plain = (text: string) => text.replaceAll(/\s+/g, "").replaceAll("async()=>", "");
    expect(plain(run ?? "")).toBe(plain(code));
  }
});

describeRedis("over Redis", () => {
  it("the demo's worker is another process", { timeout: 30_000 }, async () => {
    const output = await demo("--redis", sharedRedisUrl());
    expect(output).toContain("its worker in another process");
    for (const line of lines) expect(output).toContain(line);
  });

  it("--redis auto starts a private server", { timeout: 30_000 }, async () => {
    await expect(demo("--redis", "auto")).resolves.toContain("a private Redis");
  });
});

it("a Redis that is not there is told, and ends it", { timeout: 30_000 }, async () => {
  const refused = { code: 1, stderr: expect.stringContaining("can't reach Redis at 127.0.0.1:1") as string };
  await expect(demo("--redis", "redis://127.0.0.1:1")).rejects.toMatchObject(refused);
});

it("what it does not know is refused with its usage", async () => {
  await expect(demo("--broker", "x")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("usage: ") as string,
  });
});
