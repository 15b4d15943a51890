import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { text } from "../../examples/handlers/text.ts";
import { implementMath, implementOrders, implementTiming } from "../../generated/index.ts";
import { describeRedis } from "../redis/suite.ts";
import { Place } from "./place.ts";
import { Signal } from "./signal.ts";
import { fingerprintOf } from "./record.ts";
import { StrangeClient } from "./safe-client.ts";

/** A client in another language, as it were, that hears by now. */
async function strangeClient({ url, namespace }: Place, queue: string, deaf = false): Promise<StrangeClient> {
  const client = new StrangeClient(url, namespace, queue);
  onTestFinished(() => client.stop());
  await client.start({ deaf });
  return client;
}

/** A handler of `timing` that is held until the test lets it go. */
function held() {
  const begun = new Signal<AbortSignal>();
  const go = new Signal();
  const implementation = implementTiming({
    asynchronous: async ({ lagMs }, { signal }) => {
      begun.give(signal);
      await go.given;
      return lagMs;
    },
  });
  return { implementation, begun, go };
}

describeRedis("a client made of ioredis, msgpackr and the published scripts is served by a taskpact worker", () => {
  test("with an answer by message", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await strangeClient(place, "math");
    const ended = await client.call("c1", "math.addition", { a: 4, b: 6 });
    expect(ended).toMatchObject({ by: "message", reply: { value: 10 }, header: { version: 1, state: 4, attempt: 1 } });
    expect(ended.header!.fence).toBeGreaterThan(1e15);
  });

  test("with an answer by a look, where it heard nothing", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await strangeClient(place, "math", true);
    expect(await client.call("c1", "math.addition", { a: 4, b: 6 })).toMatchObject({
      by: "look",
      reply: { value: 10 },
    });
  });

  test("with a large answer, which a message only announces, and with values of every kind", async () => {
    const place = new Place();
    await place.worker([text]);
    const client = await strangeClient(place, "text");
    const revision = (number: bigint, at: number) => ({
      number,
      savedAt: new Date(at),
      paragraphs: new Map([["intro", `at ${at}`]]),
      authors: new Set(["Ann", "Bo"]),
      attachment: new Uint8Array(20_000).fill(number % 2n === 0n ? 2 : 1),
      review: undefined,
    });
    const theirs = revision(2n ** 65n, 61_000);
    const ended = await client.call("c1", "text.mergeRevisions", { ours: revision(7n, 1_000), theirs });
    const { review, ...rest } = theirs;
    expect(review).toBeUndefined();
    expect(ended).toMatchObject({
      by: "look",
      reply: {
        value: { revision: { ...rest, number: 2n ** 65n + 1n }, conflicts: new Set(["intro"]), apartMs: 60_000 },
      },
    });
  });

  test("with a delayed call, which waits as such", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await strangeClient(place, "math");
    const began = performance.now();
    const ended = client.ended("c1");
    await client.submit("c1", { to: client.name, task: "math.addition", params: { a: 1, b: 2 } }, { delayMs: 300 });
    expect(await client.state("c1")).toBe("delayed");
    expect(await ended).toMatchObject({ reply: { value: 3 } });
    expect(performance.now() - began).toBeGreaterThan(295);
  });

  test("with one call for an id that is sent twice, and a conflict for another call's", async () => {
    const place = new Place();
    const { implementation, begun, go } = held();
    await place.worker([implementation]);
    const [client, second] = [await strangeClient(place, "timing"), await strangeClient(place, "timing")];
    const fingerprint = "00000000000000aa";
    const request = { task: "timing.asynchronous", params: { lagMs: 5 } };
    const ends = [client.ended("c1"), second.ended("c1")];
    expect(await client.submit("c1", { to: client.name, ...request }, { header: { fingerprint } })).toBe("accepted");
    expect(await client.submit("c1", { to: client.name, ...request }, { header: { fingerprint } })).toBe("accepted");
    expect(await second.submit("c1", { to: second.name, ...request }, { header: { fingerprint } })).toBe("accepted");
    await begun.given;
    expect(await client.submit("c1", request, { header: { fingerprint: "00000000000000bb" } })).toBe("conflict");
    go.give();
    expect(await Promise.all(ends)).toMatchObject([
      { by: "message", header: { attempt: 1 }, reply: { value: 5 } },
      { by: "message", header: { attempt: 1 }, reply: { value: 5 } },
    ]);
    const again = client.ended("c1");
    expect(await client.submit("c1", request, { header: { fingerprint } })).toBe("accepted");
    expect(await again).toMatchObject({ by: "submit", header: { attempt: 1 }, reply: { value: 5 } });
  });

  test("with one call for an id that a taskpact client gives, too, as the fingerprints agree", async () => {
    const place = new Place();
    const { implementation, begun, go } = held();
    const tasks = place.tasks().with({ id: "order-1" });
    const result = tasks.asynchronous(5);
    await place.worker([implementation]);
    await begun.given;
    const client = await strangeClient(place, "timing");
    const ended = client.ended("order-1");
    const request = { to: client.name, task: "timing.asynchronous", params: { lagMs: 5 } };
    expect(await client.submit("order-1", request, { header: { fingerprint: fingerprintOf(request) } })).toBe(
      "accepted",
    );
    go.give();
    expect(await result).toBe(5);
    expect(await ended).toMatchObject({ by: "message", reply: { value: 5 } });
  });

  test("with a record that goes when its answer is acknowledged", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await strangeClient(place, "math");
    await client.call("c1", "math.addition", { a: 4, b: 6 });
    const redis = new Redis(place.url);
    onTestFinished(() => redis.disconnect());
    expect(await redis.exists(place.key("math", "result:c1"))).toBe(1);
    client.acknowledge("c1");
    await client.call("c2", "math.addition", { a: 4, b: 6 });
    expect(await redis.exists(place.key("math", "result:c1"))).toBe(0);
  });

  test("with declared errors, and the path of an argument that its schema refuses", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = await strangeClient(place, "math");
    expect(await client.call("c1", "math.division", { dividend: 7, divisor: 0 })).toMatchObject({
      header: { state: 5 },
      reply: { error: { code: "declared", name: "divisionByZero", data: { dividend: 7 }, attempt: 1 } },
    });
    expect(await client.call("c2", "math.division", { dividend: 7, divisor: "two" })).toMatchObject({
      header: { state: 5 },
      reply: { error: { code: "invalid_argument", issues: [{ path: ["divisor"] }] } },
    });
  });

  test("with progress, to whoever waits for the call", async () => {
    const place = new Place();
    const go = new Signal();
    await place.worker([
      implementOrders({
        place: () => ({}) as never,
        quote: () => ({}) as never,
        cancelOrder: async (_, context) => {
          (context as unknown as { progress(value: object): void }).progress({ current: 1, total: 2 });
          await go.given;
          return { status: "alreadyCanceled", canceledAt: "2026-01-02T03:04:05Z" };
        },
      }),
    ]);
    const client = await strangeClient(place, "orders");
    const heard = new Signal<unknown>();
    client.onProgress = (_, value) => heard.give(value);
    const ended = client.call("c1", "orders.cancelOrder", { id: "o1" });
    expect(await heard.given).toEqual({ current: 1, total: 2 });
    const follower = await strangeClient(place, "orders");
    const followed = await follower.follow("c1");
    go.give();
    expect(await ended).toMatchObject({
      reply: { value: { status: "alreadyCanceled", canceledAt: "2026-01-02T03:04:05Z" } },
    });
    expect(await followed.ended).toMatchObject({ by: "message" });
  });

  test("with cancel and revoke", async () => {
    const place = new Place();
    const { implementation, begun } = held();
    const client = await strangeClient(place, "timing");
    const revoked = client.ended("c1");
    await client.submit("c1", { to: client.name, task: "timing.asynchronous", params: { lagMs: 5 } });
    expect(await client.revoke("c1", "n1")).toBe(true);
    expect(await client.revoke("c1", "n1")).toBe(true);
    expect(await client.revoke("c1", "n2")).toBe(false);
    expect(await revoked).toMatchObject({ header: { state: 6 }, reply: { error: { code: "canceled" } } });

    await place.worker([implementation]);
    const running = client.call("c2", "timing.asynchronous", { lagMs: 5 });
    const signal = await begun.given;
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(await client.revoke("c2", "n")).toBe(false);
    await client.cancel("c2");
    expect(await running).toMatchObject({ header: { state: 6 } });
    await aborted;
  });

  test("but not with a newer version of the protocol: such a call waits for a worker that knows it", async () => {
    const place = new Place();
    await place.worker([implementMath({ addition: () => 1, subtraction: () => 2, division: () => 3 })]);
    const client = await strangeClient(place, "math");
    await client.submit("new", { task: "math.addition", params: {} }, { header: { version: 3 } });
    await client.call("c1", "math.addition", {});
    const redis = new Redis(place.url);
    onTestFinished(() => redis.disconnect());
    await expect.poll(() => redis.lrange(place.key("math", "aside:@protocol-3"), 0, -1)).toEqual(["new"]);
    expect(await client.state("new")).toBe("queued");
  });
});
