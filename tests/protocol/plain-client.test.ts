import { expect, onTestFinished, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { describeRedis } from "../redis/suite.ts";
import { Place } from "./place.ts";
import { PlainClient } from "./plain.ts";
import { writePlain } from "./record.ts";

async function plainClient({ url, namespace }: Place): Promise<PlainClient> {
  const client = new PlainClient(url, namespace, "math");
  onTestFinished(() => client.stop());
  await client.start();
  return client;
}

describeRedis("a client made of SETEX, RPUSH and GET is served by a taskpact worker", () => {
  test("with answers that it hears", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await plainClient(place);
    expect(await client.call("p1", "math.addition", { a: 4, b: 6 })).toEqual({ value: 10 });
    expect(await client.call("p2", "math.division", { dividend: 7, divisor: 0 })).toMatchObject({
      error: { code: "declared", name: "divisionByZero", data: { dividend: 7 } },
    });
    expect(await client.call("p3", "math.division", { dividend: 7, divisor: true })).toMatchObject({
      error: { code: "invalid_argument", issues: [{ path: ["divisor"] }] },
    });
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    const answers = await Promise.all(numbers.map((a) => client.call(`many${a}`, "math.addition", { a, b: 1 })));
    expect(answers).toEqual(numbers.map((a) => ({ value: a + 1 })));
  });

  test("with answers that it looks for", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await plainClient(place);
    await client.submit("p1", writePlain({ task: "math.addition", params: { a: 4, b: 6 } }));
    await expect.poll(() => client.look("p1")).toEqual({ value: 10 });
  });

  test("with calls that were there before the worker", async () => {
    const place = new Place();
    const client = await plainClient(place);
    const answer = client.call("p1", "math.addition", { a: 4, b: 6 });
    await place.worker([math]);
    expect(await answer).toEqual({ value: 10 });
  });
});
