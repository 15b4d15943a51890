import { expect, onTestFinished, test } from "vitest";
import { isDeclared } from "../../generated/index.ts";
import { describeRedis } from "../redis/suite.ts";
import { Place } from "./place.ts";
import { Signal } from "./signal.ts";
import type { Reply } from "./record.ts";
import { type StrangeHandler, StrangeWorker } from "./safe-worker.ts";

/** A worker in another language, as it were, that listens by now. */
async function strangeWorker(
  { url, namespace }: Place,
  queue: string,
  handlers: Readonly<Record<string, StrangeHandler>>,
): Promise<StrangeWorker> {
  const worker = new StrangeWorker(url, namespace, queue, handlers);
  onTestFinished(() => worker.stop());
  await worker.start();
  return worker;
}

const math: Readonly<Record<string, StrangeHandler>> = {
  "math.addition": ({ a, b }: { a: number; b?: number }) => ({ value: a + (b ?? 0) }),
  "math.division": ({ dividend, divisor }: { dividend: number; divisor: number }) =>
    divisor === 0
      ? { error: { code: "declared", message: "divisionByZero", name: "divisionByZero", data: { dividend } } }
      : divisor < 0
        ? { error: { code: "invalid_argument", message: "no", issues: [{ path: ["divisor"], message: "is below 0" }] } }
        : { value: dividend / divisor },
};

describeRedis("a worker made of ioredis, msgpackr and the published scripts serves a taskpact client", () => {
  test("with sums, one and two hundred at a time", async () => {
    const place = new Place();
    await strangeWorker(place, "math", math);
    const tasks = place.tasks();
    expect(await tasks.addition(4, 6)).toBe(10);
    expect(await tasks.addition(4)).toBe(4);
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    expect(await Promise.all(numbers.map((number) => tasks.addition(number, 0.5)))).toEqual(
      numbers.map((n) => n + 0.5),
    );
    expect(await (await tasks.submit.addition(1, 2)).result()).toBe(3);
    expect(await tasks.with({ priority: "low" }).addition(1, 2)).toBe(3);
  });

  test("with declared errors and the paths of invalid arguments", async () => {
    const place = new Place();
    await strangeWorker(place, "math", math);
    const tasks = place.tasks();
    const error: unknown = await tasks.division(7, 0).catch((thrown: unknown) => thrown);
    expect(isDeclared(error, "division", "divisionByZero") && error.data).toEqual({ dividend: 7 });
    const answer = await tasks.safe.division(1, -1);
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "invalid_argument", issues: [{ path: ["divisor"], message: "is below 0" }] },
    });
  });

  test("with progress, a codec's Date and every option of an order", async () => {
    const place = new Place();
    const go = new Signal();
    await strangeWorker(place, "orders", {
      "orders.place": async ({ order }: { order: { lines: readonly unknown[] } }, { progress }) => {
        const lines = order.lines.length;
        progress({ step: "reserving", linesDone: 0, lines });
        await go.given;
        progress({ step: "confirming", linesDone: lines, lines });
        const value = {
          id: "o1",
          total: { amount: 12.5, currency: "EUR" },
          placedAt: "2026-01-02T03:04:05.678Z",
          deliverAt: "2026-01-04T00:00:00Z",
        };
        return { value };
      },
    });
    const { submit } = place.tasks();
    const handle = await submit.place({
      customer: { id: "2f8b4a52-6c0f-4f1e-9d0a-3b1f6f1f7a11", email: "ann@example.org" },
      lines: [{ sku: "book-1" }],
      shipTo: { name: "Ann", street: "Elm 1", postalCode: "1", city: "X", country: "DE" },
      payment: { method: "voucher", codes: ["A"] },
    });
    const steps: string[] = [];
    for await (const { step } of handle.progress()) {
      steps.push(step);
      go.give();
    }
    expect(steps).toEqual(["reserving", "confirming"]);
    expect(await handle.result()).toEqual({
      id: "o1",
      total: { amount: 12.5, currency: "EUR" },
      placedAt: new Date("2026-01-02T03:04:05.678Z"),
      deliverAt: new Date("2026-01-04T00:00:00Z"),
    });
  });

  test("with Dates, Maps, Sets, bigints, bytes and undefined, in both directions", async () => {
    const place = new Place();
    const asked = new Signal<object>();
    await strangeWorker(place, "text", {
      "text.mergeRevisions": ({ ours, theirs }: { ours: object; theirs: object }): Reply => {
        asked.give({ ours, theirs });
        return { value: { revision: theirs, conflicts: new Set(["intro"]), apartMs: 1.5 } };
      },
    });
    const revision = (number: bigint) => ({
      number,
      savedAt: new Date(1_700_000_000_123),
      paragraphs: new Map([["intro", "ä 🌹"]]),
      authors: new Set(["Ann"]),
      attachment: new Uint8Array([0, 1, 255]),
      review: { by: "Bo", verdict: undefined },
    });
    const [ours, theirs] = [revision(1n), revision(2n ** 70n)];
    expect(await place.tasks().mergeRevisions(ours, theirs)).toEqual({
      revision: theirs,
      conflicts: new Set(["intro"]),
      apartMs: 1.5,
    });
    expect(await asked.given).toEqual({ ours, theirs });
  });

  test("until a call is canceled: its signal is aborted, and its answer refused", async () => {
    const place = new Place();
    const begun = new Signal<AbortSignal>();
    const answer = new Signal<Reply>();
    const worker = await strangeWorker(place, "timing", {
      "timing.asynchronous": (_: object, { signal }) => {
        begun.give(signal);
        return answer.given;
      },
    });
    const tasks = place.tasks();
    const handle = await tasks.submit.asynchronous(1);
    const signal = await begun.given;
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(await handle.cancel()).toBe("canceled");
    await aborted;
    answer.give({ value: 1 });
    expect(await handle.safeResult()).toMatchObject({ ok: false, error: { code: "canceled" } });
    await worker.stop();
    expect(worker.refused).toEqual([handle.id]);
  });

  test("with another attempt where the call asks for it, and an end where its time is up", async () => {
    const place = new Place();
    const attempts: number[] = [];
    await strangeWorker(place, "timing", {
      "timing.asynchronous": ({ lagMs }: { lagMs: number }, { attempt }): Reply | Promise<Reply> => {
        if (lagMs > 0) return new Promise(() => undefined);
        attempts.push(attempt);
        return attempt < 3 ? { error: { code: "failed", message: "not yet" } } : { value: attempt };
      },
    });
    const tasks = place.tasks();
    const retry = { attempts: 3, backoff: { type: "fixed", delayMs: 20 } } as const;
    expect(await tasks.with({ retry }).asynchronous(0)).toBe(3);
    expect(attempts).toEqual([1, 2, 3]);
    expect(await tasks.with({ attemptTimeoutMs: 30 }).safe.asynchronous(1)).toMatchObject({
      ok: false,
      error: { code: "deadline_exceeded", reason: "time was up after 30 ms" },
    });
  });

  test("and tells by its presence what it serves, and puts aside what it does not", async () => {
    const place = new Place();
    await strangeWorker(place, "math", { "math.addition": math["math.addition"]! });
    const tasks = place.tasks();
    expect(await tasks.safe.division(1, 2)).toMatchObject({ ok: false, error: { code: "unimplemented" } });
    const handle = await tasks.submit.division(1, 2);
    expect(await tasks.addition(1, 2)).toBe(3);
    await strangeWorker(place, "math", math);
    expect(await handle.result()).toBe(0.5);
  });
});
