import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { math } from "../../examples/handlers/math.ts";
import { timing } from "../../examples/handlers/timing.ts";
import { implementTiming } from "../../generated/index.ts";
import { publishedFiles } from "../../docs/scripts/publish.ts";
import { readMessage } from "../../runtime/brokers/redis/message.ts";
import { decode, encode } from "../../runtime/codec.ts";
import { readReply, writeReply, writeRequest } from "../../runtime/envelope.ts";
import { newHeader } from "../../runtime/header.ts";
import { taskErrorCodes } from "../../runtime/errors.ts";
import { states } from "../../runtime/state.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis } from "../redis/suite.ts";
import { packed } from "./packed.ts";
import { Place } from "./place.ts";
import { Signal } from "./signal.ts";
import { Published } from "./published.ts";
import { writeRecord } from "./record.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

const allLua = [...publishedFiles.values()].join("\n");

/** The blocks of code in a language. */
function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text!);
}

/** The bytes that a line of such a block shows, without what it says about them. */
function hexOf(line: string): string {
  return line.trim().split(/ {4,}/)[0]!.replaceAll(" ", "");
}

const request = { to: "kX3-fQ0aZ_", task: "math.addition", params: { a: 4, b: 6 } };

test("the page's examples are what Taskpact writes, byte for byte", () => {
  const [submission, reply, plain, answered] = blocks("hex").map((block) => block.trimEnd().split("\n").map(hexOf));
  expect(submission!.join("")).toBe(
    writeRequest(newHeader({ awaited: true, deadline: 30_000 }), request).toString("hex"),
  );
  const header = {
    state: "succeeded",
    awaited: true,
    attempt: 1,
    fence: 1_767_225_600_000_000,
    deadline: 1_767_225_630_000,
  } as const;
  expect(reply!.join("")).toBe(writeReply(newHeader(header), { value: 10 }).toString("hex"));
  expect(plain!.join("")).toBe(encode(request).toString("hex"));
  const [record, message] = answered!.map((hex) => Buffer.from(hex, "hex"));
  expect(readReply(record!)).toEqual({ value: 10 });
  expect(readMessage(message!)).toEqual([{ kind: "ended", id: "c1", record }]);
});

test("the page's extensions are what Taskpact writes, byte for byte", () => {
  const shown = [...page.matchAll(/`(d[45] 42(?: [0-9a-f]{2})+)`[^,;|]*?([−\d]+)n/g)];
  expect(shown.map(([, , value]) => value)).toEqual(["5", "128", "−128"]);
  for (const [, hex, value] of shown) {
    const bigint = BigInt(value!.replace("−", "-"));
    expect(encode(bigint).toString("hex")).toBe(hex!.replaceAll(" ", ""));
    expect(decode(Buffer.from(hex!.replaceAll(" ", ""), "hex"))).toBe(bigint);
  }
  expect(page).toContain(
    `\`${encode(undefined)
      .toString("hex")
      .replaceAll(/(..)(?=.)/g, "$1 ")}\``,
  );
});

test("the page tells of every script, key, state and code", () => {
  for (const name of publishedFiles.keys()) expect(page).toContain(`| \`${name.replace(".lua", "")}\` |`);
  const keys = [...allLua.matchAll(/P \.\. '([a-z]+(?::[a-z]+)?:?)'/g)].map(([, key]) => key!);
  for (const key of new Set(keys)) {
    expect(page).toMatch(new RegExp(`\\| [^|]*\`${key}${key.endsWith(":") ? "<\\w+>" : ""}\`[^|]*\\|`));
  }
  for (const [number, state] of states.entries()) expect(page).toContain(`| ${number} | ${state} |`);
  for (const code of taskErrorCodes.filter(
    (code) => !["unavailable", "unimplemented", "not_found", "outcome_unknown"].includes(code),
  ))
    expect(page).toContain(`\`${code}\``);
});

/** The rules of the user that the page describes. */
const rights = blocks("acl").join(" ").trim().split(/\s+/);

