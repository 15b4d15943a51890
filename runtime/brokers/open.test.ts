import { expect, test } from "vitest";
import { TaskError } from "../errors.ts";
import { openBroker } from "./open.ts";

const options = { namespace: "test" };

function refusal(url: string): TaskError {
  try {
    openBroker(url, options);
  } catch (error) {
    if (error instanceof TaskError) return error as TaskError;
  }
  throw new Error("it was not refused");
}

test("a URL's scheme chooses the broker, in whatever case", async () => {
  for (const url of ["memory:", "MEMORY:name"]) {
    const broker = openBroker(url, options);
    expect(await broker.presence("q")).toEqual([]);
    await broker.close();
  }
});

test("an unknown scheme is named, with those that are known", () => {
  const error = refusal("amqp://localhost");
  expect(error.code).toBe("invalid_argument");
  expect(error.reason).toMatch(/"amqp:" is none of the brokers that are known: .*memory:/);
});

test.each([
  "",
  "localhost",
  "user:secret@host:6379",
  "amqp://user:secret@host",
  "secret:",
  "//user:secret@host",
  "constructor:secret",
  "ht tp://user:secret@host",
])("%j is refused without showing what may be a secret", (url) => {
  const error = refusal(url);
  expect(error.code).toBe("invalid_argument");
  expect(`${error.message} ${error.stack}`).not.toMatch(/secret|user/);
});
