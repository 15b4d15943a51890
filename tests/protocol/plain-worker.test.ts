import { expect, onTestFinished, test } from "vitest";
import { describeRedis } from "../redis/suite.ts";
import { Place } from "./place.ts";
import { PlainWorker } from "./plain.ts";
import type { Reply } from "./record.ts";

function math(task: string, params: { a: number; b: number; dividend: number; divisor: number }): Reply {
  if (task === "math.addition") return { value: params.a + params.b };
  if (params.divisor !== 0) return { value: params.dividend / params.divisor };
  const data = { dividend: params.dividend };
  return { error: { code: "declared", message: "by zero", name: "divisionByZero", data } };
}

function plainWorker({ url, namespace }: Place, options?: { readonly tells: boolean }): void {
  const worker = new PlainWorker(url, namespace, "math", math, options);
  onTestFinished(() => worker.stop());
  worker.start();
}

describeRedis("a worker made of BLPOP, GET, SETEX and PUBLISH serves a taskpact client", () => {
  test("with values and declared errors, of every priority", async () => {
    const place = new Place();
    plainWorker(place);
    const tasks = place.tasks();
    expect(await tasks.addition(4, 6)).toBe(10);
    expect(await tasks.with({ priority: "high" }).addition(4, 6)).toBe(10);
    expect(await tasks.with({ priority: "low" }).division(1, 4)).toBe(0.25);
    expect(await tasks.safe.division(1, 0)).toMatchObject({
      ok: false,
      error: { name: "divisionByZero", data: { dividend: 1 } },
    });
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    expect(await Promise.all(numbers.map((number) => tasks.addition(number, 1)))).toEqual(numbers.map((n) => n + 1));
  });

  test("also if it tells nobody: the client looks", async () => {
    const place = new Place();
    plainWorker(place, { tells: false });
    const tasks = place.tasks();
    const handle = await tasks.submit.addition(1, 2);
    expect(await Promise.all([tasks.addition(4, 6), handle.result()])).toEqual([10, 3]);
  });
});
