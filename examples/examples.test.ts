import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { describeRedis } from "../tests/redis/suite.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

/** Runs an example by its command, as npm does; rejects if it fails. What it leaves behind goes into a folder of its own. */
async function example(name: string, args: readonly string[], folder = tmpdir()): Promise<string> {
  const [program, ...given] = scripts[`example:${name}`]!.split(" ");
  expect(program).toBe("node");
  const options = { cwd: root, timeout: 50_000, env: { ...process.env, TMPDIR: folder } };
  return (await promisify(execFile)(process.execPath, [...given, ...args], options)).stdout;
}

/** What each shows, wherever its queues are. */
function rules(...args: readonly string[]): void {
  it("orders: stock and money agree, whatever went wrong", async () => {
    const output = await example("orders", args);
    const [, before] = output.split("In stock: ");
    expect(before).toMatch(/^{"book":20,"mug":6,"lamp":3}\n/);
    expect(output).toMatch(
      /shipped: €25\.00, parcel (P-\w{8})\n[^]*one call, one answer\n {2}shipped: €25\.00, parcel \1\n/,
    );
    expect(output).toContain("[invalid_argument] orders.place: ");
    expect(output).toContain("  out of stock: 3 of lamp left\n");
    expect(output).toContain("  payment declined: no 99.8 euros in the account of poor-paul\n");
    expect(output).toContain("  not deliverable: to AQ\n");
    expect(output).toContain("  3 shipped, 5 out of stock\n");
    expect(output.match(/unlucky-uma +€8\.00/g)).toHaveLength(1);
    expect(output).toMatch(/ann +€49\.90\n +ann +€-49\.90\n/);
    expect(output).toMatch(/in all +€182\.70 [^\n]*\nIn stock: {"book":18,"mug":5,"lamp":0}\n$/);
    expect(output).not.toContain("failed:");
  });

  it("crawler: each page is read once, busy ones again, private ones never", async () => {
    const output = await example("crawler", args);
    expect(output).toContain("From the shop: 72 links to 34 pages; from the manual: 26 to 13\n");
    expect(output).toContain("  broken: http://shop/pages/gone (404), linked on http://shop/pages/5\n");
    expect(output).toContain("  broken: http://manual/pages/gone (404), linked on http://manual/pages/5\n");
    expect(output).toContain("  not followed: https://elsewhere.example/\n");
    const log = (requests: number, pages: number, busy: number) =>
      `own log: ${requests} requests; ${pages} pages served, 0 of them twice; ${busy} × 503, asked again; 0 private\n`;
    expect(output).toContain(`The shop's ${log(24, 20, 3)}`);
    expect(output).toContain(`The manual's ${log(15, 12, 2)}`);
  });

  it("pipeline: what was written is what was read, and drawn", async () => {
    const folder = await mkdtemp(join(tmpdir(), "taskpact-example-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const output = await example("pipeline", args, folder);
    const written = /(\d+) readings written/.exec(output)?.[1];
    expect(Number(written)).toBe(4 * 365 * 24 * 20);
    const [, chunks] = new RegExp(`\n${written} readings of 4 stations, in (\\d+) chunks, `).exec(output) ?? [];
    expect(Number(chunks)).toBeGreaterThan(40);
    expect(output).toMatch(new RegExp(`reading +\\[█* *\\] \\d+ of ${chunks}\n`));
    expect(output).toContain("nothing to read\n");
    const page = /^The report: (.*)$/m.exec(output)![1]!;
    const drawn = await readFile(page, "utf8");
    expect(drawn.match(/<polyline points="(?:[\d.]+,[\d.]+ ?){12}"/g)).toHaveLength(4);
    for (const station of ["oslo", "lisbon", "nairobi", "sydney"]) expect(drawn).toContain(`>${station}</text>`);
  });

  it("nightly: a night is a slot, also where clocks are set", async () => {
    const output = await example("nightly", args);
    expect(output).toMatch(/triggered: closed \d{4}-\d\d-\d\d, \d+ orders\n/);
    expect(output).toMatch(/closeDay \("30 2 \* \* \*", Europe\/Berlin\): next \d{4}-\d\d-\d\dT0[01]:[03]0:00\.000Z\n/);
    expect(output).toMatch(/forgetSessions \(every 6 h\): next [^\n]*, paused\n/);
    const nights = [...output.matchAll(/^ {2}(\w{3}, .*): closed (.*), \d+ orders$/gm)].map(
      ([, night, day]) => `${night}: ${day}`,
    );
    expect(nights).toEqual([
      "Sat, 30 Mar 2024, 02:30 CET: 2024-03-29",
      "Sun, 31 Mar 2024, 03:00 CEST: 2024-03-30",
      "Mon, 01 Apr 2024, 02:30 CEST: 2024-03-31",
      "Sat, 26 Oct 2024, 02:30 CEST: 2024-10-25",
      "Sun, 27 Oct 2024, 02:30 CEST: 2024-10-26",
    ]);
    expect(output).toContain("A night for which it is paused\n  nothing was called\n");
  });
}

describe("on the embedded broker", { timeout: 60_000 }, () => rules());

describeRedis("on a private Redis, with the worker in another process", () => {
  describe("started by the example", { timeout: 60_000 }, () => rules("--redis", "auto"));
});

it("the page lists every example with its command", async () => {
  const page = await readFile(new URL("README.md", import.meta.url), "utf8");
  const folders = (await readdir(new URL(".", import.meta.url), { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  for (const name of folders) expect(page).toContain(`(${name}/)`);
  for (const command of Object.keys(scripts).filter((script) => script.startsWith("example:"))) {
    expect(page).toContain(`npm run ${command}`);
  }
});
