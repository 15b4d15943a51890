import { expect, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { describeRedis } from "../redis/suite.ts";
import { redisAt } from "./by-hand.ts";
import { Place } from "./place.ts";
import { writeRecord } from "./record.ts";

describeRedis("records that nobody can run", () => {
  const noMap = Buffer.from("hello, is this a queue?");
  const cut = writeRecord({}, { task: "math.addition", params: { a: 1, b: 2 } }).subarray(0, 60);
  const nameless = writeRecord({}, { params: {} } as never);
  const noState = writeRecord({ state: 200 }, { task: "math.addition", params: {} });

  test.each([
    ["foreign bytes", noMap],
    ["no bytes at all", Buffer.alloc(0)],
    ["a record that was cut off", cut],
    ["a record that names no task", nameless],
    ["a state that does not exist", noState],
  ])("%s: parked with the reason, and their neighbours are answered", async (_, foreign) => {
    const place = new Place();
    const redis = redisAt(place.url);
    const tasks = place.tasks();
    const before = await tasks.submit.addition(1, 2);
    await redis.set(place.key("math", "result:foreign"), foreign);
    await redis.rpush(place.key("math", "queue"), "foreign", "without a record");
    const after = await tasks.submit.addition(3, 4);
    await place.worker([math]);
    expect(await Promise.all([before.result(), after.result(), tasks.addition(5, 6)])).toEqual([3, 7, 11]);
    const parked = tasks.client.handle("addition", "foreign");
    expect(await parked.safeResult()).toMatchObject({
      ok: false,
      error: { reason: expect.stringMatching(/record|MessagePack/) },
    });
    expect(await parked.status()).toMatchObject({ state: "parked" });
    expect(await redis.zrange(place.key("math", "parked"), "0", "-1")).toEqual(["foreign"]);
    expect(await redis.zcard(place.key("math", "expiry"))).toBe(0);
  });
});
