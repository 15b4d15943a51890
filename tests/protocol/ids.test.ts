import { expect, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { describeRedis } from "../redis/suite.ts";
import { countedSums } from "./counted-sums.ts";
import { Place } from "./place.ts";

describeRedis("ids", () => {
  test("the same id twice is one call, while it is open and after its end", async () => {
    const place = new Place();
    const { implementation, ran } = countedSums();
    await place.worker([implementation]);
    const tasks = place.tasks().with({ id: "order-1" });
    expect(await Promise.all([tasks.addition(4, 6), tasks.addition(4, 6)])).toEqual([10, 10]);
    expect(await (await tasks.submit.addition(4, 6)).result()).toBe(10);
    expect([...ran]).toEqual([[4, 1]]);
  });

  test("the same id with other parameters, or of another task, is refused", async () => {
    const place = new Place();
    await place.worker([math]);
    const tasks = place.tasks().with({ id: "order-1" });
    expect(await tasks.addition(4, 6)).toBe(10);
    expect(await tasks.safe.addition(4, 7)).toMatchObject({ ok: false, error: { code: "invalid_argument" } });
    expect(await tasks.safe.subtraction(4, 6)).toMatchObject({ ok: false, error: { code: "invalid_argument" } });
    await expect(tasks.submit.addition(5, 6)).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await tasks.addition(4, 6)).toBe(10);
  });
});