test("the page's rights are those that scripts use, and what a connection needs besides", () => {
  const inScripts = [...allLua.matchAll(/(?:call\(|\{ )'([A-Z]+)'/g)];
  const besides = ["evalsha", "eval", "script|load", "blpop", "subscribe", "unsubscribe", "ping", "info"];
  const connection = ["client|setname", "client|id", "client|unblock"];
  const needed = new Set([...inScripts.map(([, name]) => name!.toLowerCase()), ...besides, ...connection]);
  // What differs is to be mended in the block "acl" of docs/protocol.md.
  const given = rights.filter((rule) => rule.startsWith("+"));
  expect(given.sort()).toEqual([...needed].map((name) => `+${name}`).sort());
});

describeRedis("a user with the page's rights and no others", () => {
  test("can do all that a client and a worker do", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const admin = new Redis(server.url);
    onTestFinished(() => admin.disconnect());
    await admin.call("ACL", ["SETUSER", "app", ...rights]);
    const place = new Place(server.url.replace("//", "//app:secret@"), "taskpact");

    const begun = [new Signal(), new Signal<AbortSignal>()] as const;
    const tasks = place.tasks();
    const falling = place.tasks(place.url, [timing]).with({ policy: "remote-first", fallbackAfterMs: 1 });
    expect(await falling.asynchronous(0)).toBeGreaterThanOrEqual(0);
    await admin.set(place.key("timing", "result:foreign"), "foreign");
    await admin.rpush(place.key("timing", "queue"), "foreign");
    const worker = await place.worker([
      math,
      implementTiming({
        asynchronous: async ({ lagMs }, context) => {
          if (lagMs === 1 && context.attempt === 1) throw new Error("once more");
          if (lagMs < 2) return context.lock("l", () => context.attempt);
          context.progress({ current: 1, total: 2 });
          begun[lagMs === 2 ? 0 : 1].give(context.signal as never);
          await new Promise((_, reject) =>
            context.signal.addEventListener("abort", () => reject(context.signal.reason)),
          );
          return 0;
        },
      }),
    ]);
    expect(await tasks.addition(4, 6)).toBe(10);
    const retry = { attempts: 2, backoff: { type: "fixed", delayMs: 1 } } as const;
    expect(await tasks.with({ retry, priority: "high" }).asynchronous(1)).toBe(2);
    expect(await (await tasks.with({ delayMs: 5, priority: "low" }).submit.asynchronous(0)).result()).toBe(1);
    expect(await tasks.with({ id: "c" }).addition(4, 6)).toBe(10);
    await expect(tasks.with({ id: "c" }).addition(4, 7)).rejects.toMatchObject({ code: "invalid_argument" });
    const canceled = await tasks.submit.asynchronous(2);
    await begun[0].given;
    const running = { state: "running", progress: { current: 1, total: 2 } };
    await expect.poll(() => canceled.status()).toMatchObject(running);
    expect(await canceled.cancel()).toBe("canceled");
    // One that nobody can read, for the operator's scripts.
    const { parked } = tasks.client;
    await expect.poll(async () => (await parked.list({ queue: "timing" })).calls.length).toBe(1);
    await parked.discard("asynchronous", "foreign");
    const kept = await tasks.with({ keepRequest: true }).submit.addition(4, 6);
    await kept.result();
    expect((await parked.show("addition", kept.id)).params).toEqual({ a: 4, b: 6 });
    expect(await (await parked.replay("addition", kept.id)).result()).toBe(10);
    const here = place.tasks(place.url, [math]).client.parked;
    expect(await (await here.replay("addition", kept.id, { local: true })).result()).toBe(10);
    const { events } = tasks.client;
    const heard: string[] = [];
    const listening = await events.on(["queued", "succeeded"], ({ kind }) => heard.push(kind));
    expect(await tasks.addition(4, 6)).toBe(10);
    await expect.poll(() => heard).toEqual(["queued", "succeeded"]);
    await listening.stop();
    await tasks.with({ delayMs: 60_000 }).submit.addition(1, 1);
    expect((await tasks.client.queues()).find(({ name }) => name === "math")).toMatchObject({ delayed: 1, workers: 1 });
    const states = ["queued", "delayed", "retrying", "parked"] as const;
    expect(await tasks.client.queue("math").purge({ states })).toEqual({ canceled: 1, forgotten: 0 });
    // One that is given back by a worker that stops, and one whose worker is gone.
    await tasks.submit.asynchronous(3);
    await begun[1].given;
    await worker.stop();
    await ghost(server.url.replace("//", "//app:secret@"));
    expect(await admin.call("ACL", ["LOG"])).toEqual([]);
  });
});

/** A call's way through a worker that dies, twice: the scripts' rarer steps. */
async function ghost(url: string): Promise<void> {
  const redis = new Redis(url);
  const scripts = new Published(redis, "taskpact");
  const claim = async (suspect: string, token: string, lost = "") =>
    (await scripts.run("claim", "ghosts", ["w", 10, 1, suspect, "queue", " a.b ", token, lost])) as Buffer[];
  const reap = () =>
    expect.poll(async () => ((await scripts.run("reap", "ghosts", [2, 1_000])) as number[])[0]).toBe(1);
  const record = writeRecord({ flags: 0 }, { task: "a.b", params: {} });
  try {
    await scripts.run("submit", "ghosts", ["", 1, packed("g", record), ""]);
    await claim("", "t1");
    const [fence] = await claim("", "t2", "t1");
    await scripts.run("report", "ghosts", ["aside", "g", String(fence), "a.b", ""]);
    await claim("", "t3");
    await reap();
    await claim("1", "t4");
    await reap();
    await scripts.run("submit", "ghosts", ["", "", "", packed("g")]);
    await scripts.run("presence", "ghosts", []);
    expect(await redis.exists("taskpact:{ghosts}:result:g")).toBe(1);
  } finally {
    redis.disconnect();
  }
}
