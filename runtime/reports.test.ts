import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Broker, Report } from "./broker.ts";
import { TaskError } from "./errors.ts";
import { Reports } from "./reports.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A broker of which nothing but its finish is used, and which answers when it is told to. */
class SlowBroker {
  readonly batches: (readonly Report[])[] = [];
  readonly #answers: (() => void)[] = [];
  readonly port = {
    finish: (_queue: string, reports: readonly Report[]) => {
      this.batches.push(reports);
      return new Promise((resolve) => this.#answers.push(() => resolve(reports.map(() => "accepted"))));
    },
  } as unknown as Broker;

  async sent(count: number): Promise<void> {
    await expect.poll(() => this.batches.length).toBe(count);
  }

  /** All that was sent. */
  get said(): readonly string[] {
    return this.batches.flatMap(said);
  }

  answer(): void {
    this.#answers.shift()?.();
  }

  answerAll(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }
}

function progress(id: string, value: number): Report {
  return { kind: "progress", id, fence: 1, value: Uint8Array.of(value) };
}

function said(reports: readonly Report[] | undefined): readonly string[] {
  return (reports ?? []).map((report) => `${report.id} ${report.kind === "progress" ? report.value[0] : report.kind}`);
}

test.each([0, 30])(
  "of the progress that a call reports while some is on its way, only the newest goes (%i ms)",
  async (apartMs) => {
    const broker = new SlowBroker();
    const reports = new Reports(broker.port, quiet, () => undefined);
    for (let value = 1; value <= 100; value++) {
      reports.add("q", progress("a", value));
      // The first of them is later than that of the other: its pause is over later, too.
      const until = value === 1 ? performance.now() + apartMs : 0;
      while (performance.now() < until);
      reports.add("q", progress("b", value));
    }
    expect(reports.open).toBe(2);
    await broker.sent(1);
    reports.add("q", progress("a", 101));
    broker.answer();
    // Each has a pause of its own, so that they go together or one after the other.
    await expect.poll(() => broker.said).toHaveLength(4);
    expect(said(broker.batches[0])).toEqual(["a 1", "b 1"]);
    expect(broker.said.slice(2).toSorted()).toEqual(["a 101", "b 100"]);
    broker.answerAll();
    await reports.drained(new AbortController().signal);
    reports.add("q", progress("a", 102));
    await expect.poll(() => broker.said).toHaveLength(5);
    expect(broker.said.at(-1)).toBe("a 102");
  },
);

test("a call's last progress goes before its end, and none after it", async () => {
  const broker = new SlowBroker();
  const reports = new Reports(broker.port, quiet, () => undefined);
  for (const value of [1, 2, 3]) reports.add("q", progress("a", value));
  await broker.sent(1);
  reports.add("q", { kind: "release", id: "a", fence: 1 });
  await broker.sent(2);
  expect(said(broker.batches[1])).toEqual(["a 3", "a release"]);
  broker.answer();
  broker.answer();
  await reports.drained(new AbortController().signal);
  expect(broker.batches).toHaveLength(2);
});

test("of a call that reports in a tight loop, ten values a second go out at the most: the first at once, the last before its end", async () => {
  const sent: string[] = [];
  const port = {
    finish: async (_queue: string, reports: readonly Report[]) => {
      sent.push(...said(reports));
      return reports.map(() => "accepted");
    },
  } as unknown as Broker;
  const reports = new Reports(port, quiet, () => undefined);
  const begun = performance.now();
  let value = 0;
  while (value < 250) {
    reports.add("q", progress("a", ++value));
    await turn();
    if (value === 1) expect(sent).toEqual(["a 1"]);
    // Some of them come after the first pause.
    if (value === 200) await expect.poll(() => sent.length).toBeGreaterThan(1);
  }
  reports.add("q", { kind: "release", id: "a", fence: 1 });
  await reports.drained(new AbortController().signal);
  const pauses = Math.floor((performance.now() - begun) / 100);
  expect(sent.slice(-2)).toEqual(["a 250", "a release"]);
  expect(sent.length - 2).toBeLessThanOrEqual(1 + pauses);
});

test("what is said after all was told goes out once, and waits for no broker", async () => {
  const fails = vi.fn<() => Promise<never>>(() => Promise.reject(new TaskError("unavailable", "it was closed")));
  const settled = vi.fn<(queue: string, reports: readonly Report[]) => void>();
  const reports = new Reports({ finish: fails } as unknown as Broker, quiet, settled);
  await reports.drained(new AbortController().signal);
  const late: Report = { kind: "release", id: "a", fence: 1 };
  reports.add("q", late);
  await expect.poll(() => settled.mock.calls).toEqual([["q", [late]]]);
  expect(fails).toHaveBeenCalledTimes(1);
});

test("many batches that wait for a broker which is away are no reason for a warning of Node's", async () => {
  const warned = vi.fn<(warning: Error) => void>();
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));
  const fails = vi.fn<() => Promise<never>>(() => Promise.reject(new TaskError("unavailable", "it is away")));
  const reports = new Reports({ finish: fails } as unknown as Broker, quiet, () => undefined);
  for (let batch = 1; batch <= 20; batch++) {
    reports.add("q", { kind: "release", id: "a", fence: batch });
    await turn();
  }
  await expect.poll(() => fails.mock.calls.length).toBeGreaterThan(20);
  await reports.drained(AbortSignal.abort());
  expect(warned.mock.calls).toEqual([]);
});
