import { Cluster, Redis, type RedisOptions } from "ioredis";
import { expect, test } from "vitest";
import { TaskError } from "../../errors.ts";
import { openBroker } from "../open.ts";
import { RedisBroker } from "./broker.ts";
import { optionsOf, placeOf } from "./source.ts";

function refusal(act: () => unknown): TaskError {
  try {
    act();
  } catch (error) {
    if (error instanceof TaskError) return error as TaskError;
  }
  throw new Error("it was not refused");
}

test.each<[string, RedisOptions]>([
  ["redis://host", { host: "host", port: 6379 }],
  ["REDIS://host", { host: "host", port: 6379 }],
  ["redis://", { host: "localhost", port: 6379 }],
  ["redis://host:1234/5", { host: "host", port: 1234, db: 5 }],
  ["redis://host/?db=7", { host: "host", port: 6379, db: 7 }],
  ["redis://host?family=6", { host: "host", port: 6379, family: 6 }],
  ["redis://[::1]:1234", { host: "::1", port: 1234 }],
  ["redis://ann:p%40ss@host", { host: "host", port: 6379, username: "ann", password: "p@ss" }],
  ["redis://:pass@host", { host: "host", port: 6379, username: "default", password: "pass" }],
  ["rediss://host", { host: "host", port: 6379, tls: {} }],
  ["redis+unix:///run/my%20redis.sock?db=2", { path: "/run/my redis.sock", db: 2 }],
  ["redis+unix://ann:pass@localhost/run/redis.sock", { path: "/run/redis.sock", username: "ann", password: "pass" }],
])("%s says where Redis is", (url, options) => {
  expect(optionsOf(url)).toEqual(options);
});

test.each([
  ["redis://host:notaport", /no URL/],
  ["redis:host", /two slashes/],
  ["redis://host/secret", /database must be a number/],
  ["redis://host/-1", /database must be a number/],
  ["redis://host/1/2", /database must be a number/],
  ["redis://:secret#more@host", /URL|#/],
  ["redis://:%zz-secret@host", /%25/],
  ["redis://host?keyPrefix=secret", /\?keyPrefix is none of the options/],
  ["redis://host?password=secret", /\?password is none of the options/],
  ["redis://host?family=5", /family \(4 or 6\)/],
  ["redis://host?a%20secret=1", /\?… is none/],
  ["redis+unix://elsewhere/run/secret.sock", /on this machine/],
  ["redis+unix:///", /needs the socket's path/],
  ["https://host", /begins with redis:/],
])("%s is refused, in words that hold no secret", (url, words) => {
  const error = refusal(() => optionsOf(url));
  expect(error.code).toBe("invalid_argument");
  expect(error.reason).toMatch(words);
  expect(`${error.message} ${error.stack}`).not.toMatch(/secret/);
});

test("of an instance only the options are taken, and it is not touched", async () => {
  const redis = new Redis({ host: "nowhere.invalid", lazyConnect: true, db: 3 });
  expect(optionsOf(redis)).toMatchObject({ host: "nowhere.invalid", db: 3 });
  expect(optionsOf({ password: "pass" })).toEqual({ password: "pass", username: "default" });
  expect(optionsOf({ password: "pass", username: "ann" })).toEqual({ password: "pass", username: "ann" });
  await new RedisBroker(redis, { namespace: "test" }).close();
  expect(redis.status).toBe("wait");
  redis.disconnect();
});

test("what would not be followed is refused: a key prefix, a cluster, a namespace with braces", () => {
  expect(refusal(() => optionsOf({ keyPrefix: "app:" })).reason).toMatch(/keyPrefix is not supported: use namespace/);
  const cluster = new Cluster([{ host: "nowhere.invalid" }], { lazyConnect: true });
  // As one might do without types.
  expect(refusal(() => optionsOf(cluster as unknown as Redis)).reason).toMatch(/Cluster is not supported yet/);
  cluster.disconnect();
  for (const namespace of ["", "a{b", "a b"]) {
    expect(refusal(() => new RedisBroker("redis://host", { namespace })).reason).toMatch(/namespace/);
  }
  expect(refusal(() => new RedisBroker("redis://host", { namespace: "n", connectTimeoutMs: -1 })).reason).toMatch(
    /connectTimeoutMs/,
  );
});

test("a place in a message holds no user and no password", () => {
  expect(placeOf(optionsOf("redis://ann:secret@host:1"))).toBe(" at host:1");
  expect(placeOf(optionsOf("redis://ann:secret@[::1]:1"))).toBe(" at [::1]:1");
  expect(placeOf(optionsOf("redis+unix:///run/redis.sock"))).toBe(" at /run/redis.sock");
});

test.each(["redis://host", "REDISS://host", "redis+unix:///run/redis.sock"])(
  "%s opens a broker, which connects only when it is used",
  async (url) => {
    await openBroker(url, { namespace: "test" }).close();
  },
);
