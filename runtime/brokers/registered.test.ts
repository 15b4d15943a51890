import { inspect } from "node:util";
import { afterEach, expect, test } from "vitest";
import { TaskError } from "../errors.ts";
import { streamLogger } from "../log.ts";
import { openMemory } from "./memory.ts";
import { openBroker } from "./open.ts";
import { type BrokerFactory, type BrokerOpening, registerBroker } from "./registered.ts";

const undo: (() => void)[] = [];
afterEach(() => undo.splice(0).forEach((take) => take()));

function register(scheme: string, factory: BrokerFactory): void {
  undo.push(registerBroker(scheme, factory));
}

/** Has an own text, as each factory of another package has. */
const openShelf: BrokerFactory = (_url, { namespace }) => openMemory("memory:shelf", { namespace });
const openOther: BrokerFactory = (_url, { namespace }) => openMemory("memory:other", { namespace });

function refusal(act: () => unknown): TaskError {
  try {
    act();
  } catch (error) {
    if (error instanceof TaskError) return error as TaskError;
    throw error;
  }
  throw new Error("it was not refused");
}

test("a registered scheme opens its broker, with the URL as it was given and who opens it", async () => {
  const seen: [string, BrokerOpening][] = [];
  register("shelf", (url, opening) => {
    seen.push([url, opening]);
    return openMemory("memory:registered", opening);
  });
  const log = streamLogger("silent");
  await openBroker("SHELF://User@Host/Path", { namespace: "n", side: "worker", log }).close();
  await openBroker("shelf:", { namespace: "n" }).close();
  expect(seen).toEqual([
    ["SHELF://User@Host/Path", { namespace: "n", side: "worker", log }],
    ["shelf:", { namespace: "n", side: "client", log: expect.anything() }],
  ]);
});

test.each(["", "Shelf", "shelf:", "shelf://", "1shelf", "sh elf", undefined, 5])("%j is no scheme", (scheme) => {
  const error = refusal(() => registerBroker(scheme as string, openShelf));
  expect(error.code).toBe("invalid_argument");
  expect(error.reason).toMatch(/a scheme is lower-case .* like "shelf"/);
});

test.each(["memory", "redis", "rediss", "redis+unix", "redis+sentinel"])("%s is the package's own", (scheme) => {
  expect(refusal(() => registerBroker(scheme, openShelf)).reason).toBe(
    `registerBroker(): "${scheme}" is a scheme of the package's own`,
  );
});

test("what is no function opens nothing", () => {
  expect(refusal(() => registerBroker("shelf", {} as BrokerFactory)).reason).toMatch(/needs a function.*an object/);
});

test("a scheme is taken by its factory, which may be registered again, also by a second copy of its module", async () => {
  const copy = (says: string): BrokerFactory => {
    return (_url, { namespace }) => openMemory(`memory:${says}`, { namespace });
  };
  register("shelf", copy("first"));
  register("shelf", copy("second"));
  const second = openMemory("memory:second", { namespace: "copies" });
  const beat = { worker: "w", leaseMs: 1, presenceMs: 60_000, maxDeliveries: 1, reap: false };
  const opened = openBroker("shelf:", { namespace: "copies" });
  await opened.renew({ ...beat, queues: [{ name: "q", tasks: [], fences: [] }] });
  expect(await second.presence("q")).toHaveLength(1);
  await Promise.all([opened.close(), second.close()]);
  expect(refusal(() => registerBroker("shelf", openOther)).reason).toMatch(/"shelf" is taken by another factory/);
});

test("two bound functions are two factories, though their texts are one", () => {
  register("shelf", openShelf.bind(undefined));
  expect(refusal(() => registerBroker("shelf", openOther.bind(undefined))).reason).toMatch(/taken/);
});

test("what registers takes back its own alone", async () => {
  const first = registerBroker("shelf", openShelf);
  first();
  register("shelf", openOther);
  first();
  await openBroker("shelf:", { namespace: "n" }).close();
});

test("an unknown scheme names those that are registered, and says what to do", () => {
  register("shelf", openShelf);
  const error = refusal(() => openBroker("amqp://host", { namespace: "n" }));
  expect(error.reason).toMatch(/"amqp:" is none of the brokers that are known: memory:, .*, shelf:\. .*imported/);
});

test("another copy of this package knows it, too", () => {
  register("shelf", openShelf);
  const shared = (globalThis as { [brand: symbol]: unknown })[Symbol.for("taskpact.brokers")] as Map<string, unknown>;
  expect(shared.get("shelf")).toBe(openShelf);
});

test("a factory's error is told without the URL, which may hold a password", () => {
  register("shelf", (url) => {
    if (url.includes("no where")) throw new Error(new URL(url.slice("shelf:".length)).host);
    if (url.includes("own")) throw new TaskError("invalid_argument", "no such shelf");
    throw new Error(`can't read ${url}`);
  });
  const thrown = (url: string) => refusal(() => openBroker(url, { namespace: "n" }));
  for (const url of ["shelf:no where:secret", "shelf://user:secret@host"]) {
    const error = thrown(url);
    expect(error.code).toBe("invalid_argument");
    expect(error.reason).toMatch(/"shelf:" can't be opened: (its URL is malformed|can't read its URL)/);
    expect(error.message).not.toContain("secret");
  }
  expect(inspect(thrown("shelf:no where:secret"))).not.toContain("secret");
  expect(thrown("shelf:own").reason).toBe("no such shelf");
});

test.each([
  [() => undefined, /it gave undefined/],
  [() => ({}), /what it gave has no submit\(\), claim\(\), .*close\(\)/],
  [() => Promise.resolve({}), /it gave a promise: connect when the broker is first used/],
  [() => Promise.reject(new Error("away")), /it gave a promise/],
])("a factory that gives no broker is told so (%#)", (factory, reason) => {
  register("shelf", factory as unknown as BrokerFactory);
  const error = refusal(() => openBroker("shelf:", { namespace: "n" }));
  expect(error.code).toBe("invalid_argument");
  expect(error.reason).toMatch(reason);
});
