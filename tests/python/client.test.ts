import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { text } from "../../examples/handlers/text.ts";
import { implementTiming } from "../../generated/index.ts";
import { Place } from "../protocol/place.ts";
import { Signal } from "../protocol/signal.ts";
import { startRedis } from "../redis/server.ts";
import { cutPython, describePython, Program, python } from "./program.ts";

/** A program that has a `client`. */
function clientOf({ url, namespace }: Place, program: string): Program {
  const prelude = `
from taskpact import Client, TaskError
client = Client("${url}", "${namespace}")
`;
  return python(prelude + program);
}

/** A handler of `timing` that tells when it has begun, and is held until the test lets it go. */
function held() {
  const begun = new Signal<AbortSignal>();
  const go = new Signal();
  const implementation = implementTiming({
    asynchronous: async ({ lagMs }, { signal, progress }) => {
      progress({ current: 1, total: 2 });
      begun.give(signal);
      await go.given;
      return lagMs;
    },
  });
  return { implementation, begun, go };
}

describePython("a client in Python is served by a taskpact worker", { timeout: 30_000 }, () => {
  test("as its README says", async () => {
    const place = new Place();
    await place.worker([math, text]);
    const readme = readFileSync(new URL("../../examples/python/README.md", import.meta.url), "utf8");
    const [, shown] = /```text\n(.*?)```/s.exec(readme)!;
    const output = await new Program("client.py", place.url, "--namespace", place.namespace).ended();
    // It is a worker in Python that tells its progress.
    expect(output).toBe(shown!.replaceAll(/^\{'current.*\n/gm, ""));
  });

  test("and learns by a look what it could not hear, as its connections were cut", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const place = new Place(server.url, "taskpact");
    const { implementation, begun, go } = held();
    await place.worker([implementation]);
    const client = clientOf(
      place,
      `
say(client.call("timing.asynchronous", {"lagMs": 7}, on_progress=say))
say(client.call("timing.asynchronous", {"lagMs": 8}))`,
    );
    await begun.given;
    await client.printed("{'current': 1, 'total': 2}");
    expect(await cutPython(server.url)).toBeGreaterThan(0);
    go.give();
    expect(await client.ended()).toMatch(/^7\n8$/m);
  });

  test("and cancels a call that another awaits", async () => {
    const place = new Place();
    const { implementation, begun } = held();
    await place.worker([implementation]);
    const handle = await place.tasks().submit.asynchronous(1);
    const signal = await begun.given;
    const client = clientOf(place, `say(client.cancel("timing.asynchronous", "${handle.id}"))`);
    expect(await client.ended()).toBe("canceled\n");
    await expect.poll(() => signal.aborted).toBe(true);
    expect(await handle.safeResult()).toMatchObject({ ok: false, error: { code: "canceled" } });
  });

  test("and awaits a call that another has made, in vain past its own time", async () => {
    const place = new Place();
    const { implementation, begun, go } = held();
    await place.worker([implementation]);
    const handle = await place.tasks().submit.asynchronous(5);
    await begun.given;
    const client = clientOf(
      place,
      `
try:
    client.result("timing.asynchronous", "${handle.id}", timeout=0.05)
except TaskError as error:
    say(error.code)
try:
    client.result("timing.asynchronous", "nobody's")
except TaskError as error:
    say(error.code)
say(client.result("timing.asynchronous", "${handle.id}"))`,
    );
    await client.printed("not_found");
    go.give();
    expect(await client.ended()).toBe("deadline_exceeded\nnot_found\n5\n");
  });

  test("from many threads, and nothing is left of calls whose answers it has acknowledged", async () => {
    const place = new Place();
    await place.worker([math]);
    const client = clientOf(
      place,
      `
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(16) as pool:
    sums = pool.map(lambda n: client.call("math.addition", {"a": n, "b": 0.5}), range(200))
    say(sum(sums))
client.close()`,
    );
    expect(await client.ended()).toBe(`${(199 * 200) / 2 + 100}.0\n`);
    const redis = new Redis(place.url);
    onTestFinished(() => redis.disconnect());
    expect(await redis.keys(place.key("math", "result:*").replace("{", "\\{"))).toEqual([]);
  });
});
